"""The signal that contestants are timed on: synthesised speech in noise, no recording."""

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16000
SYLLABLES_PER_SECOND = 2.0
SNR_DB = 5.0
PEAK = 0.5
EDGE_SECONDS = 0.05  # around a pause, where a rival's delay and smoothing blur it


@dataclass(frozen=True)
class Speech:
    """Speech and noise at 16 kHz, linear, and which samples are speech or pause without doubt.

    Attributes
    ----------
    clean, noise : ndarray of float32, shape (N,)
        Their sum peaks at `PEAK`.
    is_speech, is_pause : ndarray of bool, shape (N,)
        Neither is set within `EDGE_SECONDS` of a change.
    """

    clean: np.ndarray
    noise: np.ndarray
    is_speech: np.ndarray
    is_pause: np.ndarray

    @property
    def noisy(self) -> np.ndarray:
        """The sum, float32, (N,)."""
        return self.clean + self.noise


def speech_like(seconds: float, seed: int = 0) -> Speech:
    """Synthesise voiced syllables with pauses in noise that falls by 3 dB per octave.

    Harmonics of a drifting pitch are weighted by three moving resonances under an envelope of two
    syllables a second. What matters for a dynamic model is which units it chooses from hop to
    hop: with the shipped `gru` at P = 50, 97 % of a hop's units are those of the hop before, as
    they are (96 %) in the repository's example recording.

    Parameters
    ----------
    seconds : float
        Above 0.
    seed : int
        Of the noise; the speech is always the same.

    Returns
    -------
    Speech
        ``round(16000 * seconds)`` samples, SNR 5 dB over all of them.
    """
    n = round(seconds * SAMPLE_RATE)
    time = np.arange(n) / SAMPLE_RATE
    envelope = np.clip(np.sin(2 * np.pi * SYLLABLES_PER_SECOND * time) + 0.3, 0.0, None)
    clean = envelope * _voice(time)
    noise = _falling_noise(n, np.random.default_rng(seed))
    noise *= np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-SNR_DB / 20)
    level = PEAK / np.max(np.abs(clean + noise))
    return Speech(
        (level * clean).astype(np.float32),
        (level * noise).astype(np.float32),
        _without_edges(envelope > 0),
        _without_edges(envelope <= 0),
    )


def hops_of(x: np.ndarray, hop_length: int) -> np.ndarray:
    """Return the whole hops of a signal, (n, hop_length), contiguous float32."""
    n = len(x) // hop_length
    return np.ascontiguousarray(x[: n * hop_length], np.float32).reshape(n, hop_length)


def _voice(time: np.ndarray) -> np.ndarray:
    drift = 0.12 * np.sin(2 * np.pi * 0.7 * time) + 0.08 * np.sin(2 * np.pi * 0.31 * time + 1)
    pitch = 120.0 * np.exp(drift)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    resonances = (
        500 + 200 * np.sin(2 * np.pi * 1.1 * time),
        1500 + 400 * np.sin(2 * np.pi * 0.8 * time + 1),
        np.full_like(time, 2500.0),
    )
    voice = np.zeros_like(time)
    for k in range(1, 40):
        frequency = k * pitch
        gain = sum(1.0 / (1.0 + ((frequency - centre) / 120.0) ** 2) for centre in resonances)
        voice += np.where(frequency < 7500, gain / np.sqrt(k), 0.0) * np.sin(k * phase)
    return voice


def _falling_noise(n: int, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 10.0), n)


def _without_edges(mask: np.ndarray) -> np.ndarray:
    """Clear a mask within `EDGE_SECONDS` of a sample where it is clear."""
    reach = round(EDGE_SECONDS * SAMPLE_RATE)
    clear = np.concatenate([[0], np.cumsum(~mask)])
    edges = np.arange(len(mask))
    first, last = np.maximum(edges - reach, 0), np.minimum(edges + reach + 1, len(mask))
    return np.asarray(clear[last] == clear[first])
