"""What every recurrent cell offers: sizes, an initial state, one step, and a whole sequence."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class Cell(nn.Module, ABC):
    """Base of the recurrent cells.

    A leaf implements `step`; `forward` is the step in a loop, and a leaf that has a faster equal
    of that loop overrides it. States are dicts of named tensors ``(B, H)`` and are never changed
    in place.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    def initial_state(self, batch: int) -> State:
        """Return the state before the first frame: zeros ``(batch, H)``."""
        parameter = next(self.parameters())
        return {"h": parameter.new_zeros(batch, self.hidden_size)}

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one frame, ``x`` (B, I); return the output (B, H) and the new state."""

    def loop(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run `step` over ``x`` (B, T, I); return (B, T, H) and the state after the last frame."""
        state = state or self.initial_state(x.shape[0])
        outputs = []
        for frame in x.unbind(1):
            h, state = self.step(frame, state)
            outputs.append(h)
        if not outputs:
            return x.new_zeros(x.shape[0], 0, self.hidden_size), state
        return torch.stack(outputs, dim=1), state

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over a sequence; same arguments and result as `loop`."""
        return self.loop(x, state)
