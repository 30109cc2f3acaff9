"""How large the inputs of a model's layers become on signals: what the scales of integers need."""

from collections.abc import Callable, Iterable

import numpy as np

from wheesht.compress.traces import layer_inputs
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle
from wheesht.spec.layers import GRU, BandSynthesis, Layer, Linear, Rectifier
from wheesht.spec.model_spec import ModelSpec


def input_ranges(
    bundle: Bundle,
    signals: Iterable[np.ndarray],
    after_signal: Callable[[], None] = lambda: None,
    update_percent: float | None = None,
) -> dict[str, float]:
    """Return the largest absolute value that every layer sees (Q5).

    Parameters
    ----------
    bundle : Bundle
        Of floats.
    signals : iterable of ndarray, shape (N,)
        Noisy speech as the model will hear it, 16 kHz, at several levels; each at least a hop.
    after_signal : callable
        Called after each of them.
    update_percent : float, optional
        P in percent within the range of the model; its default when left out.

    Returns
    -------
    dict of float by layer
        1 behind a GRU, a sigmoid or a tanh, whatever the signals; a ReLU between changes nothing.

    Raises
    ------
    ParameterError
        There is no signal, or none as long as a hop.
    """
    spec = bundle.spec
    largest = dict.fromkeys((layer.name for layer in spec.layers), 0.0)
    heard = False
    for signal in signals:
        for seen in layer_inputs(bundle, signal, update_percent):
            heard = True
            for name, values in seen.items():
                largest[name] = max(largest[name], float(np.max(np.abs(values))))
        after_signal()
    if not heard:
        hop = spec.front_end.hop_length
        raise ParameterError(
            f"calibration: got no signal of {hop} samples or more; give recordings of noisy speech"
        )
    return largest | dict.fromkeys(_bounded(spec), 1.0)


def _bounded(spec: ModelSpec) -> list[str]:
    """Names of the layers that see values between -1 and 1 by nature."""
    names, is_bounded = [], False
    for layer in spec.layers:
        if is_bounded:
            names.append(layer.name)
        is_bounded = _squashes(layer) or (is_bounded and isinstance(layer, Rectifier))
    return names


def _squashes(layer: Layer) -> bool:
    if isinstance(layer, Linear):
        return layer.activation in ("sigmoid", "tanh")
    return isinstance(layer, GRU | BandSynthesis)
