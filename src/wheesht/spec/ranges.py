"""How large a model's values can become, so that no input can overflow float32 in any layer."""

import math
from collections.abc import Mapping

import numpy as np

from wheesht.errors import SpecError
from wheesht.spec.front_end import LEVEL_SHARE, MAX_SAMPLE, LogPower
from wheesht.spec.integers import INPUT_LEVELS, INPUT_SCALE
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec

# Largest |sum| that any input may drive a layer to: float32 ends at 3.4e38, and the factor of 34
# covers rounding. Beyond it Inf - Inf could give NaN.
MAX_SUM = 1e37

Tensors = Mapping[str, np.ndarray]


def check_sums(tensors: Tensors, spec: ModelSpec) -> None:
    """Refuse a model whose sums could overflow float32; |samples| are at most `MAX_SAMPLE`.

    `tensors` holds floats, also those that integers stand for.

    Behind the last layer nothing can: gains are at most 1, coefficients and mapped values are
    limited.

    Raises
    ------
    SpecError
        Naming the tensor by which the sums become too large.
    """
    largest = _largest_feature(tensors, spec)
    given: dict[str, float] = {}
    for layer in spec.layers:
        own = {t: tensors[f"{layer.name}.{t}"] for t in layer.tensor_shapes()}
        if INPUT_SCALE in own:  # inputs are limited to what the integers reach
            reach = INPUT_LEVELS[layer.dtype] * float(own[INPUT_SCALE][0])  # type: ignore[union-attr]
            largest = min(largest, reach)
        if isinstance(layer, Residual):
            where, total = "", largest + given[layer.source]
        else:
            where, total = _largest_sum(layer, own, largest)
        if total > MAX_SUM:
            part = f"tensor {layer.name}.{where}" if where else f"layer {layer.name}"
            raise SpecError(
                f"{part}: with the layers before it sums can reach {total:.1e}, needs at most "
                f"{MAX_SUM:g} (float32)"
            )
        largest = given[layer.name] = _largest_output(layer, own, largest, total)
        if largest > MAX_SUM:
            raise SpecError(
                f"tensor {layer.name}.slope: with the layers before it values can reach "
                f"{largest:.1e}, needs at most {MAX_SUM:g} (float32)"
            )


def _largest_feature(tensors: Tensors, spec: ModelSpec) -> float:
    part = spec.features
    if not isinstance(part, LogPower):
        # One bin holds at most all of a frame's power, and the mean at least its share of that.
        return math.sqrt(part.n_bins / LEVEL_SHARE)
    loudest = 2 * math.log(MAX_SAMPLE * spec.front_end.n_fft)  # bound on the log power
    log_power = max(loudest, abs(math.log(part.floor)))
    mean, scale = (float(np.max(np.abs(tensors[f"features.{t}"]))) for t in ("mean", "scale"))
    return (log_power + mean) * scale


def _largest_sum(layer: Layer, own: Tensors, largest_input: float) -> tuple[str, float]:
    """Return a bound on the sums of a layer for inputs up to that size, and the tensor behind it.

    Without a tensor behind it the name is empty.
    """
    match layer:
        case GRU():
            sums = {f"{d}w_x": _largest_gru_sum(own, d, largest_input) for d in layer.directions}
            return max(sums.items(), key=lambda item: item[1])
        case LayerNorm():
            return "", layer.input_size * (2.0 * largest_input) ** 2  # of squares, for the variance
        case Linear() | Conv():
            rows = own["weight"].reshape(layer.output_size, -1)
            return "weight", _largest_row(rows, largest_input, own)
        case BandAnalysis():
            return "weight", _largest_row(own["weight"], largest_input, own)
        case BandSynthesis():
            rows = own["weight"].reshape(-1, layer.input_size)
            return "weight", 2.0 * _largest_row(rows, largest_input, own)  # two bands meet in a bin
    return "", largest_input


def _largest_row(weight: np.ndarray, largest_input: float, own: Tensors) -> float:
    rows = np.sum(np.abs(weight), axis=1, dtype=np.float64) * largest_input
    return float(np.max(rows + np.abs(own["bias"]).ravel() if "bias" in own else rows))


def _largest_gru_sum(own: Tensors, direction: str, largest_input: float) -> float:
    w_x, w_h, b_x, b_h = (own[f"{direction}{t}"] for t in ("w_x", "w_h", "b_x", "b_h"))
    state = np.sum(np.abs(w_h), axis=1, dtype=np.float64) + np.abs(b_h)
    rows = np.sum(np.abs(w_x), axis=1, dtype=np.float64) * largest_input
    return float(np.max(rows + np.abs(b_x) + state))


def _largest_output(layer: Layer, own: Tensors, largest_input: float, total: float) -> float:
    """Return a bound on what a layer gives, from that on its sums."""
    if isinstance(layer, GRU | BandSynthesis):
        return 1.0
    if isinstance(layer, LayerNorm):
        normal = math.sqrt(layer.input_size)
        if not layer.affine:
            return normal
        return normal * float(np.max(np.abs(own["weight"]))) + float(np.max(np.abs(own["bias"])))
    if isinstance(layer, Linear):
        if layer.activation in ("sigmoid", "tanh"):
            return 1.0
        return total * max(1.0, float(np.max(np.abs(own.get("slope", 1.0)))))
    return total
