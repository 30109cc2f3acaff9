"""Wide-band PESQ, by the `pesq` package."""

import numpy as np

from wheesht.errors import MissingDependency, ParameterError, SilentSignalError
from wheesht.metrics.checks import check_pair


def pesq_wb(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the wide-band perceptual evaluation of speech quality.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned, full scale 1.0, at least a quarter of a second.
    sample_rate : int
        16000 Hz.

    Returns
    -------
    float
        MOS-LQO, 1.0 to 4.64, higher is better.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when PESQ finds no utterance, or for
        another rate.
    MissingDependency
        The package `pesq` is not installed.

    Notes
    -----
    ITU-T P.862.2.
    """
    check_pair("pesq_wb", clean, enhanced)
    try:
        from pesq import NoUtterancesError, PesqError, pesq
    except ImportError:
        raise MissingDependency("pesq_wb needs: pip install 'wheesht[eval]'") from None
    if sample_rate != 16000:
        raise ParameterError(f"pesq_wb: got {sample_rate} Hz, needs 16000 Hz; resample first")
    try:
        return float(pesq(sample_rate, clean, enhanced, "wb"))
    except NoUtterancesError:
        raise SilentSignalError("pesq_wb: no utterance found in the clean signal") from None
    except PesqError as error:
        raise ParameterError(f"pesq_wb: {error}") from error
