"""A D-GRU over a whole sequence on the CPU in mixed precision.

Products of bfloat16 numbers summed in float32; state, gates and the master weights stay float32.
About twice as fast as `wheesht.cells.kernels.dgru_sequence`, which is its slow twin: the two differ
by the rounding of the factors, and where that rounding changes which units are the A largest.
"""

from typing import Any

import torch
from torch import Tensor

from wheesht.cells.kernels import _steps
from wheesht.cells.kernels.dgru_sequence import Gate


def has_bfloat16_steps(x: Tensor, hidden_size: int) -> bool:
    """Tell whether mixed precision is asked for (autocast) and covers this input.

    Needs main memory, even sizes, and AVX-512 BF16 instructions.
    """
    asked = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    fits = x.device.type == "cpu" and x.shape[-1] % 2 == 0 and hidden_size % 2 == 0
    return asked and fits and _steps.has_bf16 and x.dtype in (torch.float32, torch.bfloat16)


def dgru_bfloat16(
    x: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor, h_0: Tensor, gate: Gate
) -> tuple[Tensor, Tensor]:
    """Run a D-GRU.

    Parameters
    ----------
    x : Tensor, shape (T, B, I)
        float32 or bfloat16.
    w_x, w_h : Tensor, shape (3H, I) and (3H, H)
        Gates stacked r, z, c.
    b_x, b_h : Tensor, shape (3H,)
    h_0 : Tensor, shape (B, H)
    gate : Gate

    Returns
    -------
    h : Tensor of float32, shape (T, B, H)
    update_mask : Tensor of uint8, shape (T, B, H)
    """
    return _DGRUBfloat16.apply(x, w_x, w_h, b_x, b_h, h_0, gate)


def _bits(x: Tensor) -> Tensor:
    """View bfloat16 as the 16-bit integers that the native side takes."""
    return x.view(torch.int16)


def _product(x: Tensor, w: Tensor, bias: Tensor | None = None, transposed: bool = False) -> Tensor:
    """Return ``x w^T + bias``, or ``x w``, of bfloat16 rows (..., K) in float32."""
    matrix = _steps.Bf16Matrix(w, transposed)
    y = torch.empty(*x.shape[:-1], w.shape[1 if transposed else 0])
    matrix.times(_bits(x.flatten(0, -2)), bias, y.flatten(0, -2))
    return y


class _DGRUBfloat16(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w_x: Tensor,
        w_h: Tensor,
        b_x: Tensor,
        b_h: Tensor,
        h_0: Tensor,
        gate: Gate,
    ) -> tuple[Tensor, Tensor]:
        steps, batch, _ = x.shape
        hidden = w_h.shape[1]
        weights_x, weights_h = w_x.detach().contiguous(), w_h.detach().contiguous()
        rounded = x.detach().to(torch.bfloat16).contiguous()
        gates_x = _product(rounded, weights_x, b_x.detach())
        h = torch.empty(steps + 1, batch, hidden)
        h[0] = h_0
        h_rounded = torch.empty_like(h, dtype=torch.bfloat16)
        saved = torch.empty(steps, batch, 4 * hidden)
        mask = torch.empty(steps, batch, hidden, dtype=torch.uint8)
        matrix = _steps.Bf16Matrix(weights_h)
        _steps.forward_bf16(gates_x, matrix, b_h.detach(), h, _bits(h_rounded), saved, mask, *gate)
        ctx.mark_non_differentiable(mask)
        ctx.save_for_backward(weights_x, weights_h, rounded, h, h_rounded, saved, mask)
        ctx.input_dtype = x.dtype
        return h[1:], mask

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_h: Tensor, _grad_mask: Tensor) -> tuple[Tensor | None, ...]:
        w_x, w_h, x, h, h_rounded, saved, mask = ctx.saved_tensors
        steps, batch, hidden = grad_h.shape
        carry = torch.zeros(batch, hidden)
        grad_gates_x = torch.empty(steps, batch, 3 * hidden, dtype=torch.bfloat16)
        grad_gates_h = torch.empty_like(grad_gates_x)
        grad_b = torch.zeros(2, 3 * hidden)
        _steps.backward_bf16(
            grad_h.float().contiguous(),
            _steps.Bf16Matrix(w_h, True),
            h,
            saved,
            mask,
            carry,
            _bits(grad_gates_x),
            _bits(grad_gates_h),
            grad_b,
        )
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = _product(grad_gates_x, w_x, transposed=True).to(ctx.input_dtype)
        grad_w_x = grad_gates_x.flatten(0, 1).t() @ x.flatten(0, 1)
        grad_w_h = grad_gates_h.flatten(0, 1).t() @ h_rounded[:-1].flatten(0, 1)
        return grad_x, grad_w_x.float(), grad_w_h.float(), grad_b[0], grad_b[1], carry, None
