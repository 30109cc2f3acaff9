"""The sounds of one clip: every condition, cut alike, equally loud, without clicks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.data.testset import RATE
from wheesht.errors import SilentSignalError, StudyError
from wheesht.metrics import METRICS
from wheesht.report.listening.anchor import low_anchor
from wheesht.report.listening.conditions import ANCHOR, NOISY, REFERENCE, Condition
from wheesht.report.listening.selection import Candidate

TARGET_LUFS = -26.0  # near the -26 dBov that speech is set to in ITU-T tests
MOST_GAIN_DB = 20.0  # above the median gain; more would lift what little a system left
PEAK_DBFS = -1.0  # of the loudest sample of all conditions
MOST_SECONDS, LEAST_SECONDS = 12.0, 1.0  # BS.1534-3 section 5: about 10 s, and not above 12 s
FADE_SECONDS = 0.01  # at both ends, so that a loop does not click

Replay = Callable[[Candidate, int], Any]  # (clip, index of condition) -> Audio


class UnusableClip(StudyError):
    """A clip that cannot be played in this test; another one may take its place."""


@dataclass(frozen=True)
class Stimuli:
    """The sounds of one clip, in the order of the conditions.

    Attributes
    ----------
    samples : tuple of ndarray of int16, shape (N,)
        At 16 kHz, all of one length.
    start_seconds : float
        Where in the clip they begin.
    loudness : float
        LUFS that all were set to.
    gains_db : tuple of float
        What each was amplified by.
    notes : tuple of str
        What is unusual, for the experimenter.
    """

    samples: tuple[np.ndarray, ...]
    start_seconds: float
    loudness: float
    gains_db: tuple[float, ...]
    notes: tuple[str, ...]


def make_stimuli(candidate: Candidate, conditions: Sequence[Condition], replay: Replay) -> Stimuli:
    """Make the sounds of one clip.

    Parameters
    ----------
    candidate : Candidate
    conditions : sequence of Condition
    replay : callable
        Gives the audio of a candidate's row for the condition of an index.

    Returns
    -------
    Stimuli
        At `TARGET_LUFS`, or all of them lower by as much as the highest peak demands. What is
        (nearly) silent gets at most `MOST_GAIN_DB` more than the others, and is noted.

    Raises
    ------
    UnusableClip
        It is too short, the first condition is silent, a sample is NaN or Inf, or there is no
        clean speech where a reference is needed.
    """
    where = f"clip {candidate.clip} of test set {candidate.testset}"
    signals, notes = _signals(where, candidate, conditions, replay)
    start, stop = _window(signals[0])
    if stop - start < LEAST_SECONDS * RATE:
        raise UnusableClip(f"{where}: lasts {(stop - start) / RATE:.2f} s, needs {LEAST_SECONDS:g}")
    cut = [signal[start:stop].astype(np.float64) for signal in signals]
    loudness = [_loudness(signal) for signal in cut]
    if loudness[0] is None:
        raise UnusableClip(f"{where}: its {conditions[0].name} is silent, so has no loudness")
    gains, quiet = _gains(conditions, loudness)
    notes += [f"{where}: {note}" for note in quiet]
    lower = _excess_db(cut, gains)
    gains = [gain - lower for gain in gains]
    samples = tuple(_to_int16(x, gain) for x, gain in zip(cut, gains, strict=True))
    return Stimuli(samples, start / RATE, TARGET_LUFS - lower, tuple(gains), tuple(notes))


def _signals(
    where: str, candidate: Candidate, conditions: Sequence[Condition], replay: Replay
) -> tuple[list[np.ndarray], list[str]]:
    """Return the signal of each condition, cut to the shortest."""
    signals = []
    replayed: dict[int, Any] = {}  # by row: several conditions may need the same one
    for index, condition in enumerate(conditions):
        row = id(candidate.rows[index])
        if row not in replayed:
            replayed[row] = replay(candidate, index)
        audio = replayed[row]
        if condition.role in (REFERENCE, ANCHOR) and audio.clean is None:
            raise UnusableClip(
                f"{where}: has no clean speech, which is the reference of a MUSHRA test; make a "
                f"test of preference (ab) instead"
            )
        signals.append(_signal(condition, audio))
        if not np.all(np.isfinite(signals[-1])):
            raise UnusableClip(f"{where}: {condition.name} holds NaN or Inf")
    shortest, longest = min(map(len, signals)), max(map(len, signals))
    notes = []
    if longest > shortest:
        notes.append(f"{where}: lengths of {shortest} to {longest} samples, cut to the shortest")
    return [signal[:shortest] for signal in signals], notes


def _signal(condition: Condition, audio: Any) -> np.ndarray:
    if condition.role == REFERENCE:
        return audio.clean
    if condition.role == ANCHOR:
        return low_anchor(audio.clean)
    return audio.noisy if condition.role == NOISY else audio.enhanced


def _window(signal: np.ndarray) -> tuple[int, int]:
    """Return the part with the most energy, at most `MOST_SECONDS` long, in steps of 0.1 s."""
    length, step = round(MOST_SECONDS * RATE), RATE // 10
    if len(signal) <= length:
        return 0, len(signal)
    energy = np.concatenate([[0.0], np.cumsum(signal.astype(np.float64) ** 2)])
    starts = np.arange(0, len(signal) - length + 1, step)
    start = int(starts[np.argmax(energy[starts + length] - energy[starts])])
    return start, start + length


def _loudness(signal: np.ndarray) -> float | None:
    """Return LUFS, None for silence."""
    scale = max(1.0, float(np.abs(signal).max()))  # a file of floats may go far beyond full scale
    try:
        return METRICS["lufs"](None, signal / scale, RATE) + 20 * float(np.log10(scale))
    except SilentSignalError:
        return None


def _gains(
    conditions: Sequence[Condition], loudness: Sequence[float | None]
) -> tuple[list[float], list[str]]:
    """Return the gain in dB that makes each as loud as wanted, and what stays quieter."""
    wanted = [0.0 if level is None else TARGET_LUFS - level for level in loudness]
    most = float(np.median(wanted)) + MOST_GAIN_DB
    notes = []
    for condition, level, gain in zip(conditions, loudness, wanted, strict=True):
        if level is None:
            notes.append(f"{condition.name} is silent and was left as it is")
        elif gain > most:
            notes.append(f"{condition.name} stays {gain - most:.1f} dB quieter than the others")
    return [min(gain, most) for gain in wanted], notes


def _excess_db(signals: Sequence[np.ndarray], gains: Sequence[float]) -> float:
    """Return by how much all must be lowered so that no peak exceeds `PEAK_DBFS`."""
    peak = max(
        float(np.abs(x).max()) * 10 ** (gain / 20) for x, gain in zip(signals, gains, strict=True)
    )
    return max(0.0, 20 * np.log10(peak) - PEAK_DBFS)


def _to_int16(signal: np.ndarray, gain_db: float) -> np.ndarray:
    fade = round(FADE_SECONDS * RATE)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    shaped = signal * 10 ** (gain_db / 20)
    shaped[:fade] *= ramp
    shaped[-fade:] *= ramp[::-1]
    return np.round(shaped * 32767).astype(np.int16)
