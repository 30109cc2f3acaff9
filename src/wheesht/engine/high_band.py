"""The part of a signal that the model does not hear: kept back, turned down like its neighbours."""

import math

import numpy as np

from wheesht.audio.samples import SampleQueue


class HighBand:
    """Delay the input until its low band is known, and give the rest with the gain of a band.

    The high band is the input minus what the rate conversion to the model's rate and back
    leaves of it, so that low and high band add up to the input whatever the filters are. Above
    the model's rate it is all that lies beyond the model's Nyquist frequency; below it, the last
    tenth below the stream's own, which the filters' transition bands take away.
    Between two frames the gain cross-fades as the overlap-add does: inside block b, which
    frames b and b + 1 cover, it is ``g_b cos^2 + g_{b+1} sin^2`` of ``pi n / (2 hop)`` at the
    possibly fractional place n of the sample in the block.
    """

    def __init__(self, sample_rate: int, model_rate: int, hop_length: int, channels: int) -> None:
        self._input = SampleQueue(channels)
        self._gains = np.zeros((channels, 0), np.float32)  # of frames from _first_frame on
        self._first_frame = 0
        self._taken = 0  # samples given so far
        # Sample k lies in block (k model_rate) // per_block; the place in it repeats.
        self._model_rate = model_rate
        self._per_block = sample_rate * hop_length
        period = self._per_block // math.gcd(self._per_block, model_rate)
        place = (np.arange(period, dtype=np.int64) * model_rate) % self._per_block
        self._rise = (np.sin(0.5 * np.pi * place / self._per_block) ** 2).astype(np.float32)

    def push(self, x: np.ndarray) -> None:
        """Append input samples at the stream's rate, shape (C, n)."""
        self._input.push(x)

    def push_gains(self, band_gain: np.ndarray) -> None:
        """Append the gains of the next frames, shape (C, k), linear, 0 to 1."""
        self._gains = np.concatenate([self._gains, band_gain], axis=1)

    def take(self, low: np.ndarray) -> np.ndarray:
        """Return the next samples of the high band after its gain.

        Parameters
        ----------
        low : ndarray, shape (C, m)
            Low band of the unprocessed input; input and gains for it were pushed before.
        """
        count = low.shape[1]
        if not count:
            return low
        k = np.arange(self._taken, self._taken + count, dtype=np.int64)
        frame = k * self._model_rate // self._per_block - self._first_frame
        rise = self._rise[k % len(self._rise)]
        gain = (1 - rise) * self._gains[:, frame] + rise * self._gains[:, frame + 1]
        self._taken += count
        done = int(frame[-1])
        self._gains = self._gains[:, done:]
        self._first_frame += done
        return gain * (self._input.take(count) - low)

    def reset(self) -> None:
        """Start again with an empty past."""
        self._input.clear()
        self._gains = self._gains[:, :0]
        self._first_frame = self._taken = 0
