"""Numbers rounded to integers while they are trained: values as the engine sees them.

Gradients pass over the rounding and are cut off where the integers are limited (the
straight-through estimator). Scales stay as they are, or are learned.
"""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from wheesht.spec.integers import INPUT_LEVELS, PAIR_LIMIT, WEIGHT_LEVELS, Dtype, row_scales

Ranges = Literal["fixed", "learned"]

START_REACH = 4.0  # of a fresh layer's input: normalised features and layer norms stay within


class Scale(nn.Module):
    """The scales of one tensor's integers; called with the tensor, it rounds.

    Parameters
    ----------
    start : ndarray, shape (...)
        One for each row of what is rounded, whose shape is (..., I), or a single one.
    levels : int
        Largest integer.
    ranges : {"fixed", "learned"}
        Whether a scale stays or is a parameter. A learned one is ``start e^growth``: it stays
        above 0, a step changes it by a share of its size, and before the first it is `start` to
        the last bit.
    paired : bool
        Whether two neighbours are limited together, as those of weights are.

    Attributes
    ----------
    start : buffer, shape (...)
    growth : Parameter, shape (...), or None

    Notes
    -----
    Equations Q1, Q2 and Q6 of docs/equations.md. Learned scales: Esser et al. (arXiv 1902.08153);
    without their factor on the gradient, which Adam's steps do not depend on.
    """

    start: Tensor

    def __init__(
        self, start: np.ndarray, levels: int, ranges: Ranges, paired: bool = False
    ) -> None:
        super().__init__()
        self.levels, self.paired = levels, paired
        self.register_buffer("start", torch.from_numpy(start).to(torch.get_default_dtype()))
        self.growth = nn.Parameter(torch.zeros_like(self.start)) if ranges == "learned" else None

    def value(self) -> Tensor:
        """Return the scales, the shape of `start`."""
        return self.start if self.growth is None else self.start * torch.exp(self.growth)

    @torch.no_grad()
    def set(self, value: Tensor) -> None:
        """Set the scales."""
        self.start.copy_(value)
        if self.growth is not None:
            self.growth.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return what the integers of `x`, (..., I), stand for."""
        return _Rounding.apply(x, self.value().unsqueeze(-1), self.levels, self.paired)

    @torch.no_grad()
    def integers(self, x: Tensor) -> Tensor:
        """Return the integers of a tensor, (..., I): int8, so of weights only."""
        steps = torch.round(x / self.value().unsqueeze(-1))
        return _limited(steps, self.levels, self.paired).to(torch.int8)


def of_rows(weight: Tensor, ranges: Ranges) -> Scale:
    """Return the scales of a matrix, (..., I), as its weights are now."""
    return Scale(row_scales(weight.detach().cpu().numpy()), WEIGHT_LEVELS, ranges, paired=True)


def of_input(dtype: Dtype, ranges: Ranges) -> Scale:
    """Return the scale of a fresh layer's input."""
    levels = INPUT_LEVELS[dtype]
    return Scale(np.array([START_REACH / levels], np.float32), levels, ranges)


def rounded(x: Tensor, scale: float, levels: int) -> Tensor:
    """Return what the integers of `x` stand for at a scale that is never learned."""
    return _Rounding.apply(x, x.new_tensor(scale), levels, False)


def _limited(integers: Tensor, levels: int, paired: bool) -> Tensor:
    """Limit integers, (..., I), to `levels`; pairs of weights give up half each of what is over."""
    integers = integers.clamp(-levels, levels)
    if not paired:
        return integers
    width = integers.shape[-1]
    pairs = nn.functional.pad(integers, (0, width % 2)).unflatten(-1, (-1, 2))
    over = (pairs.abs().sum(-1) - PAIR_LIMIT).clamp(min=0.0)
    less = torch.stack([torch.ceil(over / 2), torch.floor(over / 2)], dim=-1)
    return (pairs - pairs.sign() * less).flatten(-2)[..., :width]


class _Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, levels: int, paired: bool) -> Tensor:
        steps = x / scale
        nearest = torch.round(steps)  # ties to even
        integers = _limited(nearest, levels, paired)
        inside = integers == nearest
        slope = integers - steps * inside if ctx.needs_input_grad[1] else None
        ctx.shape = scale.shape
        ctx.save_for_backward(inside, slope)
        return integers * scale

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        inside, slope = ctx.saved_tensors
        of_scale = None if slope is None else (grad * slope).sum_to_size(ctx.shape)
        return grad * inside, of_scale, None, None
