"""Bandwidth of recordings: found where a filter put it."""

import numpy as np
import pytest

from wheesht.data.augment import low_pass
from wheesht.data.bandwidth import bandwidth_hz, bandwidths_hz
from wheesht.data.bank import SampleBank


def bursts(rate=16000):
    """Two seconds of low murmur with short bursts of white noise, as speech has fricatives."""
    rng = np.random.default_rng(0)
    x = low_pass(0.1 * rng.standard_normal(2 * rate), 3000.0, rate)
    for start in range(0, 2 * rate, rate // 5):
        x[start : start + rate // 20] += 0.03 * rng.standard_normal(rate // 20)
    return x.astype(np.float32)


@pytest.mark.parametrize("cutoff", [3500, 4000, 5500, 7000])
@pytest.mark.parametrize("level", [1.0, 1e-3])
def test_a_low_pass_is_found_whatever_the_level(cutoff, level):
    got = bandwidth_hz(level * low_pass(bursts(), cutoff, 16000), 16000)
    # The filter's slope is an eighth of the cutoff wide, half of it above; a band has 250 Hz.
    assert -250 <= got - cutoff <= cutoff / 16 + 250


def test_a_full_band_reaches_half_the_rate():
    assert bandwidth_hz(bursts(), 16000) == 8000.0


@pytest.mark.parametrize("x", [np.zeros(0), np.ones(511), np.zeros(5000)])
def test_what_holds_no_speech_has_no_bandwidth(x):
    assert bandwidth_hz(x.astype(np.float32), 16000) == 0.0


def test_every_recording_of_a_bank_is_measured():
    parts = [bursts(), low_pass(bursts(), 4000.0, 16000)]
    samples = np.round(np.concatenate(parts) * 20000).astype(np.int16)
    bank = SampleBank(samples, np.array([0, 32000, 64000]))
    wide, narrow = bandwidths_hz(bank, 16000)
    assert wide == 8000.0 and 3750 <= narrow <= 4500
