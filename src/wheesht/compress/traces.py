"""What the layers of a model see and give while it runs, hop by hop, without keeping it all."""

from collections.abc import Iterator

import numpy as np

from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.spec.bundle import Bundle

PIECE_HOPS = 100  # of which what passes between the layers is held in memory at a time


def whole_hops(bundle: Bundle, signal: np.ndarray) -> np.ndarray:
    """Return the whole hops of a signal: float32, contiguous, (n * hop,), n may be 0."""
    hop = bundle.spec.front_end.hop_length
    return np.ascontiguousarray(signal[: len(signal) // hop * hop], np.float32)


def new_stream(bundle: Bundle, update_percent: float | None) -> _ext.Stream:
    """Return a stream of the engine at P percent, by default the model's own."""
    default = bundle.spec.update_percent.default
    stream = _ext.Stream(pack(bundle))
    stream.set_update_percent(default if update_percent is None else update_percent)
    return stream


def layer_inputs(
    bundle: Bundle, signal: np.ndarray, update_percent: float | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Yield what every layer sees, piece by piece of the signal.

    Parameters
    ----------
    bundle : Bundle
        Any model.
    signal : ndarray, shape (N,)
        16 kHz; what is left over behind the last whole hop is not used.
    update_percent : float, optional
        P in percent within the range of the model; its default when left out.

    Yields
    ------
    dict of ndarray by layer, float32, (hops, positions, channels)
        Of at most `PIECE_HOPS` hops.
    """
    stream, whole = new_stream(bundle, update_percent), whole_hops(bundle, signal)
    names = [layer.name for layer in bundle.spec.layers]
    step = PIECE_HOPS * bundle.spec.front_end.hop_length
    for start in range(0, len(whole), step):
        seen = stream.trace(whole[start : start + step])
        yield dict(zip(names, seen, strict=False))  # the last is what the model gives
