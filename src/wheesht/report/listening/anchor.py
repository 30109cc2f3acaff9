"""The low anchor of a MUSHRA test: the reference without what lies above 3.5 kHz."""

import numpy as np

from wheesht.data.testset import RATE

PASS_HZ, STOP_HZ = 3500, 4000
TAPS = 129  # odd, so that the delay is whole; 4 ms to either side
KAISER_BETA = 5.65  # ripple of 60 dB


def low_anchor(clean: np.ndarray) -> np.ndarray:
    """Return a signal low-passed at 3.5 kHz, not delayed.

    Parameters
    ----------
    clean : ndarray, shape (N,)
        Any scale, 16 kHz, N >= 1.

    Returns
    -------
    ndarray, shape (N,)

    Notes
    -----
    ITU-R BS.1534-3, section 5.1: within 0.1 dB up to 3.5 kHz, at least 25 dB down at 4 kHz and
    50 dB from 4.5 kHz on. A windowed sinc (Kaiser) in linear phase meets it.
    """
    middle = (PASS_HZ + STOP_HZ) / RATE  # cut-off over half the rate
    n = np.arange(TAPS) - TAPS // 2
    taps = middle * np.sinc(middle * n) * np.kaiser(TAPS, KAISER_BETA)
    whole = np.convolve(clean, taps / taps.sum())
    return whole[TAPS // 2 : TAPS // 2 + len(clean)]
