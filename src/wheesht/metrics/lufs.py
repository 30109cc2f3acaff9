"""Integrated loudness: a level, not a quality."""

from typing import Any

import numpy as np

from wheesht.errors import MissingDependency, SilentSignalError
from wheesht.metrics.checks import check_level, check_rate, check_signal, check_sound

BLOCK_SECONDS = 0.4
LEAST_RATE = 8000  # Hz; the weighting's shelf rises at 1.5 kHz


def lufs(clean: Any, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the integrated loudness of the enhanced signal.

    Parameters
    ----------
    clean : object
        Not used; there so that all metrics are called alike.
    enhanced : ndarray, shape (N,)
        Full scale 1.0. Shorter than 0.4 s it is taken as one block without a gate.
    sample_rate : int
        8000 Hz or more.

    Returns
    -------
    float
        In LUFS, -70 and up (less in one ungated block); a full-scale sine of 1 kHz has -3.

    Raises
    ------
    ShapeError, ParameterError
        See `wheesht.metrics.checks.check_signal`; also for a lower rate, or when a sample is 12 dB
        beyond full scale.
    SilentSignalError
        The signal is silent, or no block reaches -70 LUFS.
    MissingDependency
        The package `pyloudnorm` is not installed.

    Notes
    -----
    ITU-R BS.1770-4: K-weighting, blocks of 400 ms that overlap by 75 %, gates at -70 LUFS and
    10 LU below the mean of what passes that.
    """
    x = check_signal("lufs", "enhanced", enhanced).astype(np.float64)
    check_rate("lufs", sample_rate, at_least=LEAST_RATE)
    check_level("lufs", "enhanced", x)
    check_sound("lufs", "enhanced", x)
    try:
        import pyloudnorm
    except ImportError:
        raise MissingDependency("lufs needs: pip install 'wheesht[eval]'") from None
    meter = pyloudnorm.Meter(sample_rate)
    if x.size < BLOCK_SECONDS * sample_rate:
        return _one_block(meter, x)
    value = float(meter.integrated_loudness(x))
    if not np.isfinite(value):
        raise SilentSignalError("lufs: no block of 400 ms reaches the gate of -70 LUFS")
    return value


def _one_block(meter: Any, x: np.ndarray) -> float:
    """Return the loudness of all samples, without a gate (the package refuses less than 0.4 s)."""
    for weighting in meter._filters.values():
        x = weighting.apply_filter(x)
    return float(-0.691 + 10 * np.log10(np.mean(x**2)))
