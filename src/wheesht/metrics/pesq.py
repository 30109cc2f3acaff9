"""Perceptual evaluation of speech quality, wide band and narrow band, by the `pesq` package."""

import numpy as np

from wheesht.errors import MissingDependency, ParameterError, ShapeError, SilentSignalError
from wheesht.metrics.checks import check_pair, check_rate, check_sound
from wheesht.metrics.utterances import SAFE_SECONDS, count_utterances

RATE = 16000
LEAST_SECONDS = 0.25
# The program holds 50 utterances and 1000 bad intervals, and writes past both. The count is an
# estimate, and bad intervals with a good frame between them take 96 ms or more each.
MOST_UTTERANCES, MOST_SECONDS = 40, 90.0


def pesq_wb(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the wide-band perceptual evaluation of speech quality.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Of any level; small delays are found and undone. At least 0.25 s; meant for 8 to 30 s, at
        most 90 s and about 40 utterances.
    sample_rate : int
        16000 Hz.

    Returns
    -------
    float
        MOS-LQO, 1.0 to 4.64, higher is better.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also for another rate, when too short, when so
        long that the reference program would write past its memory, when PESQ finds no utterance
        of 0.2 s in `clean`, or when `enhanced` is silent.
    MissingDependency
        The package `pesq` is not installed.

    Notes
    -----
    ITU-T P.862.2. The package holds the reference program in C, which keeps to one thread.
    """
    return _pesq("pesq_wb", clean, enhanced, sample_rate, "wb")


def pesq_nb(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the narrow-band perceptual evaluation of speech quality.

    Parameters and errors are those of `pesq_wb`.

    Returns
    -------
    float
        MOS-LQO, 1.0 to 4.55, higher is better.

    Notes
    -----
    ITU-T P.862 with the map of P.862.1. The narrow-band model takes the 16 kHz samples as they
    are, which is what is printed for 16 kHz speech; after resampling to 8 kHz it would score some
    0.1 higher.
    """
    return _pesq("pesq_nb", clean, enhanced, sample_rate, "nb")


def _pesq(name: str, clean: np.ndarray, enhanced: np.ndarray, sample_rate: int, mode: str) -> float:
    clean, enhanced = check_pair(name, clean, enhanced)
    check_rate(name, sample_rate, (RATE,))
    _check_length(name, clean)
    check_sound(name, "enhanced", enhanced)  # its level is aligned, which silence has not
    try:
        from pesq import NoUtterancesError, PesqError, pesq
    except ImportError:
        raise MissingDependency(f"{name} needs: pip install 'wheesht[eval]'") from None
    try:
        return float(pesq(sample_rate, clean, enhanced, mode))
    except NoUtterancesError:
        raise SilentSignalError(f"{name}: no utterance of 0.2 s found in clean") from None
    except (PesqError, ValueError) as error:  # ValueError: the program's answer is NaN
        raise ParameterError(f"{name}: the reference program gave up ({error})") from error


def _check_length(name: str, clean: np.ndarray) -> None:
    """Refuse what is too short for the program, and what would make it crash."""
    seconds = clean.size / RATE
    if seconds < LEAST_SECONDS:
        raise ShapeError(f"{name}: got {seconds:g} s, needs at least {LEAST_SECONDS} s")
    if seconds > MOST_SECONDS:
        raise ShapeError(
            f"{name}: got {seconds:.0f} s, needs at most {MOST_SECONDS:.0f} s; PESQ is meant for 8 "
            f"to 30 s, so cut the recording into clips"
        )
    if seconds > SAFE_SECONDS and (count := count_utterances(clean)) > MOST_UTTERANCES:
        raise ShapeError(
            f"{name}: got about {count} utterances in {seconds:.0f} s, needs at most "
            f"{MOST_UTTERANCES}, beyond which the reference program may crash; cut the recording "
            f"into clips"
        )
