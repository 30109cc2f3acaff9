"""The whole-signal transform: framing, reconstruction, agreement with scipy."""

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT

from wheesht.dsp.stft import istft, sqrt_hann, stft
from wheesht.errors import ShapeError

SIZES = [320, 512]
# float64, 320 or 512 terms: measured 9e-16 for the round trip of samples up to 1, 1.1e-14 for
# spectra whose largest bin is about 60.
ROUND_TRIP_TOLERANCE = 2e-15
SPECTRUM_TOLERANCE = 1e-13


@pytest.mark.parametrize("win_length", SIZES)
def test_squares_of_shifted_windows_sum_to_one(win_length):
    square = sqrt_hann(win_length) ** 2
    hop = win_length // 2
    assert np.max(np.abs(square[:hop] + square[hop:] - 1.0)) < 1e-15


@pytest.mark.parametrize("win_length", SIZES)
@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 161, 1601])
def test_reconstruction_is_exact_at_every_sample(win_length, n_samples):
    x = np.random.default_rng(0).uniform(-1, 1, (2, n_samples))
    window = sqrt_hann(win_length)
    y = istft(stft(x, window), window, n_samples)
    assert y.shape == x.shape
    assert np.max(np.abs(y - x), initial=0.0) < ROUND_TRIP_TOLERANCE


def test_frame_t_covers_the_hops_t_minus_1_and_t():
    window = sqrt_hann(320)
    x = np.random.default_rng(1).standard_normal(5 * 160)
    spectrum = stft(x, window)
    assert spectrum.shape == (6, 161)
    for t, samples in [
        (0, np.concatenate([np.zeros(160), x[:160]])),
        (2, x[160:480]),
        (5, np.concatenate([x[640:], np.zeros(160)])),
    ]:
        assert np.array_equal(spectrum[t], np.fft.rfft(samples * window))


@pytest.mark.parametrize("win_length", SIZES)
def test_inner_frames_equal_those_of_scipy(win_length):
    hop = win_length // 2
    x = np.random.default_rng(2).standard_normal(9 * hop)
    window = sqrt_hann(win_length)
    theirs = ShortTimeFFT(window, hop, fs=1).stft(x, p0=1, p1=9, k_offset=0).T  # centred on p * hop
    ours = stft(x, window)[1:9]
    # scipy rotates phases to the frame's centre; magnitudes do not depend on that.
    assert np.max(np.abs(np.abs(theirs) - np.abs(ours))) < SPECTRUM_TOLERANCE


def test_leading_axes_are_independent():
    window = sqrt_hann(320)
    x = np.random.default_rng(3).standard_normal((2, 3, 500))
    assert np.array_equal(stft(x, window)[1, 2], stft(x[1, 2], window))


@pytest.mark.parametrize("win_length", [-2, 0, 1, 321])
def test_odd_or_empty_windows_are_refused(win_length):
    with pytest.raises(ShapeError, match="needs an even number"):
        sqrt_hann(win_length)


@pytest.mark.parametrize("shape", [(0,), (1,), (321,), (2, 160)])
def test_windows_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ShapeError, match="needs \\(W,\\) with W even"):
        stft(np.zeros(10), np.ones(shape))


def test_a_single_number_is_no_signal():
    with pytest.raises(ShapeError, match="needs an array of samples"):
        stft(np.float64(1.0), sqrt_hann(320))


@pytest.mark.parametrize("shape", [(161,), (3, 160), (3, 162)])
def test_spectra_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"needs \(\.\.\., T, 161\)"):
        istft(np.zeros(shape, complex), sqrt_hann(320), 0)


@pytest.mark.parametrize("n_samples", [-1, 321])
def test_more_samples_than_the_frames_hold_are_refused(n_samples):
    with pytest.raises(ShapeError, match="hold 0 to 320"):
        istft(np.zeros((3, 161), complex), sqrt_hann(320), n_samples)
