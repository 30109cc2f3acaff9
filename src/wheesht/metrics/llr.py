"""Log-likelihood ratio: how badly the enhanced frame's linear prediction fits the clean frame."""

import numpy as np

from wheesht.errors import SilentSignalError
from wheesht.metrics.checks import check_pair, check_rate
from wheesht.metrics.frames import hann_frames, mean_of_least

ORDER = 16  # of the predictors, at 16 kHz
N_FFT = 512  # holds a frame of 480 samples and a filter


def llr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the log-likelihood ratio, the mean of the 95 % least distorted frames.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned; the level does not matter.
    sample_rate : int
        16000 Hz.

    Returns
    -------
    float
        0 (same spectral envelopes) and up; lower is better.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when shorter than 37.5 ms, for another rate,
        or when `clean` is zero in every frame.

    Notes
    -----
    Quackenbush et al. (1988), as part of Hu and Loizou's composite measure: per frame
    log(a' R a / c' R c), c and a the predictors of the clean and the enhanced frame, R the clean
    frame's autocorrelation matrix. Frames in which the clean signal is zero have no envelope and
    are left out.
    """
    clean, enhanced = check_pair("llr", clean, enhanced)
    check_rate("llr", sample_rate, (16000,))
    spectra = [_power(hann_frames("llr", x, sample_rate)) for x in (clean, enhanced)]
    audible = spectra[0].any(axis=1)
    if not audible.any():
        raise SilentSignalError("llr: clean is zero in every frame of 30 ms")
    own, others = spectra[0][audible], spectra[1][audible]
    error, best = _error(_predictor(others), own), _error(_predictor(own), own)
    return mean_of_least(np.log(error / best))


def _power(frames: np.ndarray) -> np.ndarray:
    """Return power spectra, (T, bins)."""
    return np.abs(np.fft.rfft(frames, N_FFT, axis=1)) ** 2


def _predictor(power: np.ndarray) -> np.ndarray:
    """Return each frame's prediction error filter, (T, ORDER + 1), which begins with 1.

    Levinson's recursion over all frames at once. A frame without power, or whose error rounding
    has made negative, keeps its filter from there on.
    """
    lags = np.fft.irfft(power, N_FFT, axis=1)[:, : ORDER + 1]
    a = np.zeros_like(lags)
    a[:, 0] = 1.0
    error = lags[:, 0].copy()
    for i in range(1, ORDER + 1):
        going = error > 0.0
        left = np.sum(a[:, :i] * lags[:, i:0:-1], axis=1)
        k = np.where(going, -left / np.where(going, error, 1.0), 0.0)
        a[:, 1 : i + 1] += k[:, None] * a[:, i - 1 :: -1][:, :i]
        error *= 1.0 - k**2
    return a


def _error(filters: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return the power that each filter leaves of a frame with that spectrum, (T,).

    This is the quadratic form of the filter in the frame's autocorrelation matrix, as a sum
    without cancellation.
    """
    left = _power(filters) * power
    return 2 * left.sum(axis=1) - left[:, 0] - left[:, -1]
