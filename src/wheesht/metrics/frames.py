"""Short frames in which speech is nearly stationary, as the composite ratings cut them."""

import numpy as np

from wheesht.errors import ShapeError

FRAME_SECONDS = 0.03
OVERLAP = 4  # a frame begins every quarter of its length
KEPT = 0.95  # share of frames, from the least distorted on, that a distance is the mean of


def hann_frames(name: str, x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Cut a signal into frames of 30 ms that overlap by 75 %, under a Hann window.

    Parameters
    ----------
    name : str
        Of the metric, for the message.
    x : ndarray, shape (N,)
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray, shape (T, W), float64
        As many frames as Loizou's programs take: one less than would fit.

    Raises
    ------
    ShapeError
        Shorter than one frame and one hop.
    """
    length = round(FRAME_SECONDS * sample_rate)
    hop = length // OVERLAP
    count = int(x.size / hop - length / hop) if hop else 0
    if count < 1:
        raise ShapeError(
            f"{name}: got {x.size} samples, needs at least {length + hop} "
            f"({1000 * (length + hop) / sample_rate:g} ms at {sample_rate} Hz)"
        )
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, length + 1) / (length + 1)))
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), length)
    return frames[: count * hop : hop] * window


def mean_of_least(distances: np.ndarray) -> float:
    """Return the mean of the smallest 95 % of the frames' distances."""
    return float(np.sort(distances)[: max(1, round(distances.size * KEPT))].mean())
