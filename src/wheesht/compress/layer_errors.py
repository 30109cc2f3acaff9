"""What integers cost layer by layer: which of them hurts the output, and by how much."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wheesht.compress.quantize import integer_layers, quantize_bundle
from wheesht.compress.traces import layer_inputs, new_stream, whole_hops
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle
from wheesht.spec.cost import layer_bytes, strict_macs
from wheesht.spec.integers import Dtype
from wheesht.spec.model_spec import ModelSpec

# Of all runs together: about half a minute on one core of 2020, so that a report on a network that
# scans frequency hears two seconds and one on a small network all there is.
MAX_MACS = 1.5e11
LEAST_SECONDS = 0.5  # whatever a run costs


@dataclass(frozen=True)
class LayerError:
    """What integers in one layer, all others left as floats, do to a model.

    Attributes
    ----------
    name, type : str
        Of the layer.
    dtype : str
        That the model will have there.
    tried : str
        The integers that the error is of: `dtype`, or ``s8`` for a layer that stays ``f32``.
    bytes_before, bytes_after : int
        Of its tensors as floats, and as `dtype`; scales included.
    input_range : float
        Largest size of its inputs that the integers reach.
    below_db : float or None
        How far the error of the enhanced output is below that output, dB; the less, the more this
        layer hurts. None where there is no error, or nothing to measure it on.
    beyond_range : float
        Share of its inputs that exceed `input_range` and are limited to it, 0 to 1.
    """

    name: str
    type: str
    dtype: str
    tried: str
    bytes_before: int
    bytes_after: int
    input_range: float
    below_db: float | None
    beyond_range: float


@dataclass(frozen=True)
class ErrorReport:
    """Errors of all layers that can be of integers, in the model's order, and of the whole model.

    `below_db` is the error of the model with all its integers. `update_percent` is the P of all
    runs, `seconds` the duration of the signals whose output is not zero; without any, nothing was
    measured.
    """

    layers: tuple[LayerError, ...]
    below_db: float | None
    update_percent: float
    seconds: float

    def worst_first(self) -> list[LayerError]:
        """Return the layers by what they do to the output, the largest error first."""
        return sorted(self.layers, key=lambda e: np.inf if e.below_db is None else e.below_db)


def n_runs(bundle: Bundle) -> int:
    """Return how often `layer_errors` runs a model: as it is, each layer, all; and its ranges."""
    return len(integer_layers(bundle)) + 3


def affordable_seconds(bundle: Bundle, update_percent: float | None = None) -> float:
    """Return for how many seconds of signals `layer_errors` keeps within `MAX_MACS`."""
    percent = _percent(bundle.spec, update_percent)
    per_second = n_runs(bundle) * strict_macs(bundle.spec, percent).total
    return max(LEAST_SECONDS, MAX_MACS / max(per_second, 1))


def layer_errors(
    bundle: Bundle,
    ranges: Mapping[str, float],
    dtypes: Mapping[str, Dtype],
    signals: Sequence[np.ndarray],
    update_percent: float | None = None,
    after_run: Callable[[], None] = lambda: None,
) -> ErrorReport:
    """Measure the error of each layer's integers alone, and of all together.

    Parameters
    ----------
    bundle : Bundle
        Of floats.
    ranges : dict of float by layer
        Largest absolute input, from `input_ranges`.
    dtypes : dict of str by layer
        As for `quantize_bundle`.
    signals : sequence of ndarray, shape (N,)
        16 kHz, other ones than those that the ranges are from.
    update_percent : float, optional
        P in percent within the range of the model; its default when left out.
    after_run : callable
        Called after each of `n_runs` runs.

    Raises
    ------
    ParameterError
        No signal is as long as a hop, or as `quantize_bundle`.
    SpecError
        As `quantize_bundle`.

    Notes
    -----
    The error of a signal is the power of the difference over that of the float model's output, from
    the engine, both models beginning with silence; `below_db` is the mean over the signals, in dB.
    Both run freely at the same P: with integers a D-GRU chooses other units here and there, and
    what follows from that is part of the error.
    """
    signals = [x for signal in signals if len(x := whole_hops(bundle, signal))]
    if not signals:
        hop = bundle.spec.front_end.hop_length
        raise ParameterError(
            f"errors of layers: got no signal of {hop} samples or more; give longer recordings"
        )

    def run(model: Bundle) -> list[np.ndarray]:
        outputs = [new_stream(model, update_percent).process(x)[0] for x in signals]
        after_run()
        return outputs

    together = quantize_bundle(bundle, ranges, dtypes)
    wanted = run(bundle)
    beyond = _beyond_ranges(bundle, ranges, signals, update_percent)
    after_run()
    before, after = layer_bytes(bundle.spec), layer_bytes(together.spec)
    kinds = {layer.name: layer.type for layer in bundle.spec.layers}
    errors = []
    for name in integer_layers(bundle):
        dtype = dtypes.get(name, "f32")
        tried: Dtype = "s8" if dtype == "f32" else dtype
        below = below_db(wanted, run(quantize_bundle(bundle, ranges, {name: tried})))
        sizes = before[name], after[name]
        reach = float(ranges[name])
        errors.append(
            LayerError(name, kinds[name], dtype, tried, *sizes, reach, below, beyond[name])
        )
    below, percent = below_db(wanted, run(together)), _percent(bundle.spec, update_percent)
    heard = sum(len(x) for x, y in zip(signals, wanted, strict=True) if np.any(y))
    return ErrorReport(tuple(errors), below, percent, heard / bundle.spec.sample_rate)


def below_db(wanted: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> float | None:
    """Return how far the difference is below what is wanted, as a mean over signals, dB.

    Parameters
    ----------
    wanted, got : sequence of ndarray, shape (N,)
        Those without any power wanted count for nothing.

    Returns
    -------
    float or None
        None where there is no difference, or nothing wanted.

    Examples
    --------
    >>> below_db([np.ones(4)], [np.full(4, 0.9)])
    20.0
    """
    shares = [
        float(np.sum((a - b).astype(np.float64) ** 2) / power)
        for a, b in zip(wanted, got, strict=True)
        if (power := np.sum(a.astype(np.float64) ** 2)) > 0
    ]
    mean = np.mean(shares) if shares else 0.0
    return round(float(-10 * np.log10(mean)), 2) if mean > 0 else None


def _percent(spec: ModelSpec, update_percent: float | None) -> float:
    return spec.update_percent.default if update_percent is None else update_percent


def _beyond_ranges(
    bundle: Bundle,
    ranges: Mapping[str, float],
    signals: Sequence[np.ndarray],
    update_percent: float | None,
) -> dict[str, float]:
    """Return the share of each layer's inputs that are larger than its range."""
    beyond, total = dict.fromkeys(ranges, 0), dict.fromkeys(ranges, 0)
    for signal in signals:
        for seen in layer_inputs(bundle, signal, update_percent):
            for name, values in seen.items():
                beyond[name] += int(np.count_nonzero(np.abs(values) > ranges[name]))
                total[name] += values.size
    return {name: beyond[name] / total[name] for name in ranges}
