"""What every metric needs of its two signals."""

import numpy as np

from wheesht.errors import ParameterError, ShapeError, SilentSignalError


def check_pair(name: str, clean: np.ndarray, enhanced: np.ndarray) -> None:
    """Refuse signals that no metric can compare.

    Raises
    ------
    ShapeError
        Not two mono signals of one length, or empty.
    ParameterError
        A sample is NaN or Inf.
    SilentSignalError
        The clean signal has no power.
    """
    if clean.ndim != 1 or clean.shape != enhanced.shape or clean.size == 0:
        raise ShapeError(
            f"{name}: got shapes {clean.shape} and {enhanced.shape}, needs two equal (N,)"
        )
    if not (np.all(np.isfinite(clean)) and np.all(np.isfinite(enhanced))):
        raise ParameterError(f"{name}: a signal holds NaN or Inf, needs finite samples")
    if not np.any(clean):
        raise SilentSignalError(f"{name}: the clean signal is all zeros, so there is no score")
