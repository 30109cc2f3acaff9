"""D-GRU: a GRU that recomputes only the units whose update gate asks for it."""

import torch
from torch import Tensor, nn

from wheesht.cells.base import State
from wheesht.cells.controllers import Everyone, Threshold, TopA
from wheesht.cells.dgrnn import select
from wheesht.cells.gru import GRU
from wheesht.cells.kernels.dgru_bfloat16 import dgru_bfloat16, has_bfloat16_steps
from wheesht.cells.kernels.dgru_gpu import compiled_loop, has_triton, has_triton_steps
from wheesht.cells.kernels.dgru_sequence import Gate, dgru_sequence, has_native_steps


class DGRU(GRU):
    """GRU behind a select gate on its own update gate; no extra parameters.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H.
    controller : TopA, Threshold or Everyone, optional
        Default `TopA` at 100 percent, which equals the plain GRU.

    Notes
    -----
    `forward` runs the native training steps for float32 on a CPU, Triton kernels for float32 on a
    GPU (H at most 512; without Triton, none) and the step in a loop otherwise; all give the same
    values for finite input and weights. Those on a CPU give NaN where these are not finite: from
    that frame of that sequence on, or everywhere for weights.

    Under ``torch.autocast("cpu", torch.bfloat16)``, where the CPU has instructions for that, and
    under ``torch.autocast("cuda", torch.bfloat16)`` its products are of bfloat16 numbers, summed in
    float32; the state stays float32. On a GPU the input products are rounded to bfloat16.
    Equations G1 to G5 of docs/equations.md; D-GRU paper (arXiv 2408.12425), sections 2 and 3.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        controller: TopA | Threshold | Everyone | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.controller = TopA() if controller is None else controller

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one frame; the state also holds this frame's ``update_mask`` (B, H)."""
        h, mask = select(self, self.controller, None, x, state["h"])
        return h, {"h": h, "update_mask": mask}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over ``x`` (B, T, I); return (B, T, H) and the state after the last frame."""
        mixed = has_bfloat16_steps(x, self.hidden_size)
        triton = has_triton_steps(x, self.hidden_size)
        h_0 = (state or self.initial_state(x.shape[0]))["h"]
        if x.shape[1] == 0 or not (mixed or triton or has_native_steps(x)):
            if x.shape[1] > 0 and has_triton(x):
                return compiled_loop(self, self.controller, x, h_0)
            return self.loop(x, state)
        gate = self._gate(x.shape[0])
        frames = x.transpose(0, 1)
        if triton:
            from wheesht.cells.kernels.dgru_triton import dgru_triton

            gates_x = nn.functional.linear(frames, self.w_x, self.b_x)
            h, mask = dgru_triton(gates_x, self.w_h, self.b_h, h_0, gate)
        elif mixed:
            h, mask = dgru_bfloat16(frames, self.w_x, self.w_h, self.b_x, self.b_h, h_0, gate)
        else:
            with torch.autocast("cpu", enabled=False):
                gates_x = nn.functional.linear(frames.float(), self.w_x, self.b_x)  # (T, B, 3H)
                h, mask = dgru_sequence(gates_x, self.w_h, self.b_h, h_0, gate)
        if not triton:
            h = self._nan_where_not_finite(h, frames, h_0)
        return h.transpose(0, 1), {"h": h[-1], "update_mask": mask[-1].to(h.dtype)}

    def _nan_where_not_finite(self, h: Tensor, frames: Tensor, h_0: Tensor) -> Tensor:
        """Let NaN and infinities be seen, which the native steps' clamped activations hide."""
        with torch.no_grad():
            weights = sum(w.sum() for w in (self.w_x, self.w_h, self.b_x, self.b_h))
            sums = (frames.float().sum(-1) + h_0.sum(-1) + weights).cumsum(0)  # (T, B)
            if torch.isfinite(sums[-1]).all():
                return h
            nothing = torch.where(torch.isfinite(sums), 0.0, torch.nan)
        return h + nothing[..., None]  # added, so that gradients show it too

    def _gate(self, batch: int) -> Gate:
        """Return what the native steps need to know of the controller."""
        if isinstance(self.controller, TopA):
            return Gate(self.controller.selected(batch, self.hidden_size), None)
        everyone = torch.full((batch,), self.hidden_size, dtype=torch.int32)
        if isinstance(self.controller, Threshold):
            return Gate(everyone, self.controller.limit())
        return Gate(everyone, None)


def from_torch_gru(gru: nn.GRU, controller: TopA | Threshold | Everyone | None = None) -> DGRU:
    """Convert a one-layer, one-direction `torch.nn.GRU` to the paper's sense of z.

    Torch's z keeps where ours replaces, so the rows of z change their sign; the order r, z, c is
    the same.

    Parameters
    ----------
    gru : torch.nn.GRU
        One layer, one direction, with biases.

    Returns
    -------
    DGRU
        Float type and device of `gru`; equal to it with every unit updated.
    """
    cell = DGRU(gru.input_size, gru.hidden_size, controller)
    rows_of_z = slice(gru.hidden_size, 2 * gru.hidden_size)
    pairs = {"w_x": "weight_ih_l0", "w_h": "weight_hh_l0", "b_x": "bias_ih_l0", "b_h": "bias_hh_l0"}
    with torch.no_grad():
        for ours, theirs in pairs.items():
            tensor = getattr(gru, theirs).detach().clone()
            tensor[rows_of_z].neg_()
            setattr(cell, ours, nn.Parameter(tensor))
    return cell
