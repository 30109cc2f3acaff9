"""Segmental signal-to-noise ratio."""

import numpy as np

from wheesht.errors import SilentSignalError
from wheesht.metrics.checks import check_pair, check_rate
from wheesht.metrics.frames import hann_frames

LOWEST_DB, HIGHEST_DB = -10.0, 35.0  # of a frame


def seg_snr(clean: np.ndarray, enhanced: np.ndarray, sample_rate: int = 16000) -> float:
    """Return the mean over frames of clean power over difference power, each limited.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,)
        Aligned to the sample and in level: nothing is rescaled and no mean is removed.
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        In dB, -10 to 35, higher is better. Silence gets 0, which is more than bad noise gets.

    Raises
    ------
    ShapeError, ParameterError, SilentSignalError
        See `wheesht.metrics.checks.check_pair`; also when shorter than 37.5 ms, or when nothing
        but the last 30 ms holds a signal.

    Notes
    -----
    Hansen and Pellom (1998) with the frames of Loizou's composite measure: 30 ms, 75 % overlap,
    Hann window, each frame's ratio limited to -10..35 dB, pauses included. A frame in which both
    signals are zero holds nothing to compare and is left out.
    """
    clean, enhanced = check_pair("seg_snr", clean, enhanced)
    check_rate("seg_snr", sample_rate)
    wanted = hann_frames("seg_snr", clean, sample_rate)
    rest = wanted - hann_frames("seg_snr", enhanced, sample_rate)
    signal, noise = np.sum(wanted**2, axis=1), np.sum(rest**2, axis=1)
    heard = (signal > 0.0) | (noise > 0.0)
    if not heard.any():
        raise SilentSignalError("seg_snr: both signals are zero in every frame of 30 ms")
    with np.errstate(divide="ignore"):  # a zero on either side is the limit on that side
        ratio = 10 * (np.log10(signal[heard]) - np.log10(noise[heard]))
    return float(np.clip(ratio, LOWEST_DB, HIGHEST_DB).mean())
