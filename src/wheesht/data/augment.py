"""Changes that a recording could have suffered: filters, levels, other kinds of noise.

Every function takes its randomness from a `numpy.random.Generator` and returns float32.
"""

import numpy as np

MAX_COEFFICIENT = 0.375  # 3/8: keeps the biquad stable and its slopes below about 10 dB


def random_filter(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour a signal with a random second-order filter.

    Parameters
    ----------
    x : ndarray, shape (N,)

    Returns
    -------
    ndarray, shape (N,)
        Filtered in the frequency domain: the filter's tail wraps around, which for its few
        samples of memory does not matter.

    Notes
    -----
    (1 + r1/z + r2/z^2) / (1 + r3/z + r4/z^2), r uniform in -3/8..3/8; Valin (arXiv 1709.08243).
    """
    r = rng.uniform(-MAX_COEFFICIENT, MAX_COEFFICIENT, 4)
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(len(x)))
    response = (1 + r[0] * delay + r[1] * delay**2) / (1 + r[2] * delay + r[3] * delay**2)
    return np.fft.irfft(np.fft.rfft(x) * response.astype(np.complex64), n=len(x)).astype(np.float32)


def coloured_noise(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return stationary noise whose power falls by 0 to 6 dB an octave, standard deviation one."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples, dtype=np.float32))
    frequency = np.maximum(np.fft.rfftfreq(n_samples), 1e-3)  # flat below 16 Hz at 16 kHz
    spectrum *= frequency ** (-rng.uniform(0.0, 2.0) / 2)
    x = np.fft.irfft(spectrum, n=n_samples)
    return (x / x.std()).astype(np.float32)


def low_pass(x: np.ndarray, cutoff_hz: float, sample_rate: int) -> np.ndarray:
    """Remove what lies above a frequency, as a band-limited recording would.

    Parameters
    ----------
    x : ndarray, shape (N,)
    cutoff_hz : float
        Where the response is halved; it falls as half a cosine over an eighth of it.

    Returns
    -------
    ndarray, shape (N,)
    """
    width = cutoff_hz / 8
    above = (np.fft.rfftfreq(len(x), 1 / sample_rate) - (cutoff_hz - width / 2)) / width
    response = 0.5 + 0.5 * np.cos(np.pi * np.clip(above, 0.0, 1.0))
    return np.fft.irfft(np.fft.rfft(x) * response, n=len(x)).astype(np.float32)


def reverberate(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve a signal (N,) with an impulse response (M,); return the first N samples."""
    size = 1 << (len(x) + len(response) - 2).bit_length()  # no wrap-around, and a fast transform
    spectrum = np.fft.rfft(x, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(x)].astype(np.float32)
