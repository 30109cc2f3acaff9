"""The equations of one hop in float64, one function each, labels as in docs/equations.md."""

from dataclasses import dataclass

import numpy as np

from wheesht.spec.front_end import LEVEL_SHARE, MAX_SAMPLE, ROOT_FLOOR
from wheesht.spec.heads import MAX_COEFFICIENT, DeepFilter, MagnitudeFilter, Mask
from wheesht.spec.integers import INPUT_LEVELS, INPUT_SCALE, Dtype, quantize
from wheesht.spec.layers import NORM_EPSILON


def sanitise(samples: np.ndarray) -> np.ndarray:
    """Return samples as float64 with NaN and Inf replaced by 0, limited to +-`MAX_SAMPLE` (S0)."""
    x = np.asarray(samples, dtype=np.float64)
    return np.clip(np.where(np.isfinite(x), x, 0.0), -MAX_SAMPLE, MAX_SAMPLE)


def times(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the matrix product (R, I) x (I,), every row summed in the same order.

    A library's ``@`` may sum a row differently depending on where it stands. Here a row's value
    depends on the row alone, so equal rows tie exactly and a chosen subset of rows gives the
    very values that all rows give.
    """
    return np.einsum("ri,i->r", weights, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), written so that no exponential overflows (A1)."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def activate(x: np.ndarray, activation: str, slope: float = 1.0) -> np.ndarray:
    """Apply an activation of `Linear` by name; `slope` is used by ``prelu`` only (A1)."""
    if activation == "sigmoid":
        return sigmoid(x)
    if activation == "tanh":
        return np.tanh(x)
    if activation == "relu":
        return np.maximum(x, 0.0)
    if activation == "prelu":
        return np.where(x > 0, x, slope * x)
    return x  # "none"


def select_top_a(z_pre: np.ndarray, count: int) -> np.ndarray:
    """Choose the `count` largest, ties to the lowest index (G5).

    Parameters
    ----------
    z_pre : ndarray, shape (H,)
        Update gate before its sigmoid, which is monotonic and so does not change the order.
    count : int
        Units to choose, 1 to H.

    Returns
    -------
    ndarray, shape (H,), bool
        Exactly `count` are true.

    Examples
    --------
    >>> select_top_a(np.array([1.0, 3.0, 3.0, 3.0]), 2).tolist()
    [False, True, True, False]
    """
    update_mask = np.zeros(len(z_pre), dtype=bool)
    update_mask[np.argsort(-z_pre, kind="stable")[:count]] = True
    return update_mask


@dataclass
class DialState:
    """What a dial remembers from hop to hop; as here at the start of a signal."""

    mean: float = 0.0
    deviation: float = 0.0
    owed: float = 0.0
    hops: int = 0


def turn_dial(state: DialState, statistic: float, target: float, low: float, high: float) -> float:
    """Return P of the next hop in percent and remember it (G8, G9).

    Parameters
    ----------
    state : DialState
        Changed.
    statistic : float
        Of this hop (G7).
    target, low, high : float
        The mean of P to keep and the range of the model's dial, percent.
    """
    state.hops += 1
    share = max(1.0 / state.hops, 0.01)
    state.mean += share * (statistic - state.mean)
    above = statistic - state.mean
    state.deviation += share * (abs(above) - state.deviation)
    room = min(target - low, high - target, 25.0)
    swing = 10.0 * min(max(above / (state.deviation + 1e-3), -2.0), 2.0) * room / 25.0
    change = min(max(swing + 0.02 * state.owed, -room), room)
    state.owed -= change
    return target + change


def select_above(z_pre: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Choose the units whose update gate exceeds their threshold (G6).

    Parameters
    ----------
    z_pre : ndarray, shape (H,)
        Update gate before its sigmoid.
    threshold : ndarray, shape (H,)
        Of the gate itself, between 0 and 1, exclusive.

    Returns
    -------
    ndarray, shape (H,), bool
    """
    return z_pre > np.log(threshold / (1.0 - threshold))


@dataclass(frozen=True)
class Matrix:
    """A matrix of floats, or one of integers that multiplies inputs rounded to integers (Q1 to Q3).

    Attributes
    ----------
    weight : ndarray, shape (R, I)
    scale : ndarray, shape (R,), optional
        Of every row; without it `weight` holds floats.
    input_scale : float
    levels : int
        Largest integer of an input.
    """

    weight: np.ndarray
    scale: np.ndarray | None = None
    input_scale: float = 1.0
    levels: int = 0

    def times(self, x: np.ndarray, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Return the products of some rows with x, shape (I,)."""
        if self.scale is None:
            return times(self.weight[rows], x)
        sums = times(self.weight[rows], quantize(x, self.input_scale, self.levels))  # exact
        return self.scale[rows] * self.input_scale * sums


def matrix(dtype: Dtype, own: dict[str, np.ndarray]) -> Matrix:
    """Return the matrix of a layer from its tensors ``weight`` and, of integers, their scales.

    Leading axes of the weight are made one.
    """
    weight = own["weight"].reshape(-1, own["weight"].shape[-1])
    if dtype == "f32":
        return Matrix(weight)
    scale, input_scale = own["weight_scale"].ravel(), float(own[INPUT_SCALE][0])
    return Matrix(weight, scale, input_scale, INPUT_LEVELS[dtype])


@dataclass(frozen=True)
class GRUWeights:
    """Tensors of a GRU layer in float64, gates stacked r, z, c along the first axis."""

    w_x: Matrix  # (3H, I)
    w_h: Matrix  # (3H, H)
    b_x: np.ndarray  # (3H,)
    b_h: np.ndarray  # (3H,)

    @property
    def hidden_size(self) -> int:
        """Units, H."""
        return self.w_h.weight.shape[1]


def update_gate(x: np.ndarray, h: np.ndarray, w: GRUWeights) -> np.ndarray:
    """Return the update gates of all H units before the sigmoid (G2)."""
    z_rows = slice(w.hidden_size, 2 * w.hidden_size)
    from_x = w.w_x.times(x, z_rows) + w.b_x[z_rows]
    from_h = w.w_h.times(h, z_rows) + w.b_h[z_rows]
    return from_x + from_h


def gru_update(
    x: np.ndarray, h: np.ndarray, w: GRUWeights, z_pre: np.ndarray, update_mask: np.ndarray
) -> np.ndarray:
    """Recompute the chosen units and keep the others (G1, G3, G4).

    Parameters
    ----------
    x : ndarray, shape (I,)
        Input of the step.
    h : ndarray, shape (H,)
        State before the step; every row reads all of it.
    w : GRUWeights
        Tensors of the layer.
    z_pre : ndarray, shape (H,)
        From `update_gate`.
    update_mask : ndarray, shape (H,), bool
        True for the units to recompute.

    Returns
    -------
    ndarray, shape (H,)
        State after the step, a new array.
    """
    chosen = np.flatnonzero(update_mask)
    r_rows, c_rows = chosen, chosen + 2 * w.hidden_size
    r_from_x = w.w_x.times(x, r_rows) + w.b_x[r_rows]
    r_from_h = w.w_h.times(h, r_rows) + w.b_h[r_rows]
    r = sigmoid(r_from_x + r_from_h)
    c_from_x = w.w_x.times(x, c_rows) + w.b_x[c_rows]
    c_from_h = w.w_h.times(h, c_rows) + w.b_h[c_rows]
    c = np.tanh(c_from_x + r * c_from_h)
    z = sigmoid(z_pre[chosen])
    new = h.copy()
    new[chosen] = z * c + (1.0 - z) * h[chosen]
    return new


def split_head(output: np.ndarray, mask: Mask | DeepFilter) -> tuple[np.ndarray, np.ndarray]:
    """Turn the last layer's output into gains and filter coefficients (M1, M5).

    Parameters
    ----------
    output : ndarray, shape (C,)
        Of the last layer, its activation applied.
    mask : Mask or DeepFilter
        What the output stands for.

    Returns
    -------
    gains : ndarray, shape (n_bins,), 0 to 1
    coefficients : ndarray, complex, shape (order, filter_bins)
        Both parts limited to +-`MAX_COEFFICIENT`; of a `Mask`, shape (0, 0).
    """
    if not isinstance(mask, DeepFilter):
        return output, np.zeros((0, 0), complex)
    parts = np.clip(output[mask.n_bins :], -MAX_COEFFICIENT, MAX_COEFFICIENT)
    parts = parts.reshape(mask.order, 2, mask.filter_bins)
    return sigmoid(output[: mask.n_bins]), parts[:, 0] + 1j * parts[:, 1]


def spread_mask(mask: np.ndarray, first_bin: int, n_bins: int) -> np.ndarray:
    """Give every bin of the spectrum a mask value; bins outside take the nearest one's (M1).

    Examples
    --------
    >>> spread_mask(np.array([0.2, 0.7]), first_bin=1, n_bins=5).tolist()
    [0.2, 0.2, 0.7, 0.7, 0.7]
    """
    nearest = np.clip(np.arange(n_bins) - first_bin, 0, len(mask) - 1)
    return mask[nearest]


def conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the convolution of positions (K, I) with weights (O, B, I): (K, O) (A3)."""
    count, size = len(x), weight.shape[1]
    rows = []
    for k in range(count):
        y = bias.copy()
        for b in range(size):
            seen = k + b - size // 2
            if 0 <= seen < count:
                y = y + times(weight[:, b], x[seen])
        rows.append(y)
    return np.array(rows)


def layer_norm(x: np.ndarray) -> np.ndarray:
    """Give the channels of each position of (K, C) mean 0 and variance 1 (A4)."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + NORM_EPSILON)


def band_analysis(x: np.ndarray, weight: np.ndarray, bounds: tuple[int, ...]) -> np.ndarray:
    """Map the bins (F,) of every band to its channels: (bands, O) (A5)."""
    rows, start = [], 0
    for low, high in zip(bounds, bounds[2:], strict=False):
        stop = start + high - low
        rows.append(times(weight[:, start:stop], x[low:high]))
        start = stop
    return np.array(rows)


def band_synthesis(
    x: np.ndarray, weight: Matrix, bias: np.ndarray, bounds: tuple[int, ...]
) -> np.ndarray:
    """Give channels of bands (bands, I) back to the bins: (F, D), of a matrix (rows D, I) (A6)."""
    bins = np.zeros((bounds[-1], bias.shape[1]), x.dtype)
    start = 0
    for i, (low, high) in enumerate(zip(bounds, bounds[2:], strict=False)):
        rows = slice(start * bias.shape[1], (start + high - low) * bias.shape[1])
        given = weight.times(x[i], rows).reshape(high - low, -1)
        bins[low:high] += given + bias[start : start + high - low]
        start += high - low
    bins[bounds[1] : bounds[-2]] /= 2.0
    return np.tanh(bins)


@dataclass
class Level:
    """The running power of a scaled spectrum; as here at the start of a signal."""

    mean: float = 0.0
    hops: int = 0


def follow_level(level: Level, bins: np.ndarray, floor: float) -> float:
    """Return the level of this hop and remember its power (F3)."""
    level.hops += 1
    share = max(1.0 / level.hops, LEVEL_SHARE)
    level.mean += share * (float(np.mean(np.abs(bins) ** 2)) - level.mean)
    return float(np.sqrt(level.mean + floor))


def root_compressed(u: np.ndarray) -> np.ndarray:
    """Replace magnitudes by their roots: (K, 2) of real and imaginary parts (F5)."""
    return u * (np.sum(u**2, axis=1, keepdims=True) + ROOT_FLOOR) ** -0.25


def root_expanded(v: np.ndarray) -> np.ndarray:
    """Replace magnitudes by their squares, (K, 2): the way back of `root_compressed` (M7)."""
    return v * np.sqrt(np.sum(v**2, axis=1, keepdims=True) + ROOT_FLOOR)


def filtered_magnitudes(
    output: np.ndarray, frames: list[np.ndarray], head: MagnitudeFilter
) -> np.ndarray:
    """Filter gained magnitudes over frames and bins (M6).

    Parameters
    ----------
    output : ndarray, shape (n_bins, 1 + order * width)
        Of the last layer.
    frames : list of ndarray, shape (n_bins,)
        Gained magnitudes of this frame and those before, this one first.
    head : MagnitudeFilter

    Returns
    -------
    ndarray, shape (n_bins,), 0 or more
    """
    taps = np.clip(output[:, 1:], -MAX_COEFFICIENT, MAX_COEFFICIENT)
    taps = taps.reshape(-1, head.order, head.width)
    total = np.zeros(head.n_bins)
    for f in range(head.n_bins):
        for i, frame in enumerate(frames):
            for k in range(head.width):
                seen = f + k - head.width // 2
                if 0 <= seen < head.n_bins:
                    total[f] += taps[f, i, k] * frame[seen]
    return np.abs(total)
