"""The way to the model's rate and back: for samples, and how late they come."""

import math
from functools import lru_cache

import numpy as np

from wheesht.audio.rates import RateConverter
from wheesht.audio.samples import SampleQueue, without_hostile_samples
from wheesht.engine.high_band import HighBand
from wheesht.engine.hops import HopEngine
from wheesht.spec.model_spec import ModelSpec

BLOCKS_PER_SECOND = 200  # in which other rates go to the resampler: 5 ms each
LAG_PROBE_SECONDS = 16  # after which the lag of one resampler has shown its extremes
STEP_PROBE_SECONDS = 60  # the same for all together; five minutes gave at most a block more


class RateBridge:
    """Take a signal at another rate to the engine and back.

    Parameters
    ----------
    spec : ModelSpec
        The engine's model.
    sample_rate : int
        Of the signal, Hz; not the model's.
    channels : int
        Channels of the signal and the engine.
    """

    def __init__(self, spec: ModelSpec, sample_rate: int, channels: int) -> None:
        self._channels = channels
        block = math.ceil(sample_rate / BLOCKS_PER_SECOND)
        self._down = RateConverter(sample_rate, spec.sample_rate, channels, block)
        self._at_model_rate = SampleQueue(channels)
        hop = spec.front_end.hop_length
        self._high = HighBand(sample_rate, spec.sample_rate, hop, channels)
        self._up = RateConverter(spec.sample_rate, sample_rate, 2 * channels, hop)

    def process(self, x: np.ndarray, engine: HopEngine) -> np.ndarray:
        """Enhance samples, shape (C, n); returns those that are ready, shape (C, m)."""
        x = without_hostile_samples(x)
        low = self._down.process(x)
        y, band_gain = engine.process(low)
        self._high.push(x)
        self._high.push_gains(band_gain)
        self._at_model_rate.push(low)
        pair = np.concatenate([y, self._at_model_rate.take(y.shape[1])])  # (2C, m)
        back = self._up.process(pair)
        return back[: self._channels] + self._high.take(back[self._channels :])

    def reset(self) -> None:
        """Start again with an empty past."""
        self._down.reset()
        self._up.reset()
        self._at_model_rate.clear()
        self._high.reset()


def gain_band(spec: ModelSpec, sample_rate: int) -> tuple[int, int]:
    """Return the first of the mask's bins whose gain the high band takes, and their number.

    They are the highest eighth of those below the stream's Nyquist frequency (equation M4).
    """
    # Bin k of the spectrum lies at k model_rate / n_fft Hz.
    below = math.ceil(sample_rate * spec.front_end.n_fft / (2 * spec.sample_rate))
    heard = min(max(below - spec.mask.first_bin, 1), spec.mask.n_bins)
    count = max(heard // 8, 1)
    return heard - count, count


def stream_lags(spec: ModelSpec, sample_rate: int) -> tuple[int, int]:
    """Return `delay` and `latency_samples` of a stream, in samples at its rate."""
    if sample_rate == spec.sample_rate:
        return spec.delay, spec.latency_samples
    return _resampled_lags(spec.sample_rate, spec.front_end.hop_length, spec.delay, sample_rate)


@lru_cache(maxsize=16)
def _resampled_lags(
    model_rate: int, hop_length: int, delay: int, sample_rate: int
) -> tuple[int, int]:
    """Feed silence through the two resamplers and count what comes out and when.

    Both work in blocks of their own inside, and so does the engine. Whatever the blocks' phases
    are, the lags lie between the sum of the least and the sum of the largest lags.
    """
    block = math.ceil(sample_rate / BLOCKS_PER_SECOND)
    ratio = sample_rate / model_rate
    down = _lag_range(sample_rate, model_rate, block)  # in samples at the model's rate
    up = _lag_range(model_rate, sample_rate, hop_length)
    least = math.floor((down[0] + delay) * ratio + up[0])
    # Output comes only when a block is full, so up to block - 1 further samples wait.
    largest = math.ceil((down[1] + delay + hop_length - 1) * ratio + up[1]) + block
    if sample_rate % BLOCKS_PER_SECOND == 0:
        # The blocks fit each other, so that few phases occur, which narrows the range. One block
        # on either side for phases that take more than the probe to occur.
        seen = _lag_range_in_step(model_rate, hop_length, delay, sample_rate)
        least, largest = max(least, seen[0] - block), min(largest, seen[1] + 2 * block)
    return max(least, 0), largest


def _lag_range(in_rate: int, out_rate: int, block: int) -> tuple[float, float]:
    """Return least and largest lag of one resampler after whole blocks, in output samples."""
    converter = RateConverter(in_rate, out_rate, 1, block)
    silence = np.zeros((1, block), np.float32)
    given, lags = 0, []
    for blocks in range(1, LAG_PROBE_SECONDS * in_rate // block + 1):
        given += converter.process(silence).shape[1]
        if given:
            lags.append(blocks * block * out_rate / in_rate - given)
    return min(lags), max(lags)


def _lag_range_in_step(
    model_rate: int, hop_length: int, delay: int, sample_rate: int
) -> tuple[int, int]:
    """Return least and largest lag of both resamplers and the engine after whole blocks."""
    block = math.ceil(sample_rate / BLOCKS_PER_SECOND)
    down = RateConverter(sample_rate, model_rate, 1, block)
    up = RateConverter(model_rate, sample_rate, 1, hop_length)
    silence = np.zeros((1, block), np.float32)
    arrived = passed = given = 0  # at the engine; through it; out of the stream
    lags = []
    for blocks in range(1, STEP_PROBE_SECONDS * BLOCKS_PER_SECOND + 1):
        arrived += down.process(silence).shape[1]
        ready = max(arrived // hop_length * hop_length - delay, 0)
        given += up.process(np.zeros((1, ready - passed), np.float32)).shape[1]
        passed = ready
        if given:
            lags.append(blocks * block - given)
    return min(lags), max(lags)
