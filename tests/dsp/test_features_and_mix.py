"""Features of a spectrum, and mixing at a ratio."""

import numpy as np
import pytest

from wheesht.dsp.features import log_power, normalise
from wheesht.dsp.mix import mix_at_snr
from wheesht.errors import ShapeError, SilentSignalError

# Powers of 997 samples in float32 signals, summed in float64: measured 2e-8 dB.
SNR_TOLERANCE_DB = 2e-7


def test_silence_has_the_logarithm_of_the_floor():
    assert np.all(log_power(np.zeros((2, 161), complex), 1e-8) == np.log(1e-8))


def test_ten_times_the_amplitude_adds_twenty_decibels_of_power():
    spectrum = np.array([3.0 + 4.0j, -1.0j])
    difference = log_power(10 * spectrum, 1e-20) - log_power(spectrum, 1e-20)
    assert np.allclose(10 * difference / np.log(10), 20.0, rtol=1e-14)


def test_normalised_features_have_zero_mean_and_unit_spread():
    features = np.random.default_rng(0).normal(-7.0, 3.0, (500, 5))
    seen = normalise(features, features.mean(0), 1.0 / features.std(0))
    assert np.max(np.abs(seen.mean(0))) < 1e-13
    assert np.max(np.abs(seen.std(0) - 1.0)) < 1e-13


@pytest.mark.parametrize("lengths", [(5, 4, 5), (5, 5, 4), (4, 5, 5)])
def test_constants_of_another_width_are_refused(lengths):
    features, mean, scale = (np.ones(n) for n in lengths)
    with pytest.raises(ShapeError, match="the same number K"):
        normalise(features, mean, scale)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 17.3])
def test_the_mixture_has_the_ratio_that_was_asked_for(snr_db, dtype):
    rng = np.random.default_rng(0)
    clean, noise = rng.standard_normal((2, 3, 997)).astype(dtype)
    noisy, scaled = mix_at_snr(clean, noise, snr_db)
    power = [np.mean(np.square(x, dtype=np.float64), axis=-1) for x in (clean, scaled)]
    assert np.max(np.abs(10 * np.log10(power[0] / power[1]) - snr_db)) < SNR_TOLERANCE_DB
    assert noisy.dtype == dtype
    assert np.array_equal(noisy, clean + scaled)


def test_inputs_are_not_modified():
    clean, noise = np.ones(8), np.full(8, 2.0)
    mix_at_snr(clean, noise, 3.0)
    assert np.all(clean == 1.0) and np.all(noise == 2.0)


def test_unequal_lengths_are_refused_with_what_to_do():
    with pytest.raises(ShapeError, match="cut or loop the noise"):
        mix_at_snr(np.ones(8), np.ones(9), 0.0)


@pytest.mark.parametrize(
    "clean, noise",
    [(np.zeros((2, 4)), np.ones((2, 4))), (np.ones((2, 4)), np.zeros((2, 4)))],
    ids=["clean", "noise"],
)
def test_silence_has_no_ratio(clean, noise):
    with pytest.raises(SilentSignalError, match="all zeros"):
        mix_at_snr(clean, noise, 0.0)


def test_no_samples_have_no_ratio():
    with pytest.raises(SilentSignalError, match="0 samples"):
        mix_at_snr(np.zeros(0), np.zeros(0), 0.0)
