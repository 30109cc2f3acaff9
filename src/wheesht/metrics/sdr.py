"""Signal-to-distortion ratio of BSS-eval: a short filter of the clean signal is forgiven."""

import numpy as np

from wheesht.errors import MissingDependency, ShapeError
from wheesht.metrics.checks import check_pair, is_silent
from wheesht.metrics.si_sdr import LIMIT_DB, ratio_db

TAPS = 512  # of the filter; 32 ms at 16 kHz
# Of the clean signal's power, as if it held white noise 120 dB below. Delayed copies of a signal
# of few frequencies are nearly the same signal; without this the filter would be rounding.
LOAD = 1e-12


def sdr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the signal-to-distortion ratio of BSS-eval 3, one source.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned to within 511 samples, enhanced not earlier; any scale; at least 1024 samples.
    sample_rate : int
        Not used: the filter has 512 taps at any rate, as in the original.

    Returns
    -------
    float
        In dB, higher is better, limited to -100..100; a silent `enhanced` gets -100.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when shorter than 1024 samples.
    MissingDependency
        The package `scipy` is not installed.

    Notes
    -----
    Vincent, Gribonval and Fevotte (2006): power of the projection of `enhanced` on the span of
    `clean` delayed by 0 to 511 samples, over the power of the rest. Never below `si_sdr`.
    """
    clean, enhanced = check_pair("sdr", clean, enhanced)
    if clean.size < 2 * TAPS:
        raise ShapeError(f"sdr: got {clean.size} samples, needs at least {2 * TAPS}")
    try:
        from scipy import fft, linalg
    except ImportError:
        raise MissingDependency("sdr needs: pip install 'wheesht[eval]'") from None
    if is_silent(enhanced):
        return -LIMIT_DB
    # Scaled to a peak of 1, so that neither very soft nor very loud signals leave float64.
    s = clean.astype(np.float64) / np.abs(clean).max()
    e = enhanced.astype(np.float64) / np.abs(enhanced).max()
    length = s.size + TAPS - 1
    n_fft = fft.next_fast_len(length, real=True)
    s_f, e_f = fft.rfft(s, n_fft), fft.rfft(e, n_fft)
    auto = fft.irfft(np.abs(s_f) ** 2, n_fft)[:TAPS]
    cross = fft.irfft(np.conj(s_f) * e_f, n_fft)[:TAPS]
    auto[0] *= 1.0 + LOAD
    taps = linalg.solve_toeplitz(auto, cross)
    target = fft.irfft(s_f * fft.rfft(taps, n_fft), n_fft)[:length]
    rest = -target
    rest[: e.size] += e
    return ratio_db(np.sum(target**2), np.sum(rest**2))
