"""Log mel spectrogram that the P.808 network of DNSMOS was trained on."""

from functools import cache

import numpy as np

N_FFT, HOP, N_MELS, RATE = 321, 160, 120, 16000
FLOOR = 1e-10  # power
RANGE_DB = 80.0  # below the loudest band of the segment everything is cut off
LINEAR_HZ = 200.0 / 3  # per mel, below KNEE_HZ
KNEE_HZ = 1000.0
OCTAVE_STEP = np.log(6.4) / 27  # per mel, above KNEE_HZ


def log_mel(x: np.ndarray) -> np.ndarray:
    """Return mel bands in dB below the loudest one, scaled as the network wants them.

    Parameters
    ----------
    x : ndarray, shape (N,)
        16 kHz, full scale 1.0.

    Returns
    -------
    ndarray, shape (T, 120), float32
        (dB + 40) / 40, -1 to 1; T = N // 160 when 160 divides N.

    Notes
    -----
    Periodic Hann window of 321 samples, hop 160, zeros beyond both ends, Slaney's mel scale and
    area normalisation: librosa's ``melspectrogram`` and ``power_to_db(ref=max)``, which made the
    training data.
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    padded = np.pad(x.astype(np.float64), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    level = 10 * np.log10(np.maximum(power @ _filters().T, FLOOR))
    level = np.maximum(level - level.max(), -RANGE_DB)
    return ((level + 40) / 40).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """Return triangles of unit area in Hz, (bands, bins)."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE / 2), N_MELS + 2))[:, None]
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall)) * 2 / (edges[2:] - edges[:-2])


def _hz_to_mel(hz: float) -> float:
    """Slaney's scale, for frequencies above KNEE_HZ."""
    return KNEE_HZ / LINEAR_HZ + float(np.log(hz / KNEE_HZ)) / OCTAVE_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    knee = KNEE_HZ / LINEAR_HZ
    above = KNEE_HZ * np.exp(OCTAVE_STEP * (mel - knee))
    return np.where(mel < knee, mel * LINEAR_HZ, above)
