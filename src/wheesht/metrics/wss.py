"""Weighted spectral slope distance: how the slopes between neighbouring bands differ."""

from functools import cache

import numpy as np

from wheesht.metrics.checks import check_level, check_pair, check_rate
from wheesht.metrics.frames import hann_frames, mean_of_least

# Critical bands that cover 4 kHz (Pellom and Hansen 1998): centre and width in Hz.
CENTRES = np.array(
    [50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38]
    + [1148.30, 1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97]
    + [2978.04, 3276.17, 3597.63]
)
WIDTHS = np.array(
    [70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914]
    + [140.423, 153.823, 168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072]
    + [298.126, 321.465, 346.136]
)
N_FFT = 1024  # the power of two above twice a frame of 480 samples
LEAST_WEIGHT = np.exp(-30.0 / (2 * 2.303))  # a band's filter is cut off below it
FLOOR = 1e-10  # power of a band
GLOBAL_DB, LOCAL_DB = 20.0, 1.0  # Klatt's constants: fall of the weight below the two peaks


def wss(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the weighted spectral slope distance, the mean of the 95 % least distorted frames.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned, full scale 1.0.
    sample_rate : int
        16000 Hz.

    Returns
    -------
    float
        0 (same slopes) and up, in dB squared; lower is better.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when shorter than 37.5 ms, for another rate,
        or when a sample is 12 dB beyond full scale.

    Notes
    -----
    Klatt (1982) with 25 bands up to 4 kHz, as part of Hu and Loizou's composite measure.
    """
    clean, enhanced = check_pair("wss", clean, enhanced)
    check_rate("wss", sample_rate, (16000,))
    for role, x in (("clean", clean), ("enhanced", enhanced)):
        check_level("wss", role, x)  # FLOOR is a level
    levels = [_levels(hann_frames("wss", x, sample_rate)) for x in (clean, enhanced)]
    slopes = [np.diff(level, axis=1) for level in levels]
    weights = (_weights(levels[0], slopes[0]) + _weights(levels[1], slopes[1])) / 2
    difference = np.sum(weights * (slopes[0] - slopes[1]) ** 2, axis=1)
    return mean_of_least(difference / np.sum(weights, axis=1))


@cache
def _bands() -> np.ndarray:
    """Return the filters of the bands, (25, bins)."""
    bins = np.arange(N_FFT // 2)
    hz_per_bin = 16000 / N_FFT
    place = (bins - np.floor(CENTRES / hz_per_bin)[:, None]) / (WIDTHS / hz_per_bin)[:, None]
    filters = np.exp(-11 * place**2) * (WIDTHS[0] / WIDTHS)[:, None]
    return np.where(filters > LEAST_WEIGHT, filters, 0.0)


def _levels(frames: np.ndarray) -> np.ndarray:
    """Return each band's level in dB, (T, 25)."""
    power = np.abs(np.fft.rfft(frames, N_FFT, axis=1)[:, : N_FFT // 2]) ** 2
    return 10 * np.log10(np.maximum(power @ _bands().T, FLOOR))


def _weights(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return Klatt's weights, (T, 24): near 1 at spectral peaks, small in valleys."""
    below_highest = levels.max(axis=1, keepdims=True) - levels[:, :-1]
    below_nearest = _nearest_peaks(levels, slopes) - levels[:, :-1]
    return GLOBAL_DB / (GLOBAL_DB + below_highest) * (LOCAL_DB / (LOCAL_DB + below_nearest))


def _nearest_peaks(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return the level of the peak that each band leads to, (T, 24).

    A falling slope leads back to where the fall began. A rising one leads forward, and there
    the programs that published results were made with stop one band short of the peak; so does
    this one.
    """
    rising, bands = slopes > 0.0, np.arange(slopes.shape[1])
    first_falling = np.where(rising, slopes.shape[1], bands)[:, ::-1]
    first_falling = np.minimum.accumulate(first_falling, axis=1)[:, ::-1]  # at or after each band
    last_rising = np.maximum.accumulate(np.where(rising, bands, -1), axis=1)  # at or before
    peaks = np.where(rising, first_falling - 1, last_rising + 1)
    return np.take_along_axis(levels, peaks, axis=1)
