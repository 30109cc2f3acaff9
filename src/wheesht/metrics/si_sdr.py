"""Scale-invariant signal-to-distortion ratio."""

import numpy as np

from wheesht.metrics.checks import check_pair

LIMIT_DB = 100.0  # either way; beyond it the rounding of float32 audio is what is measured


def si_sdr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the scale-invariant signal-to-distortion ratio, means removed.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned to the sample; any scale.
    sample_rate : int
        Not used; there so that all metrics are called alike.

    Returns
    -------
    float
        In dB, higher is better, limited to -100..100.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`.

    Notes
    -----
    Le Roux et al., "SDR - half-baked or well done?" (2019), equation 5; with the means removed it
    is also called SI-SNR.
    """
    check_pair("si_sdr", clean, enhanced)
    s = clean.astype(np.float64) - clean.mean(dtype=np.float64)
    e = enhanced.astype(np.float64) - enhanced.mean(dtype=np.float64)
    target = s * (np.dot(e, s) / max(np.dot(s, s), np.finfo(float).tiny))
    wanted, rest = np.sum(target**2), np.sum((target - e) ** 2)
    if wanted == 0.0:
        return -LIMIT_DB
    if rest == 0.0:
        return LIMIT_DB
    return float(np.clip(10 * np.log10(wanted / rest), -LIMIT_DB, LIMIT_DB))
