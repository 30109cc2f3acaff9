"""The layers of a judge's stream, in order: states, choices and counts of executed MACs."""

from typing import Any

import numpy as np

from wheesht.reference import ops
from wheesht.spec.bands import band_bounds
from wheesht.spec.integers import INPUT_SCALE, SCALE, STATE_SCALE
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec, selected_units


def gru_matrix(tensors: dict[str, np.ndarray], layer: GRU, name: str) -> dict[str, np.ndarray]:
    """Return a matrix of a GRU, and of integers its scales, under the names of other layers."""
    own = {"weight": tensors[f"{layer.name}.{name}"]}
    if layer.dtype != "f32":
        own["weight_scale"] = tensors[f"{layer.name}.{name}{SCALE}"]
        from_input = name.endswith("w_x")
        own[INPUT_SCALE] = tensors[f"{layer.name}.{INPUT_SCALE}"] if from_input else STATE_SCALE
    return own


class Layers:
    """Run the layers of a spec frame by frame, position by position.

    Parameters
    ----------
    spec : ModelSpec
    tensors : dict of ndarray
        By their names in the bundle, floats as float64.

    Attributes
    ----------
    states : list of ndarray, shape (positions, channels)
        Hidden states of every GRU after the last frame; those over time go on from there.
    executed_macs : list of int
        Per layer: elements of the rows multiplied.
    """

    def __init__(self, spec: ModelSpec, tensors: dict[str, np.ndarray]) -> None:
        self._spec = spec
        self._tensors = tensors
        self.reset()

    def reset(self) -> None:
        """Return to silence: states and counts to zero."""
        shapes = zip(self._spec.layers, self._spec.layer_shapes, strict=True)
        self.states = [np.zeros(shape) for layer, shape in shapes if isinstance(layer, GRU)]
        self.executed_macs = [0] * len(self._spec.layers)

    def copy_from(self, other: "Layers") -> None:
        """Take over states and counts."""
        self.states = list(other.states)  # arrays are replaced, never written to
        self.executed_macs = list(other.executed_macs)

    def run(
        self, x: np.ndarray, percent: float, given: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Take features through all layers.

        Parameters
        ----------
        x : ndarray, shape (positions, channels)
        percent : float
            P of this frame.
        given : ndarray of bool, shape (sum of units,), optional
            Units to update instead of those that the gates would choose.

        Returns
        -------
        output : ndarray, shape (positions, channels)
        update_mask : ndarray of bool, shape (sum of units,)
        """
        gates = [np.zeros(0, dtype=bool)]
        outputs: dict[str, np.ndarray] = {}
        start = recurrent = 0
        for i, layer in enumerate(self._spec.layers):
            if isinstance(layer, GRU):
                count = self.states[recurrent].size
                own = None if given is None else given[start : start + count]
                x, gate = self._gru(i, layer, x, self.states[recurrent], percent, own)
                self.states[recurrent] = x
                gates.append(gate)
                start, recurrent = start + count, recurrent + 1
            elif isinstance(layer, Residual):
                x = x + outputs[layer.source]
            else:
                x = self._plain(i, layer, x)
            outputs[layer.name] = x
        return x, np.concatenate(gates)

    def _plain(self, i: int, layer: Layer, x: np.ndarray) -> np.ndarray:
        own = {t: self._tensors[f"{layer.name}.{t}"] for t in layer.tensor_shapes()}
        if "weight" in own and not isinstance(layer, LayerNorm):
            times = len(x) if isinstance(layer, Linear | Conv) else 1
            self.executed_macs[i] += times * own["weight"].size
        return self._compute(layer, own, x)

    def _compute(self, layer: Layer, own: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
        """Return what a layer without a state gives."""
        match layer:
            case Linear():
                slope = own.get("slope", np.ones(1))[0]
                matrix = ops.matrix(layer.dtype, own)
                rows = [matrix.times(v) + own["bias"] for v in x]
                return ops.activate(np.array(rows), layer.activation, slope)
            case Conv():
                return ops.conv(x, own["weight"], own["bias"])
            case LayerNorm():
                normal = ops.layer_norm(x)
                return normal * own["weight"] + own["bias"] if layer.affine else normal
            case Rectifier():
                return ops.activate(x, "relu")
            case BandAnalysis():
                bounds = band_bounds(layer.input_size, layer.n_bands)
                return ops.band_analysis(x[0], own["weight"], bounds)
            case BandSynthesis():
                bounds = band_bounds(layer.n_bins, layer.n_bands)
                return ops.band_synthesis(x, ops.matrix(layer.dtype, own), own["bias"], bounds)
        raise TypeError(f"no such layer: {layer!r}")

    def _gru(
        self,
        i: int,
        layer: GRU,
        x: np.ndarray,
        before: np.ndarray,
        percent: float,
        given: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden states (positions, directions x H) and which units were updated."""
        n, places = layer.hidden_size, len(x)
        after = np.zeros((places, len(layer.directions), n), x.dtype)
        gates = np.zeros(after.shape, dtype=bool)
        wanted = None if given is None else given.reshape(after.shape)
        for d, direction in enumerate(layer.directions):
            weights = self._weights(layer, direction)
            h = np.zeros(n, after.dtype)
            down = layer.scan == "down" or direction == "down."
            for k in reversed(range(places)) if down else range(places):
                if layer.scan == "time":
                    h = before[k]
                z_pre = self._update_gate(x[k], h, weights)
                if wanted is None:
                    gates[k, d] = self._select(layer, direction, z_pre, percent)
                else:
                    gates[k, d] = wanted[k, d]
                h = after[k, d] = self._gru_update(x[k], h, weights, z_pre, gates[k, d])
                rows = n + 2 * int(gates[k, d].sum())  # all of z; r and c of the chosen
                self.executed_macs[i] += rows * (layer.input_size + n)
        return after.reshape(places, -1), gates.ravel()

    # How a step computes; an arithmetic of another kind replaces these and `_compute`.
    @staticmethod
    def _update_gate(x: np.ndarray, h: np.ndarray, w: Any) -> np.ndarray:
        return ops.update_gate(x, h, w)

    @staticmethod
    def _gru_update(
        x: np.ndarray, h: np.ndarray, w: Any, z_pre: np.ndarray, update_mask: np.ndarray
    ) -> np.ndarray:
        return ops.gru_update(x, h, w, z_pre, update_mask)

    def _weights(self, layer: GRU, direction: str) -> Any:
        b_x, b_h = (self._tensors[f"{layer.name}.{direction}{t}"] for t in ("b_x", "b_h"))
        w_x, w_h = (
            ops.matrix(layer.dtype, gru_matrix(self._tensors, layer, f"{direction}{name}"))
            for name in ("w_x", "w_h")
        )
        return ops.GRUWeights(w_x, w_h, b_x, b_h)

    def _select(self, layer: GRU, direction: str, z_pre: np.ndarray, percent: float) -> np.ndarray:
        if layer.gate == "top_a":
            return ops.select_top_a(z_pre, selected_units(percent, layer.hidden_size))
        if layer.gate == "threshold":
            return ops.select_above(z_pre, self._tensors[f"{layer.name}.{direction}threshold"])
        return np.ones(layer.hidden_size, dtype=bool)
