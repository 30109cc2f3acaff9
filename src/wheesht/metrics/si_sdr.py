"""Scale-invariant signal-to-distortion ratio, with and without the means."""

import numpy as np

from wheesht.errors import SilentSignalError
from wheesht.metrics.checks import check_pair, is_silent

LIMIT_DB = 100.0  # either way; beyond it the rounding of float32 audio is what is measured


def si_sdr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the scale-invariant signal-to-distortion ratio; an offset counts as distortion.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned to the sample; any scale.
    sample_rate : int
        Not used; there so that all metrics are called alike.

    Returns
    -------
    float
        In dB, higher is better, limited to -100..100; a silent `enhanced` gets -100.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`.

    Notes
    -----
    Le Roux et al., "SDR - half-baked or well done?" (2019), equation 5. Many papers call the
    value with the means removed SI-SDR as well; that one is `si_snr`.
    """
    clean, enhanced = check_pair("si_sdr", clean, enhanced)
    return _projected_ratio_db(clean.astype(np.float64), enhanced.astype(np.float64))


def si_snr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the scale-invariant signal-to-noise ratio: `si_sdr` of the signals less their means.

    Parameters, result and errors are those of `si_sdr`; SilentSignalError also when `clean` is
    constant, so that nothing is left of it.

    Notes
    -----
    Luo and Mesgarani, "TasNet" (2018), equations 8 to 10.
    """
    clean, enhanced = check_pair("si_snr", clean, enhanced)
    s = clean.astype(np.float64) - clean.mean(dtype=np.float64)
    e = enhanced.astype(np.float64) - enhanced.mean(dtype=np.float64)
    if is_silent(s / np.abs(clean).max()):
        raise SilentSignalError("si_snr: clean is constant, so nothing is left without its mean")
    return _projected_ratio_db(s, e)


def _projected_ratio_db(s: np.ndarray, e: np.ndarray) -> float:
    """Return the power of the part of `e` along `s` over the power of the rest, in dB."""
    if is_silent(e):
        return -LIMIT_DB
    target = s * (np.dot(e, s) / np.dot(s, s))
    wanted, rest = np.sum(target**2), np.sum((target - e) ** 2)
    return ratio_db(wanted, rest)


def ratio_db(wanted: float, rest: float) -> float:
    """Return the ratio of two powers in dB, limited to -100..100; 0 over 0 is the lower limit."""
    if wanted == 0.0:
        return -LIMIT_DB
    if rest == 0.0:
        return LIMIT_DB
    return float(np.clip(10 * np.log10(wanted / rest), -LIMIT_DB, LIMIT_DB))
