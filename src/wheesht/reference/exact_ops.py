"""The engine's arithmetic to the last bit: float32 in its order, and products of integers.

Written in numpy from the definitions in docs/numerics.md; it shares no code with the engine.
"""

import numpy as np

from wheesht.spec.integers import INPUT_LEVELS, INPUT_SCALE, PLANE, WEIGHT_LEVELS, Dtype
from wheesht.spec.layers import NORM_EPSILON

LANES = 16  # partial sums of a row of chosen units, and of a layer norm
ONE = np.float32(1.0)
EXACT_IN_FLOAT32 = 2**24  # the largest integer up to which float32 holds all
SIGMOID_LIMIT, TANH_LIMIT = np.float32(40.0), np.float32(9.1)
# S. L. Moshier, Cephes Mathematical Library, single precision (expf, tanhf).
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
       5.0000001201e-1)  # fmt: skip
TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
        -3.33332819422e-1)  # fmt: skip
LN_2 = np.float32(0.693359375), np.float32(-2.12194440e-4)  # in two parts
ROUNDER = np.float32(12582912.0)  # 1.5 2^23: adding it leaves an integer in the low bits


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    p = np.full_like(x, np.float32(coefficients[0]))
    for c in coefficients[1:]:
        p = p * x + np.float32(c)
    return p


def exp(x: np.ndarray) -> np.ndarray:
    """Return e^x, float32, |x| <= 87."""
    shifted = x * np.float32(1.44269504088896341) + ROUNDER
    n = shifted - ROUNDER
    f = (x - n * LN_2[0]) - n * LN_2[1]
    e = (_polynomial(f, EXP) * (f * f) + f) + ONE
    return (e.view(np.uint32) + (shifted.view(np.uint32) << np.uint32(23))).view(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the sigmoid, float32."""
    return ONE / (ONE + exp(-np.clip(x, -SIGMOID_LIMIT, SIGMOID_LIMIT)))


def tanh(x: np.ndarray) -> np.ndarray:
    """Return the hyperbolic tangent, float32."""
    t = np.minimum(np.abs(x), TANH_LIMIT)
    s = t * t
    near = _polynomial(s, TANH) * s * t + t
    far = ONE - np.float32(2.0) / (exp(t + t) + ONE)
    return np.copysign(np.where(t < np.float32(0.625), near, far), x)


def activate(x: np.ndarray, activation: str, slope: np.ndarray | None) -> np.ndarray:
    """Apply an activation of `Linear` by name; `slope`, (1,), is that of a ``prelu``."""
    if activation == "none":
        return x
    if activation in ("sigmoid", "tanh"):
        return sigmoid(x) if activation == "sigmoid" else tanh(x)
    return np.where(x > 0, x, x * (np.float32(0.0) if slope is None else slope))


def in_lanes(products: np.ndarray) -> np.ndarray:
    """Add products, (..., n), in ascending order to `LANES` partial sums, and fold these.

    Folded are k with k + 8, then k + 4, k + 2 and k + 1.
    """
    return fold(lanes(products))


def lanes(products: np.ndarray) -> np.ndarray:
    """Return the partial sums of `in_lanes`, (..., LANES)."""
    part = np.zeros((*products.shape[:-1], LANES), np.float32)
    for k in range(0, products.shape[-1], LANES):
        chunk = products[..., k : k + LANES]
        part[..., : chunk.shape[-1]] += chunk
    return part


def fold(part: np.ndarray) -> np.ndarray:
    """Add up partial sums, (..., LANES)."""
    while part.shape[-1] > 1:
        half = part.shape[-1] // 2
        part = part[..., :half] + part[..., half:]
    return part[..., 0]


def even_and_odd(*pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return products of rows: those of even and of odd columns are added in ascending order.

    Parameters
    ----------
    pairs : (ndarray, ndarray), shapes (R, I), (I,)
        One or several matrices, side by side, and what they multiply; columns of each are counted
        anew.
    """
    sums = np.zeros((2, len(pairs[0][0])), np.float32)
    for weight, x in pairs:
        for k in range(len(x)):
            sums[k % 2] += weight[:, k] * x[k]
    return sums[0] + sums[1]


def layer_norm(x: np.ndarray) -> np.ndarray:
    """Normalise (K, C) over channels (A4)."""
    count = np.float32(x.shape[1])
    centred = x - (in_lanes(x) / count)[:, np.newaxis]
    variance = in_lanes(centred * centred) / count
    return centred * (ONE / np.sqrt(variance + np.float32(NORM_EPSILON)))[:, np.newaxis]


class IntegerMatrix:
    """A matrix of integers (Q1 to Q3).

    Parameters
    ----------
    dtype : str
        Of the layer, not ``f32``.
    own : dict of ndarray
        The tensors ``weight`` (..., I) of int8, ``weight_scale`` and ``input_scale``.
    """

    def __init__(self, dtype: Dtype, own: dict[str, np.ndarray]) -> None:
        input_scale = float(own[INPUT_SCALE][0])
        weight = own["weight"].reshape(-1, own["weight"].shape[-1])
        largest = weight.shape[1] * WEIGHT_LEVELS**2  # of sums, which either type holds exactly
        self._type = np.float32 if largest <= EXACT_IN_FLOAT32 else np.float64
        self._weight = weight.astype(self._type)
        scale = own["weight_scale"].astype(np.float64).ravel() * input_scale
        self._scale = scale.astype(np.float32)
        self._levels = np.float32(INPUT_LEVELS[dtype])
        self._inverse = np.float32(1.0 / input_scale)

    def sums(
        self, x: np.ndarray, rows: slice | np.ndarray = slice(None)
    ) -> list[tuple[np.ndarray, np.float32]]:
        """Return what some rows' integers add up to, and what that is to be multiplied by.

        Of inputs of 16 bits there are two, of the fine part and of the coarse.
        """
        seen = np.rint(np.clip(x * self._inverse, -self._levels, self._levels))
        planes = [(seen, ONE)]
        if self._levels > PLANE:
            coarse = np.floor((seen + np.float32(PLANE // 2)) / np.float32(PLANE))
            planes = [(seen - np.float32(PLANE) * coarse, ONE), (coarse, np.float32(PLANE))]
        weight = self._weight[rows]
        return [
            ((weight @ integers.astype(self._type)).astype(np.float32), factor)
            for integers, factor in planes
        ]

    def add_to(
        self, y: np.ndarray, x: np.ndarray, rows: slice | np.ndarray = slice(None)
    ) -> np.ndarray:
        """Return ``W x + y`` for some rows."""
        return self.add_sums(y, self.sums(x, rows), rows)

    def add_sums(
        self,
        y: np.ndarray,
        sums: list[tuple[np.ndarray, np.float32]],
        rows: slice | np.ndarray,
    ) -> np.ndarray:
        """Return y and some rows' sums, scaled, added one after the other."""
        for values, factor in sums:
            y = values * (self._scale[rows] * factor) + y
        return y


class FloatGRU:
    """The sums of a GRU of floats: update gates as `even_and_odd`, chosen units `in_lanes`.

    Parameters
    ----------
    w_x, w_h : ndarray of float32, shapes (3H, I), (3H, H)
    biases : dict of ndarray of float32, (H,)
        By ``z``, ``r``, ``c_x`` and ``c_h``.
    in_frame : bool
        Whether the scan runs within the frame; products with x are then apart.
    """

    def __init__(
        self, w_x: np.ndarray, w_h: np.ndarray, biases: dict[str, np.ndarray], in_frame: bool
    ) -> None:
        self._x = dict(zip("rzc", np.split(w_x, 3), strict=True))
        self._h = dict(zip("rzc", np.split(w_h, 3), strict=True))
        self._biases = biases
        self._in_frame = in_frame
        self.hidden_size = w_h.shape[1]

    def update_gate(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the update gates of all units before the sigmoid (G2)."""
        of_x, of_h = (self._x["z"], x), (self._h["z"], h)
        if self._in_frame:
            return even_and_odd(of_h) + (even_and_odd(of_x) + self._biases["z"])
        return even_and_odd(of_x, of_h) + self._biases["z"]

    def chosen(
        self, x: np.ndarray, h: np.ndarray, units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for chosen units the sums of r, and of c those from x and from h (G1, G3)."""
        from_x, from_h = lanes(self._x["r"][units] * x), self._h["r"][units] * h
        for k in range(0, from_h.shape[1], LANES):
            chunk = from_h[:, k : k + LANES]
            from_x[:, : chunk.shape[1]] += chunk
        return (
            fold(from_x) + self._biases["r"][units],
            in_lanes(self._x["c"][units] * x) + self._biases["c_x"][units],
            in_lanes(self._h["c"][units] * h) + self._biases["c_h"][units],
        )


class IntegerGRU:
    """The same of integers; first products with x are added to the biases, then those with h.

    The sums of all rows are made together, and kept for the gates and candidates of one step.
    """

    def __init__(
        self, w_x: IntegerMatrix, w_h: IntegerMatrix, biases: dict[str, np.ndarray]
    ) -> None:
        self._w_x, self._w_h, self._biases = w_x, w_h, biases
        self.hidden_size = len(biases["z"])
        self._kept: dict[IntegerMatrix, tuple[np.ndarray, np.ndarray]] = {}

    def _add(
        self, y: np.ndarray, matrix: IntegerMatrix, x: np.ndarray, rows: slice | np.ndarray
    ) -> np.ndarray:
        if matrix not in self._kept or not np.array_equal(self._kept[matrix][0], x):
            ((sums, _),) = matrix.sums(x)
            self._kept[matrix] = x.copy(), sums
        return matrix.add_sums(y, [(self._kept[matrix][1][rows], ONE)], rows)

    def update_gate(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the update gates of all units before the sigmoid (G2)."""
        rows = slice(self.hidden_size, 2 * self.hidden_size)
        return self._add(self._add(self._biases["z"], self._w_x, x, rows), self._w_h, h, rows)

    def chosen(
        self, x: np.ndarray, h: np.ndarray, units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for chosen units the sums of r, and of c those from x and from h (G1, G3)."""
        of_c = units + 2 * self.hidden_size
        r, c_x, c_h = (self._biases[name][units] for name in ("r", "c_x", "c_h"))
        return (
            self._add(self._add(r, self._w_x, x, units), self._w_h, h, units),
            self._add(c_x, self._w_x, x, of_c),
            self._add(c_h, self._w_h, h, of_c),
        )


def gru_update(
    x: np.ndarray,
    h: np.ndarray,
    w: FloatGRU | IntegerGRU,
    z_pre: np.ndarray,
    update_mask: np.ndarray,
) -> np.ndarray:
    """Recompute the chosen units and keep the others (G1, G3, G4); a new array."""
    units = np.flatnonzero(update_mask)
    r, c_x, c_h = w.chosen(x, h, units)
    z, c = sigmoid(z_pre[units]), tanh(c_x + sigmoid(r) * c_h)
    new = h.copy()
    new[units] = z * c + (ONE - z) * h[units]
    return new
