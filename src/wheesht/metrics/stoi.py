"""Extended short-time objective intelligibility, by the `pystoi` package."""

import warnings

import numpy as np

from wheesht.errors import MissingDependency, SilentSignalError
from wheesht.metrics.checks import check_pair


def estoi(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the extended short-time objective intelligibility.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned; at least 0.4 s of speech.
    sample_rate : int
        In Hz; converted to 10 kHz inside.

    Returns
    -------
    float
        About 0 to 1, higher is better.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when there is too little speech.
    MissingDependency
        The package `pystoi` is not installed.

    Notes
    -----
    Jensen and Taal, "An algorithm for predicting the intelligibility of speech masked by
    modulated noise maskers" (2016).
    """
    check_pair("estoi", clean, enhanced)
    try:
        from pystoi import stoi
    except ImportError:
        raise MissingDependency("estoi needs: pip install 'wheesht[eval]'") from None
    with warnings.catch_warnings():
        # pystoi answers 1e-5 with a warning when fewer than 30 frames hold speech.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(stoi(clean, enhanced, sample_rate, extended=True))
        except RuntimeWarning as warning:
            raise SilentSignalError(f"estoi: too little speech to score ({warning})") from None
