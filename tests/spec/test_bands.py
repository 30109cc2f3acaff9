"""Mel-spaced bands against a derivation of their own."""

import numpy as np
import pytest

from wheesht.spec.bands import band_bounds, band_rows


def hertz_of_mel_points(count):
    """Mel points by the natural logarithm, 1127 ln(1 + f/700), as Young et al. also write them."""
    top = np.log1p(8000.0 / 700.0)
    return 700.0 * np.expm1(top * np.arange(1, count + 1) / (count + 1))


@pytest.mark.parametrize("n_bins, n_bands", [(161, 26), (161, 9), (161, 2), (257, 26), (101, 7)])
def test_a_bound_is_the_first_bin_above_its_mel_point(n_bins, n_bands):
    bounds = band_bounds(n_bins, n_bands)
    frequency = np.linspace(0.0, 8000.0, n_bins)
    want = [np.flatnonzero(frequency > f)[0] for f in hertz_of_mel_points(n_bands)]
    assert bounds == (0, *want, n_bins)


@pytest.mark.parametrize("n_bins, n_bands", [(161, 26), (161, 9), (257, 26), (101, 7)])
def test_every_bin_is_in_one_or_two_bands_and_rows_count_them(n_bins, n_bands):
    bounds = band_bounds(n_bins, n_bands)
    times = np.zeros(n_bins, int)
    for low, high in zip(bounds, bounds[2:], strict=False):
        times[low:high] += 1
    inner = slice(bounds[1], bounds[-2])
    assert np.all(times[inner] == 2)
    assert np.all(times[: bounds[1]] == 1) and np.all(times[bounds[-2] :] == 1)
    assert times.sum() == band_rows(n_bins, n_bands)


def test_the_mpt_host_has_304_rows():
    # 161 bins, 26 bands: what fits the published counts of the D-GRU paper's MPT host.
    assert band_rows(161, 26) == 304
