"""Up to which frequency a recording holds speech; many carry less than their sample rate could."""

from collections.abc import Sequence

import numpy as np

from wheesht.data.bank import Progress, SampleBank, no_progress

FRAME_SECONDS = 0.032
BAND_HZ = 250.0
LOUD_RANGE = 1e-3  # frames within 30 dB of the loudest hold speech
LOUDEST_SHARE = 0.95  # quantile over frames: high frequencies come in short fricatives
REFERENCE_HZ = (1000.0, 4000.0)
LEAST_LEVEL = 1e-3  # -30 dB of the reference; a codec's low-pass falls far deeper


def bandwidth_hz(x: np.ndarray, sample_rate: int) -> float:
    """Return the frequency above which a speech recording holds next to nothing.

    The upper edge of the highest band of 250 Hz whose power in its strong frames (95 % quantile
    over frames within 30 dB of the loudest) is at most 30 dB below that of 1 to 4 kHz.

    Parameters
    ----------
    x : ndarray, shape (N,)
    sample_rate : int
        In Hz, 8000 or more.

    Returns
    -------
    float
        0 to half the sample rate; 0 for silence and for less than 32 ms.
    """
    length = round(FRAME_SECONDS * sample_rate)
    if len(x) < length:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(x, length)[:: length // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(length), axis=-1)) ** 2
    energy = power.sum(axis=1)
    loud = power[energy > LOUD_RANGE * energy.max()]
    if not len(loud):
        return 0.0
    width = round(BAND_HZ * length / sample_rate)  # bins of a band
    count = power.shape[1] // width
    bands = loud[:, : count * width].reshape(len(loud), count, width).mean(axis=2)
    strong = np.quantile(bands, LOUDEST_SHARE, axis=0)
    low, high = (round(f / BAND_HZ) for f in REFERENCE_HZ)
    held = np.flatnonzero(strong > LEAST_LEVEL * strong[low:high].mean())
    return float((held[-1] + 1) * BAND_HZ) if len(held) else 0.0


def bandwidths_hz(
    bank: SampleBank, sample_rate: int, progress: Progress = no_progress
) -> np.ndarray:
    """Return the bandwidth of every recording of a bank, shape (R,), in Hz."""
    order: Sequence[int] = range(len(bank))
    return np.array(
        [bandwidth_hz(bank[i], sample_rate) for i in progress(order, "measuring bandwidths")]
    )
