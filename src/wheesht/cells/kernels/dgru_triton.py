"""A D-GRU over a whole sequence on a GPU: one Triton kernel runs all steps of a pass.

The input products of all steps are one matrix product before, the weight gradients one after, as in
`wheesht.cells.kernels.dgru_sequence`, whose slow twin is the same: the step in a loop. Each program
owns ``ROWS`` rows of the batch for the whole sequence and reads the recurrent weights anew in every
step, from the GPU's second-level cache, where they stay (at most 3 MB). Programs never wait for
each other; within one, a barrier stands between writing a row and reading it across threads.

Block sizes are fixed, not tuned at run time: a run gives the same bits when it is repeated.

Verified with Triton's interpreter against float64, and compiled to machine code for sm_86 and sm_90
(tests/cells/test_dgru_triton.py). It has not run on a GPU yet: `benchmarks/training_step.py
--device cuda` compares it with the loop there before it times anything.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from wheesht.cells.kernels.dgru_sequence import Gate

# ROWS and DEPTH are at least the 16 that a matrix instruction takes; three tiles of DEPTH x UNITS
# weights are in flight for each of the stages.
ROWS, UNITS, DEPTH, WARPS = 16, 64, 64, 8
STAGES = {torch.float32: 2, torch.bfloat16: 4}  # at most 90 KB of shared memory
LOWEST = tl.constexpr(-(2**31))  # the key of no number


def dgru_triton(
    gates_x: Tensor, w_h: Tensor, b_h: Tensor, h_0: Tensor, gate: Gate
) -> tuple[Tensor, Tensor]:
    """Run a D-GRU whose input products are already made.

    Parameters
    ----------
    gates_x : Tensor of float32 or bfloat16, shape (T, B, 3H)
        ``w_x x + b_x``, gates stacked r, z, c, H at most 512. Its type is also that of the factors
        of the recurrent products; sums, gates and state are float32. Factors of float32 are
        rounded to TF32 where ``torch.backends.cuda.matmul`` allows that.
    w_h : Tensor of float32, shape (3H, H)
    b_h : Tensor of float32, shape (3H,)
    h_0 : Tensor, shape (B, H)
    gate : Gate

    Returns
    -------
    h : Tensor of float32, shape (T, B, H)
    update_mask : Tensor of uint8, shape (T, B, H)
    """
    return _DGRUTriton.apply(gates_x, w_h, b_h, h_0, gate)


@triton.jit
def _mark_top_a(score, valid, count):
    """Mark exactly `count` (ROWS,) units of each row: the largest scores, ties to the first."""
    bits = tl.where(score == 0.0, 0.0, score).to(tl.int32, bitcast=True)  # -0 equals 0
    key = tl.where(valid, bits ^ ((bits >> 31) & 0x7FFFFFFF), LOWEST)  # orders as the floats do
    # The largest limit that `count` keys reach, two bits in each pass. The counts of the three
    # candidates share one sum, ten bits each.
    limit = tl.zeros_like(count) + LOWEST
    for i in range(16):
        quarter = 1 << (30 - 2 * i)
        first = (key >= (limit + quarter)[:, None]).to(tl.int32)
        second = (key >= (limit + 2 * quarter)[:, None]).to(tl.int32)
        third = (key >= (limit + 3 * quarter)[:, None]).to(tl.int32)
        reach = tl.sum(first + (second << 10) + (third << 20), axis=1)
        limit += quarter * ((reach & 1023) >= count).to(tl.int32)
        limit += quarter * (((reach >> 10) & 1023) >= count).to(tl.int32)
        limit += quarter * ((reach >> 20) >= count).to(tl.int32)
    above = key > limit[:, None]
    tied = (key == limit[:, None]).to(tl.int32)
    free = count - tl.sum(above.to(tl.int32), axis=1)
    return above | ((tied > 0) & (tl.cumsum(tied, axis=1) <= free[:, None]))


@triton.jit
def _tanh(x):
    return 2.0 * tl.sigmoid(2.0 * x) - 1.0


@triton.jit(do_not_specialize=["steps", "batch"])
def _forward_steps(
    gates_x,  # (T, B, 3H)
    w_h,  # (3H, H), of the type of gates_x
    b_h,  # (3H,)
    h,  # (T + 1, B, H), of which the first is given
    saved,  # (T, B, 4H): r, pre-activation of z, c, recurrent part of c
    mask,  # (T, B, H)
    selected,  # (B,), or None: all units are updated
    limit,  # (H,), or None
    steps,
    batch,
    H: tl.constexpr,
    PADDED: tl.constexpr,  # H rounded up to a power of two
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    DEPTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    in_batch = (row < batch)[:, None]
    every = tl.arange(0, PADDED)[None, :]
    valid = in_batch & (every < H)
    if limit is not None:
        limits = tl.load(limit + every, mask=every < H, other=0.0)
    elif selected is not None:
        count = tl.load(selected + row, mask=row < batch, other=1)
    for _ in range(steps):
        for first in range(0, H, UNITS):
            unit = first + tl.arange(0, UNITS)
            of_r = tl.zeros([ROWS, UNITS], tl.float32)
            of_z = tl.zeros([ROWS, UNITS], tl.float32)
            of_c = tl.zeros([ROWS, UNITS], tl.float32)
            for start in range(0, H, DEPTH):
                k = start + tl.arange(0, DEPTH)
                read = in_batch & (k < H)[None, :]
                state = tl.load(h + row[:, None] * H + k[None, :], mask=read, other=0.0)
                state = state.to(w_h.dtype.element_ty)
                inside = (k < H)[:, None] & (unit < H)[None, :]
                w = w_h + unit[None, :] * H + k[:, None]
                w_r = tl.load(w, mask=inside, other=0.0)
                w_z = tl.load(w + H * H, mask=inside, other=0.0)
                w_c = tl.load(w + 2 * H * H, mask=inside, other=0.0)
                of_r = tl.dot(state, w_r, of_r, input_precision=PRECISION)
                of_z = tl.dot(state, w_z, of_z, input_precision=PRECISION)
                of_c = tl.dot(state, w_c, of_c, input_precision=PRECISION)
            b = b_h + unit[None, :]
            real = (unit < H)[None, :]
            of_r += tl.load(b, mask=real, other=0.0)
            of_z += tl.load(b + H, mask=real, other=0.0)
            of_c += tl.load(b + 2 * H, mask=real, other=0.0)
            own = in_batch & real
            x = gates_x + row[:, None] * (3 * H) + unit[None, :]
            r = tl.sigmoid(tl.load(x, mask=own, other=0.0).to(tl.float32) + of_r)
            score = tl.load(x + H, mask=own, other=0.0).to(tl.float32) + of_z
            c = _tanh(tl.load(x + 2 * H, mask=own, other=0.0).to(tl.float32) + r * of_c)
            keep = saved + row[:, None] * (4 * H) + unit[None, :]
            tl.store(keep, r, mask=own)
            tl.store(keep + H, score, mask=own)
            tl.store(keep + 2 * H, c, mask=own)
            tl.store(keep + 3 * H, of_c, mask=own)
        tl.debug_barrier()
        keep = saved + row[:, None] * (4 * H) + every
        score = tl.load(keep + H, mask=valid, other=0.0)
        if limit is not None:
            updated = score > limits
        elif selected is not None:
            updated = _mark_top_a(score, valid, count)
        else:
            updated = valid
        c = tl.load(keep + 2 * H, mask=valid, other=0.0)
        old = tl.load(h + row[:, None] * H + every, mask=valid, other=0.0)
        new = tl.where(updated, old + tl.sigmoid(score) * (c - old), old)
        tl.store(mask + row[:, None] * H + every, updated.to(tl.uint8), mask=valid)
        h += batch * H
        tl.store(h + row[:, None] * H + every, new, mask=valid)
        tl.debug_barrier()
        gates_x += batch * 3 * H
        saved += batch * 4 * H
        mask += batch * H


@triton.jit(do_not_specialize=["steps", "batch"])
def _backward_steps(
    grad_h,  # (T, B, H)
    w_h,  # (3H, H), of the type of grad_gates_x
    h,  # (T + 1, B, H)
    saved,  # (T, B, 4H)
    mask,  # (T, B, H)
    carry,  # (B, H): zero before, the gradient of the first state after
    grad_gates_x,  # (T, B, 3H)
    grad_gates_h,  # (T, B, 3H)
    steps,
    batch,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    DEPTH: tl.constexpr,
    PRECISION: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    in_batch = (row < batch)[:, None]
    last = (steps - 1).to(tl.int64) * batch * H
    grad_h += last
    h += last
    mask += last
    saved += 4 * last
    grad_gates_x += 3 * last
    grad_gates_h += 3 * last
    for _ in range(steps):
        for first in range(0, H, UNITS):
            unit = first + tl.arange(0, UNITS)
            own = in_batch & (unit < H)[None, :]
            at = row[:, None] * H + unit[None, :]
            kept = saved + row[:, None] * (4 * H) + unit[None, :]
            r = tl.load(kept, mask=own, other=0.0)
            z = tl.sigmoid(tl.load(kept + H, mask=own, other=0.0))
            c = tl.load(kept + 2 * H, mask=own, other=0.0)
            recurrent = tl.load(kept + 3 * H, mask=own, other=0.0)
            old = tl.load(h + at, mask=own, other=0.0)
            total = tl.load(grad_h + at, mask=own, other=0.0)
            total += tl.load(carry + at, mask=own, other=0.0)
            chosen = tl.where(tl.load(mask + at, mask=own, other=0) > 0, total, 0.0)
            grad_z = chosen * (c - old) * z * (1.0 - z)
            grad_c = chosen * z * (1.0 - c * c)
            grad_r = grad_c * recurrent * r * (1.0 - r)
            tl.store(carry + at, total - chosen * z, mask=own)
            kind = grad_gates_x.dtype.element_ty
            at = row[:, None] * (3 * H) + unit[None, :]
            tl.store(grad_gates_x + at, grad_r.to(kind), mask=own)
            tl.store(grad_gates_x + at + H, grad_z.to(kind), mask=own)
            tl.store(grad_gates_x + at + 2 * H, grad_c.to(kind), mask=own)
            tl.store(grad_gates_h + at, grad_r.to(kind), mask=own)
            tl.store(grad_gates_h + at + H, grad_z.to(kind), mask=own)
            tl.store(grad_gates_h + at + 2 * H, (grad_c * r).to(kind), mask=own)
        tl.debug_barrier()
        for first in range(0, H, UNITS):
            unit = first + tl.arange(0, UNITS)
            own = in_batch & (unit < H)[None, :]
            at = row[:, None] * H + unit[None, :]
            total = tl.load(carry + at, mask=own, other=0.0)
            for start in range(0, H, DEPTH):
                k = start + tl.arange(0, DEPTH)
                read = in_batch & (k < H)[None, :]
                gates = grad_gates_h + row[:, None] * (3 * H) + k[None, :]
                of_r = tl.load(gates, mask=read, other=0.0)
                of_z = tl.load(gates + H, mask=read, other=0.0)
                of_c = tl.load(gates + 2 * H, mask=read, other=0.0)
                inside = (k < H)[:, None] & (unit < H)[None, :]
                w = w_h + k[:, None] * H + unit[None, :]
                w_r = tl.load(w, mask=inside, other=0.0)
                w_z = tl.load(w + H * H, mask=inside, other=0.0)
                w_c = tl.load(w + 2 * H * H, mask=inside, other=0.0)
                total = tl.dot(of_r, w_r, total, input_precision=PRECISION)
                total = tl.dot(of_z, w_z, total, input_precision=PRECISION)
                total = tl.dot(of_c, w_c, total, input_precision=PRECISION)
            tl.store(carry + at, total, mask=own)
        tl.debug_barrier()
        grad_h -= batch * H
        h -= batch * H
        mask -= batch * H
        saved -= batch * 4 * H
        grad_gates_x -= batch * 3 * H
        grad_gates_h -= batch * 3 * H


def _options(dtype: torch.dtype) -> dict[str, Any]:
    """Return block sizes and launch options for products of this type."""
    matmul = torch.backends.cuda.matmul
    setting = getattr(matmul, "fp32_precision", None)  # torch before 2.9 has the other one only
    tf32 = matmul.allow_tf32 if setting is None else setting == "tf32"
    return {
        "ROWS": ROWS,
        "UNITS": UNITS,
        "DEPTH": DEPTH,
        "PRECISION": "tf32" if tf32 else "ieee",
        "num_warps": WARPS,
        "num_stages": STAGES[dtype],
        "enable_fp_fusion": True,
    }


class _DGRUTriton(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gates_x: Tensor, w_h: Tensor, b_h: Tensor, h_0: Tensor, gate: Gate
    ) -> tuple[Tensor, Tensor]:
        steps, batch, rows = gates_x.shape
        hidden = rows // 3
        device = gates_x.device
        factors = w_h.detach().to(gates_x.dtype).contiguous()
        h = torch.empty(steps + 1, batch, hidden, device=device)
        h[0] = h_0
        saved = torch.empty(steps, batch, 4 * hidden, device=device)
        mask = torch.empty(steps, batch, hidden, dtype=torch.uint8, device=device)
        everyone = bool((gate.selected == hidden).all())
        with torch.cuda.device_of(gates_x):
            _forward_steps[(triton.cdiv(batch, ROWS),)](
                gates_x.detach().contiguous(),
                factors,
                b_h.detach(),
                h,
                saved,
                mask,
                None if everyone else gate.selected.to(device),
                None if gate.limit is None else gate.limit.float(),
                steps,
                batch,
                H=hidden,
                PADDED=triton.next_power_of_2(hidden),
                **_options(gates_x.dtype),
            )
        ctx.mark_non_differentiable(mask)
        ctx.save_for_backward(factors, h, saved, mask)
        return h[1:], mask

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_h: Tensor, _grad_mask: Tensor) -> tuple[Tensor | None, ...]:
        factors, h, saved, mask = ctx.saved_tensors
        steps, batch, hidden = grad_h.shape
        carry = torch.zeros(batch, hidden, device=h.device)
        grad_gates_x = factors.new_empty(steps, batch, 3 * hidden)
        grad_gates_h = torch.empty_like(grad_gates_x)
        with torch.cuda.device_of(h):
            _backward_steps[(triton.cdiv(batch, ROWS),)](
                grad_h.float().contiguous(),
                factors,
                h,
                saved,
                mask,
                carry,
                grad_gates_x,
                grad_gates_h,
                steps,
                batch,
                H=hidden,
                **_options(factors.dtype),
            )
        flat = grad_gates_h.flatten(0, 1)
        grad_w_h = flat.t() @ h[:-1].to(flat.dtype).flatten(0, 1)
        grad_b_h = flat.sum(0, dtype=torch.float32)
        return grad_gates_x, grad_w_h.float(), grad_b_h, carry, None
