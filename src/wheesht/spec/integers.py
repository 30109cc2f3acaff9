"""Integer arithmetic of layers: what a `dtype` stands for, and from real numbers to it and back.

In a layer of `dtype` ``s8`` or ``s16`` a matrix holds integers of 8 bits, -127 to 127, with a scale
for each output row; its inputs are rounded to integers too, of 8 or 16 bits, with one scale for the
layer, and products are summed in 32 bits. Hidden states are below 1 in size, so their scale is
fixed. What follows the sums (biases, gates, activations) is float. Equations Q1 to Q4 of
docs/equations.md.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

Dtype = Literal["f32", "s8", "s16"]

WEIGHT_LEVELS = 127  # largest integer of a weight
PAIR_LIMIT = 128  # of the sizes of two neighbours: products of a pair then fit into 16 bits
PLANE = 128  # an input of 16 bits is PLANE times one integer of 8 bits plus another
INPUT_LEVELS = {"s8": 127, "s16": 127 * PLANE}  # largest integer of an input, by dtype
STATE_SCALE = np.array([1.0 / 127])  # of hidden states, which are below 1 in size (Q4)
MIN_SCALE = 1e-20  # 1 over one is a normal float, as rounding needs it
SCALE = "_scale"  # what the name of a scale adds to that of its tensor
INPUT_SCALE = "input_scale"


def with_scales(
    dtype: Dtype, shapes: Mapping[str, tuple[int, ...]], *matrices: str
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer's tensors, those of scales among them if it has any.

    Parameters
    ----------
    dtype : str
        Of the layer.
    shapes : dict
        By tensor name, without scales.
    matrices : str
        Names of the tensors that hold integers unless `dtype` is ``f32``.

    Examples
    --------
    >>> with_scales("s8", {"weight": (3, 2)}, "weight")
    {'weight': (3, 2), 'weight_scale': (3,), 'input_scale': (1,)}
    """
    if dtype == "f32":
        return dict(shapes)
    scales = {f"{name}{SCALE}": shapes[name][:-1] for name in matrices}
    return {**shapes, **scales, INPUT_SCALE: (1,)}


def is_scale(tensor: str) -> bool:
    """Return whether a tensor of that name holds scales, which count as no parameters."""
    return tensor.endswith(SCALE)


def has_integers(tensor: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether a tensor holds integers: there is a tensor with its scales."""
    return f"{tensor}{SCALE}" in shapes


def quantize(x: np.ndarray, scale: float | np.ndarray, levels: int) -> np.ndarray:
    """Return the nearest integers to ``x / scale``, ties to even, at most `levels` in size (Q1).

    Examples
    --------
    >>> quantize(np.array([0.26, -9.0, 0.25]), 0.1, 127)
    array([  3., -90.,   2.])
    """
    return np.clip(np.rint(x / scale), -levels, levels)


def row_scales(weight: np.ndarray) -> np.ndarray:
    """Return the scale of each row, float32: its largest pair of neighbours adds up to 127 of it.

    Parameters
    ----------
    weight : ndarray, shape (..., I)

    Returns
    -------
    ndarray, shape (...)
        1 for rows of zeros, and for those whose scale would be below `MIN_SCALE`: their integers
        are zeros.
    """
    largest = np.max(_pairs(np.abs(weight.astype(np.float64))).sum(axis=-1), axis=-1)
    scale = (largest / (PAIR_LIMIT - 1)).astype(np.float32)
    return np.where(scale >= MIN_SCALE, scale, np.float32(1.0))


def quantize_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix as integers with a scale for each row: int8 (..., I), float32 (...) (Q2).

    Examples
    --------
    >>> integers, scale = quantize_rows(np.array([[0.5, 0.25, 0.1]]))
    >>> integers.tolist(), bool(np.isclose(scale[0], 0.75 / 127))
    ([[85, 42, 17]], True)
    """
    scale = row_scales(weight)
    integers = quantize(weight.astype(np.float64), scale[..., np.newaxis], WEIGHT_LEVELS)
    return integers.astype(np.int8), scale


def largest_pair(integers: np.ndarray) -> int:
    """Return the largest sum of the sizes of two neighbours, columns 2k and 2k + 1 of a row."""
    return int(np.max(_pairs(np.abs(integers.astype(np.int32))).sum(axis=-1)))


def _pairs(matrix: np.ndarray) -> np.ndarray:
    """Return (..., ceil(I / 2), 2), a zero behind an odd last column."""
    width = matrix.shape[-1]
    padding = [(0, 0)] * (matrix.ndim - 1) + [(0, width % 2)]
    return np.pad(matrix, padding).reshape(*matrix.shape[:-1], -1, 2)


def dequantize_rows(integers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return what the integers stand for: float32, the shape of `integers`."""
    return (integers * scale[..., np.newaxis].astype(np.float64)).astype(np.float32)
