"""Noisy and clean training pairs, made on the fly and reproducible one by one.

Pair i of a seed is a function of (seed, i) alone, so training can stop and go on anywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr

from wheesht.data.augment import coloured_noise, low_pass, random_filter, reverberate
from wheesht.data.bank import SampleBank
from wheesht.data.rooms import DIRECT, EARLY_SECONDS
from wheesht.errors import ConfigError

FRAME = 320  # samples; 20 ms at 16 kHz, for measuring where speech is active
ACTIVE_RANGE = 1e-4  # frames within 40 dB of the loudest count as speech
PEAK_LIMIT = 0.99  # of full scale; louder mixtures are turned down as a whole
GAP_SECONDS = (0.1, 0.6)  # silence between joined utterances
# Where a range in a recipe may lie, and its unit. Beyond 100 dB one of two signals is below the
# rounding of float32 samples; half the sample rate of 16 kHz ends every band.
RANGES = {
    "snr_db": (-100.0, 100.0, " dB"),
    "clean_snr_db": (-100.0, 100.0, " dB"),
    "level_limits_dbfs": (-100.0, 0.0, " dBFS"),
    "speed": (0.5, 2.0, ""),
    "low_pass_hz": (1000.0, 8000.0, " Hz"),
}


@dataclass(frozen=True)
class MixingConfig:
    """How pairs are made; probabilities are shares of the pairs, levels in dB and dBFS.

    `snr_db` is the range of active-speech power over noise power; `clean_share` of the pairs are
    nearly clean instead, at `clean_snr_db`. `level_dbfs` is mean and standard deviation of the
    mixture's RMS level, cut to `level_limits_dbfs`. Pairs without any noise are `noiseless_share`.

    In a `reverb_share` of the pairs speech and noise come from two places of one of `rooms`
    simulated rooms; the clean signal then is the speech with the first 50 ms of its reflections.
    Speech and noise each are played faster or slower by a factor in `speed` with the probability
    `speed_share`; speech is cut off above a frequency in `low_pass_hz` (noisy and clean alike) in
    a `low_pass_share`.

    With `speech_draw` ``recording`` every recording of speech is as likely as another, with
    ``second`` every second of it, so that many short ones do not outweigh a few long ones. With
    ``speaker`` a speaker's share grows as the root of the speech there is of them, so that few
    who speak for hours do not drown the many heard only once.

    `workers` is the number of processes that mix, 0 for a thread; pairs do not depend on it.
    """

    seconds: float = 4.0
    speech_draw: Literal["recording", "second", "speaker"] = "recording"
    snr_db: tuple[float, float] = (-5.0, 15.0)
    clean_share: float = 0.08
    clean_snr_db: tuple[float, float] = (20.0, 45.0)
    level_dbfs: tuple[float, float] = (-26.0, 7.0)
    level_limits_dbfs: tuple[float, float] = (-50.0, -12.0)
    filter_share: float = 0.5
    babble_share: float = 0.08
    coloured_share: float = 0.08
    second_noise_share: float = 0.25
    noiseless_share: float = 0.0
    reverb_share: float = 0.0
    rooms: int = 400
    speed_share: float = 0.0
    speed: tuple[float, float] = (0.85, 1.15)
    low_pass_share: float = 0.0
    low_pass_hz: tuple[float, float] = (3500.0, 7500.0)
    workers: int = 0

    def __post_init__(self) -> None:
        if not 0.5 <= self.seconds <= 60.0:
            raise ConfigError(f"mixing.seconds: got {self.seconds}, needs 0.5 to 60 s")
        if not self.level_dbfs[1] >= 0.0:
            raise ConfigError(
                f"mixing.level_dbfs: got a deviation of {self.level_dbfs[1]}, needs 0 dB or more"
            )
        for name, (least, most, unit) in RANGES.items():
            low, high = getattr(self, name)
            if not low <= high:
                raise ConfigError(f"mixing.{name}: got {low} to {high}, needs low before high")
            if not (least <= low and high <= most):
                raise ConfigError(
                    f"mixing.{name}: got {low} to {high}, needs {least:g} to {most:g}{unit}"
                )
        for name in (
            "clean_share",
            "filter_share",
            "babble_share",
            "coloured_share",
            "second_noise_share",
            "noiseless_share",
            "reverb_share",
            "speed_share",
            "low_pass_share",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"mixing.{name}: got {getattr(self, name)}, needs 0 to 1")
        if not 1 <= self.rooms <= 100_000:
            raise ConfigError(f"mixing.rooms: got {self.rooms}, needs 1 to 100000")
        if not 0 <= self.workers <= 256:
            raise ConfigError(f"mixing.workers: got {self.workers}, needs 0 to 256")


class Mixer:
    """Makes pairs of noisy and clean segments.

    Parameters
    ----------
    speech, noise : SampleBank
    config : MixingConfig
    sample_rate : int
        Of all banks, in Hz.
    rooms : SampleBank, optional
        As from `wheesht.data.rooms.open_rooms`; without it nothing is reverberated.
    speakers : sequence of str, optional
        Who speaks in each recording of `speech`; without it, another one in each.
    """

    def __init__(
        self,
        speech: SampleBank,
        noise: SampleBank,
        config: MixingConfig,
        sample_rate: int = 16000,
        rooms: SampleBank | None = None,
        speakers: Sequence[str] | None = None,
    ) -> None:
        self.speech = speech
        self.noise = noise
        self.config = config
        self.sample_rate = sample_rate
        self.rooms = rooms
        self.n_samples = int(config.seconds * sample_rate)
        lengths = speech.stops - speech.starts
        if config.speech_draw == "speaker":
            self._speech_ends = np.cumsum(lengths / np.sqrt(_totals(lengths, speakers)))
        else:
            self._speech_ends = np.cumsum(lengths)

    def pair(self, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy and clean, float32, each (N,); the same for the same arguments."""
        rng = np.random.default_rng([seed, index])
        config = self.config
        clean = self._maybe_filtered(self._maybe_faster(self._speech, rng), rng)
        if _happens(config.low_pass_share, rng):
            clean = low_pass(clean, rng.uniform(*config.low_pass_hz), self.sample_rate)
        noise = self._maybe_filtered(self._maybe_faster(self._noise, rng), rng)
        nearly_clean = rng.random() < config.clean_share
        snr_db = rng.uniform(*(config.clean_snr_db if nearly_clean else config.snr_db))
        heard = clean
        if self.rooms is not None and _happens(config.reverb_share, rng):
            heard, clean, noise = self._in_a_room(clean, noise, rng)
        power = max(float(np.mean(noise**2)), 1e-12)
        noise = noise * np.float32(np.sqrt(active_power(heard) / power / 10 ** (snr_db / 10)))
        noisy = heard.copy() if _happens(config.noiseless_share, rng) else heard + noise
        rms = float(np.sqrt(np.mean(noisy**2)))
        level = np.clip(rng.normal(*config.level_dbfs), *config.level_limits_dbfs)
        peak = max(float(np.abs(noisy).max()), 1e-9)
        gain = np.float32(min(10 ** (level / 20) / max(rms, 1e-9), PEAK_LIMIT / peak))
        return noisy * gain, clean * gain

    def batch(
        self, seed: int, step: int, size: int, rank: int = 0, ranks: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs step * size and following as two arrays (B / ranks, N).

        All `size` of them, or part `rank` of `ranks` equal parts.
        """
        part = size // ranks
        first = step * size + rank * part
        pairs = [self.pair(seed, first + i) for i in range(part)]
        return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])

    def _maybe_faster(
        self, make: Callable[[np.random.Generator, int], np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Make N samples, in a share of the cases of a recording played faster or slower."""
        if not _happens(self.config.speed_share, rng):
            return make(rng, self.n_samples)
        percent = round(100 * rng.uniform(*self.config.speed))  # few rates: filters stay short
        x = make(rng, -(-self.n_samples * percent // 100))
        return np.asarray(soxr.resample(x, percent, 100)[: self.n_samples])

    def _in_a_room(
        self, speech: np.ndarray, noise: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return speech as heard in a room, its early part, and noise from another place."""
        assert self.rooms is not None
        room = int(rng.integers(len(self.rooms) // 2))
        response = self.rooms[2 * room]
        early = response[: DIRECT + 1 + int(EARLY_SECONDS * self.sample_rate)]
        return (
            reverberate(speech, response),
            reverberate(speech, early),
            reverberate(noise, self.rooms[2 * room + 1]),
        )

    def _speech(self, rng: np.random.Generator, n_samples: int) -> np.ndarray:
        """Join utterances with short pauses and cut a segment from them."""
        pieces: list[np.ndarray] = []
        total = 0
        while total < n_samples:
            index = self._recording_of_speech(rng)
            length = self.speech.length(index)
            start = 0
            if length > n_samples:
                start = int(rng.integers(length - n_samples + 1))
            utterance = self.speech.looped(index, start, min(length, n_samples))
            pause = np.zeros(int(rng.uniform(*GAP_SECONDS) * self.sample_rate), np.float32)
            pieces += [utterance, pause]
            total += len(utterance) + len(pause)
        joined = np.concatenate(pieces)
        start = int(rng.integers(len(joined) - n_samples + 1))
        return joined[start : start + n_samples].copy()

    def _recording_of_speech(self, rng: np.random.Generator) -> int:
        if self.config.speech_draw == "recording":
            return int(rng.integers(len(self.speech)))
        if self.config.speech_draw == "second":
            position = rng.integers(self._speech_ends[-1])
        else:
            position = rng.uniform(0.0, self._speech_ends[-1])
        return int(np.searchsorted(self._speech_ends, position, side="right"))

    def _noise(self, rng: np.random.Generator, n_samples: int) -> np.ndarray:
        kind = rng.random()
        if kind < self.config.babble_share:
            return np.sum(
                [self._speech(rng, n_samples) for _ in range(int(rng.integers(3, 8)))], axis=0
            )
        if kind < self.config.babble_share + self.config.coloured_share:
            return coloured_noise(n_samples, rng)
        noise = self._recorded_noise(rng, n_samples)
        if rng.random() < self.config.second_noise_share:
            second = self._recorded_noise(rng, n_samples)
            ratio = np.sqrt(max(np.mean(noise**2), 1e-12) / max(np.mean(second**2), 1e-12))
            noise = noise + second * np.float32(ratio * 10 ** (rng.uniform(-12, 0) / 20))
        return noise

    def _recorded_noise(self, rng: np.random.Generator, n_samples: int) -> np.ndarray:
        """Return a part of one recording from a random point on, looped when too short."""
        index = int(rng.integers(len(self.noise)))
        return self.noise.looped(index, int(rng.integers(self.noise.length(index))), n_samples)

    def _maybe_filtered(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return random_filter(x, rng) if rng.random() < self.config.filter_share else x


def _totals(lengths: np.ndarray, speakers: Sequence[str] | None) -> np.ndarray:
    """Return for every recording how much there is of its speaker, in samples."""
    if speakers is None:
        return lengths
    _, who = np.unique(np.asarray(speakers), return_inverse=True)
    return np.bincount(who, weights=lengths)[who]


def _happens(share: float, rng: np.random.Generator) -> bool:
    """Decide by chance; a share of zero draws nothing, so that adding one leaves old pairs."""
    return share > 0.0 and rng.random() < share


def active_power(x: np.ndarray) -> float:
    """Return the mean power over speech-active frames of 20 ms; at least 1e-12.

    Less than a frame counts as a whole one.
    """
    if len(x) < FRAME:
        return max(float(np.mean(x**2)) if len(x) else 0.0, 1e-12)
    energy = (x[: len(x) // FRAME * FRAME].reshape(-1, FRAME) ** 2).mean(axis=1)
    active = energy[energy > energy.max() * ACTIVE_RANGE]
    return max(float(active.mean()) if len(active) else 0.0, 1e-12)
