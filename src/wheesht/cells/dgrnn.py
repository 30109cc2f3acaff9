"""The DG-RNN framework: any cell's update behind any select gate.

``h'[j] = proposal[j]`` where the mask is one, ``h[j]`` where it is zero. Every unit's proposal
sees the whole old state, so unselected units still act as inputs. The mask carries no gradient.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from wheesht.cells.base import Cell, State


class Proposing(Protocol):
    """A cell that can say what each unit would become, and score the units."""

    input_size: int
    hidden_size: int

    def propose(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the proposal (B, H) and the cell's own scores (B, H)."""
        ...


class DGRNN(Cell):
    """Dynamic gated recurrent network: a cell, a select gate and a controller.

    Parameters
    ----------
    cell : module with ``propose(x, h) -> (proposal, scores)``
        Whose update is made, for example `GRU`.
    controller : module
        From scores to the update mask, for example `TopA`.
    score : callable ``(x, h) -> (B, H)``, optional
        The gate network G. Without it the cell's own scores decide, which for a GRU is D-GRU.

    Notes
    -----
    Equation D1 of docs/equations.md; D-GRU paper (arXiv 2408.12425), section 2.
    """

    def __init__(
        self,
        cell: Proposing,
        controller: nn.Module,
        score: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(cell.input_size, cell.hidden_size)
        self.cell: Proposing = cell
        self.controller = controller
        self.score = score

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one frame; the state also holds the ``update_mask`` (B, H) of this frame."""
        h, mask = select(self.cell, self.controller, self.score, x, state["h"])
        return h, {"h": h, "update_mask": mask}


def select(
    cell: Proposing,
    controller: nn.Module,
    score: Callable[[Tensor, Tensor], Tensor] | None,
    x: Tensor,
    h: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the next hidden state (B, H) and the update mask (B, H) of one frame."""
    proposal, scores = cell.propose(x, h)
    mask = controller((scores if score is None else score(x, h)).detach())
    return torch.where(mask > 0, proposal, h), mask
