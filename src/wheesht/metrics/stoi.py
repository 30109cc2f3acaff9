"""Short-time objective intelligibility, plain and extended, by the `pystoi` package."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from wheesht.errors import MissingDependency, ShapeError, SilentSignalError
from wheesht.metrics.checks import check_pair, check_rate, check_sound

LEAST_SECONDS = 0.41  # 30 frames of 25.6 ms that overlap by half, and one that is lost
LEAST_RATE = 10000  # Hz; the rate that both work at


def stoi(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the short-time objective intelligibility.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned; of any level; at least 0.41 s of speech, not counting pauses.
    sample_rate : int
        10000 Hz or more; converted to 10 kHz inside.

    Returns
    -------
    float
        0 to 1, just below 0 for unrelated signals; higher is better. Papers print it in per cent.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also for a lower rate, when there is too little
        speech, or when `enhanced` is silent.
    MissingDependency
        The package `pystoi` is not installed.

    Notes
    -----
    Taal, Hendriks, Heusdens and Jensen, "An algorithm for intelligibility prediction of
    time-frequency weighted noisy speech" (2011). Frames more than 40 dB below the loudest one of
    `clean` are left out.
    """
    return _stoi("stoi", clean, enhanced, sample_rate, extended=False)


def estoi(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the extended short-time objective intelligibility.

    Parameters, range and errors are those of `stoi`.

    Notes
    -----
    Jensen and Taal, "An algorithm for predicting the intelligibility of speech masked by
    modulated noise maskers" (2016).
    """
    return _stoi("estoi", clean, enhanced, sample_rate, extended=True)


def _stoi(
    name: str, clean: np.ndarray, enhanced: np.ndarray, sample_rate: int, extended: bool
) -> float:
    clean, enhanced = check_pair(name, clean, enhanced)
    check_rate(name, sample_rate, at_least=LEAST_RATE)
    if clean.size < LEAST_SECONDS * sample_rate:
        raise ShapeError(
            f"{name}: got {clean.size / sample_rate:g} s, needs at least {LEAST_SECONDS} s"
        )
    check_sound(name, "enhanced", enhanced)  # nothing in it could be correlated
    try:
        from pystoi import stoi as pystoi
    except ImportError:
        raise MissingDependency(f"{name} needs: pip install 'wheesht[eval]'") from None
    with warnings.catch_warnings(), _fixed_noise():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(pystoi(clean, enhanced, int(sample_rate), extended=extended))
        except RuntimeWarning:  # after which it would answer 1e-5
            raise SilentSignalError(
                f"{name}: too little speech to score, needs {LEAST_SECONDS} s besides pauses"
            ) from None


@contextmanager
def _fixed_noise() -> Iterator[None]:
    """Fix the random numbers that pystoi adds at -313 dB, which decide where a band is silent."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
