"""Enhanced files beside the clips they were made from: how late they are, and made to fit."""

import numpy as np

from wheesht.data.testset import RATE
from wheesht.errors import ShapeError

MOST_LAG = RATE // 2  # samples; no rival that is meant to run live is later than half a second
# Samples, 32 ms. Systems that work in blocks drop or add up to two hops; more is another signal.
MOST_MISFIT = 512


def lag_of(enhanced: np.ndarray, reference: np.ndarray) -> int:
    """Return by how many samples `enhanced` is later than `reference`.

    Parameters
    ----------
    enhanced, reference : ndarray, shape (N,) and (M,)
        At one rate.

    Returns
    -------
    int
        Where their cross-correlation is largest in magnitude, from -8000 to 8000: a system may
        turn the sign of its output. 0 when one of them is silent.
    """
    size = len(enhanced) + len(reference)
    spectrum = np.fft.rfft(enhanced, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.abs(np.fft.irfft(spectrum, size))
    most = min(MOST_LAG, size // 2 - 1)
    lags = np.concatenate([np.arange(most + 1), np.arange(-most, 0)])
    near = correlation[lags]
    return int(lags[np.argmax(near)]) if near.any() else 0


def fit(name: str, enhanced: np.ndarray, n_samples: int, lag: int = 0) -> np.ndarray:
    """Return `enhanced` earlier by `lag` samples and of the length of its clip.

    Parameters
    ----------
    name : str
        What a message calls it.
    enhanced : ndarray, shape (N,)
    n_samples : int
        Length of the clip.
    lag : int
        In samples; negative for a signal that is early.

    Returns
    -------
    ndarray, shape (n_samples,)
        Padded with zeros, or cut.

    Raises
    ------
    ShapeError
        The lengths differ by more than the lag and 512 samples.
    """
    misfit = len(enhanced) - n_samples
    if not min(0, lag) - MOST_MISFIT <= misfit <= max(0, lag) + MOST_MISFIT:
        raise ShapeError(
            f"{name}: {len(enhanced)} samples at {RATE} Hz, its clip {n_samples}, needs the same "
            f"length to within {MOST_MISFIT} samples; is it the output for this clip?"
        )
    if lag >= 0:
        moved = enhanced[lag : lag + n_samples]
        return np.pad(moved, (0, n_samples - len(moved)))
    moved = enhanced[: n_samples + lag]
    return np.pad(moved, (-lag, n_samples + lag - len(moved)))
