"""The low anchor's filter against the mask of BS.1534-3 and an independent convolution."""

import numpy as np
import pytest
import scipy.signal

from wheesht.report.listening.anchor import low_anchor

ROUNDING = 1e-12


def test_the_mask_of_the_recommendation_holds():
    impulse = np.zeros(16000)
    impulse[8000] = 1.0
    magnitude = np.abs(np.fft.rfft(low_anchor(impulse)))  # a bin a hertz
    response = 20 * np.log10(np.maximum(magnitude, 1e-9))
    assert np.abs(response[:3501]).max() <= 0.1
    assert response[4000:].max() <= -25
    assert response[4500:].max() <= -50


def test_nothing_is_delayed():
    impulse = np.zeros(1001)
    impulse[500] = 1.0
    filtered = low_anchor(impulse)
    assert np.argmax(filtered) == 500
    assert filtered == pytest.approx(filtered[::-1], abs=ROUNDING)


@pytest.mark.parametrize("n", [1, 64, 129, 4001])
def test_the_length_stays(n):
    x = np.random.default_rng(0).normal(size=n).astype(np.float32)
    assert low_anchor(x).shape == (n,)


def test_speech_below_the_cut_off_is_untouched():
    t = np.arange(16000) / 16000
    low, high = np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * 5000 * t)
    middle = slice(200, -200)
    reference = scipy.signal.sosfiltfilt(
        scipy.signal.cheby2(12, 60, 4000, fs=16000, output="sos"), low + high
    )
    # Two ways to keep 1 kHz and drop 5 kHz; ripples of 0.1 dB are 1.2 %.
    assert low_anchor(low + high)[middle] == pytest.approx(reference[middle], abs=0.012)
