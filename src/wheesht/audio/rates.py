"""Sample-rate conversion in blocks of a fixed size."""

import numpy as np
import soxr

from wheesht.audio.samples import SampleQueue
from wheesht.errors import ParameterError

MIN_RATE, MAX_RATE = 8000, 192_000  # Hz; what the tests cover
QUALITY = "HQ"  # pass band to 0.91 of the lower Nyquist frequency, 120 dB below it beyond


def check_rate(where: str, sample_rate: object) -> int:
    """Return `sample_rate` as an int, or raise `ParameterError`."""
    is_whole = isinstance(sample_rate, int | np.integer) and not isinstance(sample_rate, bool)
    if not (is_whole and MIN_RATE <= int(sample_rate) <= MAX_RATE):  # type: ignore[call-overload]
        raise ParameterError(
            f"{where}: got a sample rate of {sample_rate!r}, needs a whole number of Hz from "
            f"{MIN_RATE} to {MAX_RATE}; resample to 48000 Hz first"
        )
    return int(sample_rate)  # type: ignore[call-overload]


class RateConverter:
    """Convert a running signal from one rate to another.

    Output sample k stands for the time k / `out_rate`: the filter's delay is taken out, so that
    output only comes later, never shifted. The resampler is always fed `block` samples at a
    time, whatever the caller's chunks are, so that results cannot depend on the chunks.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, block: int) -> None:
        self._soxr = soxr.ResampleStream(in_rate, out_rate, channels, "float32", QUALITY)
        self._waiting = SampleQueue(channels)
        self._channels = channels
        self._block = block

    def process(self, x: np.ndarray) -> np.ndarray:
        """Take samples, shape (C, n), and return those that are ready, shape (C, m)."""
        self._waiting.push(x)
        blocks = len(self._waiting) // self._block
        if not blocks:
            return np.zeros((self._channels, 0), np.float32)
        frames = np.ascontiguousarray(self._waiting.take(blocks * self._block).T)
        starts = range(0, len(frames), self._block)
        ready = [self._soxr.resample_chunk(frames[i : i + self._block]) for i in starts]
        return np.ascontiguousarray(np.concatenate(ready).T)

    def reset(self) -> None:
        """Start again with an empty past."""
        self._soxr.clear()
        self._waiting.clear()
