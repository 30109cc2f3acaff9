"""The gain of what the model does not hear, against the formula written as a loop."""

import math

import numpy as np
import pytest

from wheesht.engine.high_band import HighBand

GAIN_TOLERANCE = 3e-7  # two products and a sum in float32 (measured 1e-7)


def gain_at(k, gains, rate, hop):
    """Cross-fade of the frame gains at output sample k, in float64."""
    tau = k * 16000 / rate
    block = math.floor(tau / hop)
    angle = math.pi * (tau - block * hop) / (2 * hop)
    return gains[block] * math.cos(angle) ** 2 + gains[block + 1] * math.sin(angle) ** 2


@pytest.mark.parametrize("hop", [160, 256])
@pytest.mark.parametrize("rate", [8000, 11025, 15999, 16001, 22050, 44100, 48000, 96000])
def test_the_gain_cross_fades_as_the_frames_do(rate, hop):
    rng = np.random.default_rng(0)
    gains = rng.uniform(0, 1, 9).astype(np.float32)
    count = 8 * hop * rate // 16000 - 1
    band = HighBand(rate, 16000, hop, 1)
    band.push(np.ones((1, count), np.float32))
    band.push_gains(gains[None])
    parts, given = [], 0
    for size in (1, 0, 97, 1009, count):
        size = min(size, count - given)
        parts.append(band.take(np.zeros((1, size), np.float32)))
        given += size
    got = np.concatenate(parts, axis=1)[0]
    want = [gain_at(k, gains, rate, hop) for k in range(count)]
    assert np.abs(got - want).max() <= GAIN_TOLERANCE


def test_a_gain_of_one_leaves_the_difference_untouched():
    band = HighBand(48000, 16000, 160, 2)
    x = np.random.default_rng(1).standard_normal((2, 960)).astype(np.float32)
    band.push(x)
    band.push_gains(np.ones((2, 3), np.float32))
    low = 0.25 * x
    assert np.abs(band.take(low) - (x - low)).max() <= GAIN_TOLERANCE * np.abs(x).max()


def test_after_reset_it_begins_at_the_first_frame():
    band = HighBand(48000, 16000, 160, 1)
    for _ in range(2):
        band.push(np.ones((1, 480), np.float32))
        band.push_gains(np.array([[0.0, 1.0]], np.float32))
        got = band.take(np.zeros((1, 480), np.float32))[0]
        assert got[0] == 0.0
        assert np.all(np.diff(got) >= 0)
        band.reset()
