"""How large the inputs of a model's layers become on signals: what the scales of integers need."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle
from wheesht.spec.layers import GRU, Linear, Residual
from wheesht.spec.model_spec import ModelSpec

PIECE_HOPS = 100  # of which what passes between the layers is held in memory at a time


def input_ranges(
    bundle: Bundle,
    signals: Iterable[np.ndarray],
    after_signal: Callable[[], None] = lambda: None,
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

    Returns
    -------
    dict of float by layer
        1 behind a GRU, a sigmoid or a tanh, whatever the signals.

    Raises
    ------
    ParameterError
        There is no signal, or none as long as a hop.
    """
    spec = bundle.spec
    largest = dict.fromkeys((layer.name for layer in spec.layers), 0.0)
    packed, heard = pack(bundle), False
    for signal in signals:
        for seen in _traces(packed, spec, signal):
            heard = True
            for layer, values in zip(spec.layers, seen, strict=False):  # the last is the output
                largest[layer.name] = max(largest[layer.name], float(np.max(np.abs(values))))
        after_signal()
    if not heard:
        hop = spec.front_end.hop_length
        raise ParameterError(
            f"calibration: got no signal of {hop} samples or more; give recordings of noisy speech"
        )
    return {name: 1.0 if name in _bounded(spec) else value for name, value in largest.items()}


def _bounded(spec: ModelSpec) -> set[str]:
    """Names of the layers that see values between -1 and 1 by nature."""
    names = set()
    for before, layer in zip(spec.layers, spec.layers[1:], strict=False):
        squashed = isinstance(before, Linear) and before.activation in ("sigmoid", "tanh")
        if (isinstance(before, GRU) or squashed) and not isinstance(layer, Residual):
            names.add(layer.name)
    return names


def _traces(packed: _ext.Model, spec: ModelSpec, signal: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield what the layers see and give, (hops, positions, channels) each, piece by piece."""
    hop = spec.front_end.hop_length
    stream = _ext.Stream(packed)
    stream.set_update_percent(spec.update_percent.default)
    whole = np.ascontiguousarray(signal[: len(signal) // hop * hop], np.float32)
    for start in range(0, len(whole), PIECE_HOPS * hop):
        yield stream.trace(whole[start : start + PIECE_HOPS * hop])
