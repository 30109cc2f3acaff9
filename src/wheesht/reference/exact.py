"""The layers with every rounding of the engine: integer sums, and float32 in the engine's order.

Where `wheesht.reference.layers` says what a model computes, this says to the last bit what the
engine makes of it (docs/numerics.md): on equal features the two are equal.
"""

from typing import Any

import numpy as np

from wheesht.reference import exact_ops as ops
from wheesht.reference.layers import Layers, gru_matrix
from wheesht.spec.bands import band_bounds
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
)

Own = dict[str, np.ndarray]  # the tensors of a layer


class ExactLayers(Layers):
    """`Layers` in float32 and integers.

    Parameters
    ----------
    spec : ModelSpec
    tensors : dict of ndarray
        By their names in the bundle, as they are there.
    """

    def reset(self) -> None:
        """Return to silence: states and counts to zero."""
        super().reset()
        self.states = [state.astype(np.float32) for state in self.states]
        self._prepared: dict[str, Any] = {}

    def run(
        self, x: np.ndarray, percent: float, given: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Take features through all layers, rounded to float32 first."""
        return super().run(x.astype(np.float32), percent, given)

    def _compute(self, layer: Layer, own: Own, x: np.ndarray) -> np.ndarray:
        match layer:
            case Linear():
                y = np.array([self._product(layer, own, v) for v in x])
                return ops.activate(y, layer.activation, own.get("slope"))
            case Conv():
                side = layer.kernel_size // 2
                padded = np.pad(x, ((side, side), (0, 0)))
                weight = own["weight"].reshape(layer.output_size, -1)
                windows = [padded[k : k + layer.kernel_size].ravel() for k in range(len(x))]
                return np.array([ops.even_and_odd((weight, v)) + own["bias"] for v in windows])
            case LayerNorm():
                normal = ops.layer_norm(x)
                return normal * own["weight"] + own["bias"] if layer.affine else normal
            case BandAnalysis():
                return _band_analysis(layer, own, x[0])
            case BandSynthesis():
                return self._band_synthesis(layer, own, x)
        return np.maximum(x, np.float32(0.0))

    def _product(
        self,
        layer: Linear | BandSynthesis,
        own: Own,
        x: np.ndarray,
        rows: slice = slice(None),
    ) -> np.ndarray:
        """``W x + b`` for some rows of a weight and a bias whose leading axes are made one."""
        bias = own["bias"].ravel()[rows]
        if layer.dtype == "f32":
            return ops.even_and_odd((own["weight"].reshape(-1, len(x))[rows], x)) + bias
        if layer.name not in self._prepared:
            self._prepared[layer.name] = ops.IntegerMatrix(layer.dtype, own)
        return self._prepared[layer.name].add_to(bias, x, rows)

    def _band_synthesis(self, layer: BandSynthesis, own: Own, x: np.ndarray) -> np.ndarray:
        bounds, at = band_bounds(layer.n_bins, layer.n_bands), 0
        bins = np.zeros((layer.n_bins, layer.output_size), np.float32)
        for i, (low, high) in enumerate(zip(bounds, bounds[2:], strict=False)):
            count = (high - low) * layer.output_size
            given = self._product(layer, own, x[i], slice(at, at + count))
            bins[low:high] += given.reshape(high - low, -1)
            at += count
        bins[bounds[1] : bounds[-2]] *= np.float32(0.5)
        return ops.tanh(bins)

    def _weights(self, layer: GRU, direction: str) -> Any:
        name = layer.name + direction
        if name not in self._prepared:
            self._prepared[name] = self._prepare(layer, direction)
        return self._prepared[name]

    def _prepare(self, layer: GRU, direction: str) -> ops.FloatGRU | ops.IntegerGRU:
        def halves(tensor: str) -> list[np.ndarray]:
            both = self._tensors[f"{layer.name}.{direction}{tensor}"]
            return np.split(both.astype(np.float64), 3)

        (x_r, x_z, x_c), (h_r, h_z, h_c) = halves("b_x"), halves("b_h")
        sums = {"z": x_z + h_z, "r": x_r + h_r, "c_x": x_c, "c_h": h_c}
        biases = {name: bias.astype(np.float32) for name, bias in sums.items()}
        w_x, w_h = (gru_matrix(self._tensors, layer, f"{direction}{t}") for t in ("w_x", "w_h"))
        if layer.dtype == "f32":
            return ops.FloatGRU(w_x["weight"], w_h["weight"], biases, layer.scan != "time")
        of_x, of_h = (ops.IntegerMatrix(layer.dtype, own) for own in (w_x, w_h))
        return ops.IntegerGRU(of_x, of_h, biases)

    @staticmethod
    def _update_gate(x: np.ndarray, h: np.ndarray, w: Any) -> np.ndarray:
        gates: np.ndarray = w.update_gate(x, h)
        return gates

    @staticmethod
    def _gru_update(
        x: np.ndarray, h: np.ndarray, w: Any, z_pre: np.ndarray, update_mask: np.ndarray
    ) -> np.ndarray:
        return ops.gru_update(x, h, w, z_pre, update_mask)


def _band_analysis(layer: BandAnalysis, own: Own, x: np.ndarray) -> np.ndarray:
    bounds, at, bands = band_bounds(layer.input_size, layer.n_bands), 0, []
    for low, high in zip(bounds, bounds[2:], strict=False):
        weight = own["weight"][:, at : at + high - low]
        bands.append(ops.even_and_odd((weight, x[low:high])))
        at += high - low
    return np.array(bands)
