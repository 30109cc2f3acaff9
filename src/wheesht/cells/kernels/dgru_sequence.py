"""A D-GRU over a whole sequence on the CPU: matrix products by torch, the rest native.

The backward pass is written out instead of recorded, so that the weight gradients of all steps
are one matrix product. Its slow twin is the step in a loop (`wheesht.cells.base.Cell.loop`).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from wheesht.cells.kernels._steps import Sequence


class Gate(NamedTuple):
    """Which units a step updates.

    `selected` (B,) int32 is A of each row of the batch, 1 to H; `limit` (H,), when given, decides
    instead: the units whose pre-activation of z is above it.
    """

    selected: Tensor
    limit: Tensor | None


def has_native_steps(x: Tensor) -> bool:
    """Tell whether the native steps cover this tensor: float32, or autocast, in main memory."""
    single = x.dtype == torch.float32 or torch.is_autocast_enabled("cpu")
    return single and x.device.type == "cpu"


def dgru_sequence(
    gates_x: Tensor,
    w_h: Tensor,
    b_h: Tensor,
    h_0: Tensor,
    gate: Gate,
    state_scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a D-GRU whose input products are already made.

    Parameters
    ----------
    gates_x : Tensor, shape (T, B, 3H)
        ``w_x x + b_x``, gates stacked r, z, c.
    w_h : Tensor, shape (3H, H)
    b_h : Tensor, shape (3H,)
    h_0 : Tensor, shape (B, H)
    gate : Gate
    state_scale : float, optional
        Let `w_h` multiply states rounded to multiples of it (Q4).

    Returns
    -------
    h : Tensor, shape (T, B, H)
    update_mask : Tensor of uint8, shape (T, B, H)
    """
    return _DGRUSequence.apply(gates_x, w_h, b_h, h_0, gate, state_scale)


def _seen(h: Tensor, state_scale: float | None) -> Tensor:
    """Return the states as the matrix sees them: below 1 in size, so that no integer is limited."""
    return h if state_scale is None else torch.round(h / state_scale).mul_(state_scale)


class _DGRUSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        gates_x: Tensor,
        w_h: Tensor,
        b_h: Tensor,
        h_0: Tensor,
        gate: Gate,
        state_scale: float | None,
    ) -> tuple[Tensor, Tensor]:
        steps, batch, rows = gates_x.shape
        hidden = rows // 3
        gates_x = gates_x.contiguous()
        h = gates_x.new_empty(steps + 1, batch, hidden)
        h[0] = h_0
        gates_h = gates_x.new_empty(batch, rows)
        saved = gates_x.new_empty(steps, batch, 4 * hidden)
        mask = torch.empty(steps, batch, hidden, dtype=torch.uint8)
        sequence = Sequence(gates_x.detach(), gates_h, h, saved, mask, *gate)
        w_transposed = w_h.detach().t().contiguous()  # (H, 3H): faster than a transposed view
        bias = b_h.detach()
        for t, h_t in enumerate(h.unbind(0)[:-1]):
            torch.addmm(bias, _seen(h_t, state_scale), w_transposed, out=gates_h)
            sequence.forward(t)
        ctx.sequence = sequence
        ctx.state_scale = state_scale
        ctx.mark_non_differentiable(mask)
        ctx.save_for_backward(w_h, h)
        return h[1:], mask

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_h: Tensor, _grad_mask: Tensor) -> tuple[Tensor | None, ...]:
        w_h, h = ctx.saved_tensors
        steps, batch, hidden = grad_h.shape
        grad_h = grad_h.contiguous()
        carry = grad_h.new_zeros(batch, hidden)
        grad_gates_x = grad_h.new_empty(steps, batch, 3 * hidden)
        grad_gates_h = grad_h.new_empty(steps, batch, 3 * hidden)
        per_step = grad_gates_h.unbind(0)
        for t in range(steps - 1, -1, -1):
            ctx.sequence.backward(t, grad_h, carry, grad_gates_x, grad_gates_h)
            carry.addmm_(per_step[t], w_h)
        flat = grad_gates_h.view(-1, 3 * hidden)
        grad_w_h = flat.t() @ _seen(h[:-1], ctx.state_scale).reshape(-1, hidden)
        return grad_gates_x, grad_w_h, flat.sum(0), carry, None, None
