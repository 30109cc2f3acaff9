"""The signals of a quantisation: those that scales are found on, and those kept for its errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.bench.signals import SAMPLE_RATE, Speech, speech_like

Signals = tuple[np.ndarray, ...]

PART_SECONDS = 3.0  # of each signal to calibrate on
HELD_OUT_SECONDS = 2.0  # of each to measure errors on
# Root mean square in dBFS, and the factor of the noise, which is 5 dB below the speech at 1.
# Features are logarithms or on the scale of a running level: what is quiet drives layers as far as
# what is loud.
CALIBRATION_PARTS = (
    (-50.0, 1.0),
    (-38.0, 1.0),
    (-26.0, 1.0),
    (-14.0, 1.0),
    (-4.0, 1.0),  # clipped
    (-26.0, 3.16),  # the noise 5 dB above the speech
    (-26.0, 0.03),  # near-clean
    (-44.0, 0.03),
)
HELD_OUT_PARTS = ((-22.0, 1.0), (-40.0, 1.8), (-30.0, 0.1))
SILENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Material:
    """Signals at 16 kHz, float32 (N,), full scale 1.0, and where they come from.

    Attributes
    ----------
    calibration, held_out : tuple of ndarray
        None of the samples is in both.
    origin : dict
        Plain JSON, for a model's provenance: ``signals``, and ``files`` where there are any.
    """

    calibration: Signals
    held_out: Signals
    origin: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Duration of what scales are found on."""
        return duration(self.calibration)


def duration(signals: Sequence[np.ndarray]) -> float:
    """Return the seconds of all of them."""
    return sum(map(len, signals)) / SAMPLE_RATE


def synthesised() -> Material:
    """Return speech-like signals in noise that the package makes itself, always the same.

    From quiet (-50 dBFS) to clipped, from noisy to near-clean, and silence; no recording is
    involved. On the second half of the repository's example recording the error of `default` is
    then 41.3 dB below its output, and 42.5 dB if calibrated on the first half instead; with that
    second half 10 dB louder 39.8 and 28.4 dB, since what exceeds all that was heard is limited.
    """
    seconds = [PART_SECONDS] * len(CALIBRATION_PARTS) + [HELD_OUT_SECONDS] * len(HELD_OUT_PARTS)
    speech = speech_like(sum(seconds))
    ends = [round(end * SAMPLE_RATE) for end in np.cumsum(seconds)]
    parts = [
        _part(speech, slice(start, end), *levels)
        for start, end, levels in zip(
            [0, *ends], ends, CALIBRATION_PARTS + HELD_OUT_PARTS, strict=False
        )
    ]
    heard, kept = parts[: len(CALIBRATION_PARTS)], parts[len(CALIBRATION_PARTS) :]
    silence = np.zeros(round(SILENCE_SECONDS * SAMPLE_RATE), np.float32)
    return Material((*heard, silence), tuple(kept), {"signals": "synthesised"})


def shortened(signals: Signals, seconds: float) -> Signals:
    """Return the beginnings of signals, equal shares of them, that last `seconds` at most."""
    share = min(1.0, seconds / max(duration(signals), 1.0 / SAMPLE_RATE))
    return tuple(signal[: int(share * len(signal))] for signal in signals)


def _part(speech: Speech, part: slice, dbfs: float, noise_factor: float) -> np.ndarray:
    """Return some samples of speech and noise at a level, limited to full scale."""
    mixed = speech.clean[part] + np.float32(noise_factor) * speech.noise[part]
    gain = 10 ** (dbfs / 20) / np.sqrt(np.mean(mixed**2))
    return np.clip(np.float32(gain) * mixed, -1.0, 1.0)
