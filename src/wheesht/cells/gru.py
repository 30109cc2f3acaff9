"""The gated recurrent unit in the sense of the D-GRU paper: z = 1 replaces the old state."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheesht.cells.base import Cell, State


class GRU(Cell):
    """GRU with the reset gate applied after the product, gates stacked r, z, c.

    ``r = sig(Wr x + br + Ur h + br')``, z likewise, ``c = tanh(Wc x + bc + r (Uc h + bc'))``,
    ``h' = z c + (1 - z) h``. `torch.nn.GRU` uses the complement of z; `from_torch_gru` converts.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H.

    Attributes
    ----------
    w_x : Parameter, shape (3H, I)
    w_h : Parameter, shape (3H, H)
    b_x, b_h : Parameter, shape (3H,)

    Notes
    -----
    Equations G1 to G4 of docs/equations.md; D-GRU paper (arXiv 2408.12425), section 2.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        rows = 3 * hidden_size
        self.w_x = nn.Parameter(torch.empty(rows, input_size))
        self.w_h = nn.Parameter(torch.empty(rows, hidden_size))
        self.b_x = nn.Parameter(torch.empty(rows))
        self.b_h = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights from U(-1/sqrt(H), 1/sqrt(H)), as `torch.nn.GRU` does."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in (self.w_x, self.w_h, self.b_x, self.b_h):
            nn.init.uniform_(parameter, -bound, bound)

    def propose(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return what every unit would become, and the update gate before its sigmoid.

        Parameters
        ----------
        x : Tensor, shape (B, I)
        h : Tensor, shape (B, H)

        Returns
        -------
        proposal, z_score : Tensor, shape (B, H)
            ``z c + (1 - z) h`` and the pre-activation of z.
        """
        from_x = functional.linear(x, self.w_x, self.b_x)
        return propose(from_x, functional.linear(h, self.w_h, self.b_h), h)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one frame; every unit is recomputed."""
        proposal, _ = self.propose(x, state["h"])
        return proposal, {"h": proposal}


def propose(from_x: Tensor, from_h: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return what every unit would become, and the update gate before its sigmoid.

    Parameters
    ----------
    from_x, from_h : Tensor, shape (B, 3H)
        Products with input and state, biases added.
    h : Tensor, shape (B, H)

    Returns
    -------
    proposal, z_score : Tensor, shape (B, H)
    """
    x_r, x_z, x_c = from_x.chunk(3, dim=-1)
    h_r, h_z, h_c = from_h.chunk(3, dim=-1)
    z_score = x_z + h_z
    z = torch.sigmoid(z_score)
    c = torch.tanh(x_c + torch.sigmoid(x_r + h_r) * h_c)
    return z * c + (1.0 - z) * h, z_score
