"""D-GRU whose matrices hold integers: as the engine computes a layer of 8 bits, and trainable."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheesht.cells.base import State
from wheesht.cells.controllers import Everyone, Threshold, TopA
from wheesht.cells.dgru import DGRU
from wheesht.cells.gru import propose
from wheesht.cells.integers import Ranges, of_input, of_rows, rounded
from wheesht.cells.kernels.dgru_sequence import dgru_sequence, has_native_steps
from wheesht.spec.integers import INPUT_LEVELS, STATE_SCALE

STATE = float(STATE_SCALE[0])


class IntegerDGRU(DGRU):
    """`DGRU` with weights, inputs and multiplied states rounded to 8 bits; its state is not.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H.
    controller : TopA, Threshold or Everyone, optional
        Default `TopA` at 100 percent.
    ranges : {"fixed", "learned"}
        Whether scales of weights and input are parameters.
    rounds_input : bool
        False where the input is rounded already.

    Notes
    -----
    Equations Q1 to Q4 of docs/equations.md. `forward` rounds the weights once and makes the
    products with the input of all frames at once; native steps for float32 on a CPU, torch's
    otherwise.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        controller: TopA | Threshold | Everyone | None = None,
        ranges: Ranges = "fixed",
        rounds_input: bool = True,
    ) -> None:
        super().__init__(input_size, hidden_size, controller)
        self.w_x_scale, self.w_h_scale = of_rows(self.w_x, ranges), of_rows(self.w_h, ranges)
        self.input_scale: nn.Module = of_input("s8", ranges) if rounds_input else nn.Identity()

    def propose(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the proposal and the update gate before its sigmoid, (B, H) each."""
        from_x = functional.linear(self.input_scale(x), self.w_x_scale(self.w_x), self.b_x)
        return propose(from_x, self._from_state(h, self.w_h_scale(self.w_h)), h)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over ``x`` (B, T, I); return (B, T, H) and the state after the last frame."""
        if x.shape[1] == 0:
            return self.loop(x, state)
        h_0 = (state or self.initial_state(x.shape[0]))["h"]
        frames, w_h = self.input_scale(x.transpose(0, 1)), self.w_h_scale(self.w_h)
        gates_x = functional.linear(frames, self.w_x_scale(self.w_x), self.b_x)  # (T, B, 3H)
        if has_native_steps(x):
            gate = self._gate(x.shape[0])
            h, masks = dgru_sequence(gates_x, w_h, self.b_h, h_0, gate, STATE)
            h = self._nan_where_not_finite(h, frames, h_0)
            return h.transpose(0, 1), {"h": h[-1], "update_mask": masks[-1].to(h.dtype)}
        states, before = [], h_0
        for from_x in gates_x.unbind(0):
            proposal, scores = propose(from_x, self._from_state(before, w_h), before)
            mask = self.controller(scores.detach())
            before = torch.where(mask > 0, proposal, before)
            states.append(before)
        return torch.stack(states, dim=1), {"h": before, "update_mask": mask}

    def _from_state(self, h: Tensor, w_h: Tensor) -> Tensor:
        return functional.linear(rounded(h, STATE, INPUT_LEVELS["s8"]), w_h, self.b_h)
