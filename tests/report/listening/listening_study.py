"""A study made up for listening tests: speech-like sounds under several systems."""

import functools
from pathlib import Path

import numpy as np

from wheesht.evaluation.replay import Audio
from wheesht.evaluation.study import Row, Study

RATE = 16000
DIAL = (100.0, 50.0)


@functools.cache
def voice(seed, seconds):
    """Harmonics with the rhythm of syllables, float32, about -20 dBFS."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 110 + 20 * np.sin(2 * np.pi * 0.5 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None) ** 2
    return (0.1 * tone * syllables).astype(np.float32)


class SyntheticStudy:
    """Clips ``c-00``, ``c-01`` ... of a test set ``made``, at SNRs that rise by 2 dB from -4 dB.

    Parameters
    ----------
    n_clips : int
    seconds : float
    has_clean : bool
    changes : dict
        (clip, system) to a function that spoils what the system made of it.
    """

    def __init__(
        self, n_clips=4, seconds=2.0, has_clean=True, changes=None, systems_of_study=("gru",)
    ):
        self.seconds, self.has_clean, self.changes = seconds, has_clean, changes or {}
        self.systems = systems_of_study
        self.clips = [f"c-{i:02}" for i in range(n_clips)]
        self.replayed = []

    def snr(self, clip):
        return -4.0 + 2 * self.clips.index(clip)

    def row(self, clip, system, percent=None, **other):
        backend = "" if percent is None else "engine"
        sha = "" if percent is None else "0123456789ab"
        facts = {"snr_db": self.snr(clip) if self.has_clean else None}
        values = {
            "noise_kind": "babble",
            "speaker": "s1",
            "executed_macs": None,
            "update_fraction": None,
        }
        head = ("made", clip, system, percent, backend, sha, "abcdefabcdef")
        return Row(*head, **(facts | values | {"scores": {}} | other))

    @property
    def study(self):
        rows = [self.row(clip, "noisy") for clip in self.clips]
        for system in self.systems:
            rows += [self.row(clip, system, p) for p in DIAL for clip in self.clips]
        rows += [self.row(clip, "rival") for clip in self.clips]
        systems = {"noisy": {"kind": "noisy"}, "rival": {"kind": "folder"}}
        systems |= {name: {"kind": "model"} for name in self.systems}
        return Study(Path("made-up"), tuple(rows), {"format": 1, "systems": systems})

    def replay(self, study, row, data=None):
        """Stand in for `wheesht.evaluation.replay.replay`."""
        self.replayed.append(row)
        index = self.clips.index(row.clip)
        clean = voice(index, self.seconds)
        noise = np.random.default_rng(1000 + index).normal(0, 1, len(clean))
        noise *= clean.std() / noise.std() * 10 ** (-self.snr(row.clip) / 20)
        noisy = (clean + noise).astype(np.float32)
        share = {"noisy": 1.0, "rival": 0.5}.get(row.system, 0.05 + 10 / (row.update_percent or 1))
        enhanced = (0.7 * (clean + share * noise)).astype(np.float32)
        change = self.changes.get((row.clip, row.system), lambda audio: audio)
        return change(Audio(noisy, clean if self.has_clean else None, enhanced))
