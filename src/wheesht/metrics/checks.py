"""What every metric needs of its signals, checked once and said in a sentence."""

from typing import Any

import numpy as np

from wheesht.errors import ParameterError, ShapeError, SilentSignalError

SILENCE = 1e-9  # peak, -180 dBFS; below it nothing was recorded, and sums of squares vanish
HIGHEST_PEAK = 1e6  # above it nothing is full scale 1.0, and sums of squares overflow
# For what depends on the level: 12 dB above full scale. A model may overshoot by some decibels;
# 16-bit values that were never scaled exceed it by far.
HIGHEST_LEVEL = 4.0
INT_SCALE = {"int16": 32768, "int32": 2147483648, "uint8": 128}


def check_signal(name: str, role: str, x: Any) -> np.ndarray:
    """Return a signal as an array of float, or refuse it.

    Parameters
    ----------
    name : str
        Of the metric, for the message.
    role : str
        ``clean`` or ``enhanced``, for the message.
    x : array_like, shape (N,)
        Full scale 1.0.

    Returns
    -------
    ndarray, shape (N,)
        float32 or float64, not copied if it was one already.

    Raises
    ------
    ShapeError
        Not one-dimensional, empty, or not of real floating-point numbers.
    ParameterError
        A sample is NaN or Inf, or beyond a million times full scale.
    """
    x = np.asarray(x)
    if x.ndim != 1 or x.size == 0:
        raise ShapeError(
            f"{name}: {role} has shape {x.shape}, needs (N,), N >= 1; score one channel at a time"
        )
    if x.dtype.kind != "f":
        scale = INT_SCALE.get(x.dtype.name)
        advice = f"; divide by {scale}" if scale else ""
        raise ShapeError(f"{name}: {role} is {x.dtype}, needs float with full scale 1.0{advice}")
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float64)
    if not np.all(np.isfinite(x)):
        count = int(np.count_nonzero(~np.isfinite(x)))
        raise ParameterError(
            f"{name}: {role} holds NaN or Inf ({count} of {x.size}), needs finite samples"
        )
    if (peak := np.abs(x).max()) > HIGHEST_PEAK:
        raise ParameterError(f"{name}: {role} has a peak of {peak:.3g}, needs full scale 1.0")
    return x


def check_pair(name: str, clean: Any, enhanced: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both signals as arrays of float, or refuse what no metric can compare.

    Raises
    ------
    ShapeError, ParameterError
        See `check_signal`; also when the lengths differ, or there is no clean signal.
    SilentSignalError
        The clean signal is silent.
    """
    if clean is None:
        raise ShapeError(f"{name}: got no clean signal, needs one to compare with")
    clean = check_signal(name, "clean", clean)
    enhanced = check_signal(name, "enhanced", enhanced)
    if clean.shape != enhanced.shape:
        raise ShapeError(
            f"{name}: clean has {clean.size} samples and enhanced {enhanced.size}, "
            f"needs two equal (N,); align and cut them first"
        )
    check_sound(name, "clean", clean)
    return clean, enhanced


def check_sound(name: str, role: str, x: np.ndarray) -> None:
    """Refuse a silent signal.

    Raises
    ------
    SilentSignalError
        No sample reaches -180 dBFS.
    """
    if is_silent(x):
        raise SilentSignalError(f"{name}: {role} is silent, so there is no score")


def is_silent(x: np.ndarray) -> bool:
    """Whether no sample reaches -180 dBFS."""
    return float(np.abs(x).max()) < SILENCE


def check_level(name: str, role: str, x: np.ndarray) -> None:
    """Refuse a signal that is not scaled to 1.0, for metrics that depend on the level.

    Raises
    ------
    ParameterError
        A sample is more than 12 dB beyond full scale.
    """
    peak = float(np.abs(x).max())
    if peak > HIGHEST_LEVEL:
        raise ParameterError(
            f"{name}: {role} has a peak of {peak:g}, needs full scale 1.0 (at most "
            f"{HIGHEST_LEVEL:g}); scale it as its file would hold it"
        )


def check_rate(
    name: str, sample_rate: float, needed: tuple[int, ...] = (), at_least: int = 1
) -> None:
    """Refuse a sample rate that is no whole number of Hz, none of `needed`, or too low.

    Raises
    ------
    ParameterError
    """
    if not float(sample_rate).is_integer() or sample_rate <= 0:
        raise ParameterError(f"{name}: got {sample_rate} Hz, needs a positive whole number")
    if needed and sample_rate not in needed:
        rates = " or ".join(str(rate) for rate in needed)
        raise ParameterError(f"{name}: got {sample_rate} Hz, needs {rates} Hz; resample first")
    if sample_rate < at_least:
        raise ParameterError(f"{name}: got {sample_rate} Hz, needs {at_least} Hz or more")
