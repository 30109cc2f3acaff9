"""Clips of fixed test sets: mixed from the rows of a table, or read from files.

A table (TSV) has a row a clip: ``name``, ``snr_db`` (mean speech-active power over mean noise
power), ``level_dbfs`` (RMS of the mixture), ``speech`` (files joined by ``|``, each followed by
0.3 s of silence, repeated to fill the clip) and ``noise`` (one file, looped); paths are relative
to the corpus. Columns ``noise_kind`` and ``speaker`` may be there. Clips are 10 s, 16 kHz, rounded
to 16 bit as a WAV file would hold them.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wheesht.audio.mono import read_mono, samples_at
from wheesht.data.mixing import active_power
from wheesht.errors import CorpusError

RATE, SECONDS, GAP_SECONDS = 16000, 10, 0.3
PEAK_LIMIT = 0.97  # of full scale
MAX_REASON = 80  # characters; errors may quote a cell of any length
NOISE_FLOOR = 1e-12  # power; keeps silent noise from dividing by zero


@dataclass(frozen=True)
class Clip:
    """One clip: its name, where its samples come from, and what is known about it.

    `snr_db` is None, `noise_kind` and `speaker` are empty, where the test set does not say.
    """

    name: str
    source: "Mixture | Pair | Recording"
    snr_db: float | None = None
    noise_kind: str = ""
    speaker: str = ""

    @property
    def has_clean(self) -> bool:
        """Whether there is a clean signal to compare with."""
        return not isinstance(self.source, Recording)

    @property
    def n_samples(self) -> int:
        """Length at 16 kHz, from headers alone; 0 for a file that cannot be read."""
        return self.source.n_samples

    def samples(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return noisy and clean, float32, each (N,), 16 kHz; clean is None for a `Recording`.

        Raises
        ------
        AudioFileError
            A file cannot be used; see `read_mono`.
        CorpusError
            Noisy and clean differ in length.
        """
        return self.source.samples()


@dataclass(frozen=True)
class Recording:
    """A noisy file alone."""

    noisy: Path

    @property
    def n_samples(self) -> int:
        """Length at 16 kHz."""
        return samples_at(self.noisy, RATE)

    def samples(self) -> tuple[np.ndarray, None]:
        """Return noisy, and None."""
        return read_mono(self.noisy, RATE), None


@dataclass(frozen=True)
class Pair:
    """Two files of equal length."""

    noisy: Path
    clean: Path

    @property
    def n_samples(self) -> int:
        """Length at 16 kHz."""
        return samples_at(self.noisy, RATE)

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy and clean."""
        noisy, clean = read_mono(self.noisy, RATE), read_mono(self.clean, RATE)
        if noisy.shape != clean.shape:
            raise CorpusError(
                f"{self.noisy}: {len(noisy)} samples at {RATE} Hz, its clean file {len(clean)}; "
                f"needs pairs of equal length"
            )
        return noisy, clean


@dataclass(frozen=True)
class Mixture:
    """Speech and noise files with the levels that they are mixed at."""

    speech: tuple[Path, ...]
    noise: Path
    snr_db: float
    level_dbfs: float

    @property
    def n_samples(self) -> int:
        """Length at 16 kHz."""
        return RATE * SECONDS

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy and clean."""
        gap = np.zeros(int(GAP_SECONDS * RATE))
        clean = _fill([part for path in self.speech for part in (_read(path), gap)])
        noise = _fill([_read(self.noise)])
        ratio = active_power(clean) / (np.mean(noise**2) + NOISE_FLOOR)
        noisy = clean + noise * np.sqrt(ratio / 10 ** (self.snr_db / 10))
        level = 10 ** (self.level_dbfs / 20) / np.sqrt(np.mean(noisy**2))
        gain = min(level, PEAK_LIMIT / np.abs(noisy).max())
        return _as_16_bit(noisy * gain), _as_16_bit(clean * gain)


def clips_of_table(table: Path, data: Path) -> Iterator[Clip]:
    """Yield the clips of a table; files are read when a clip's samples are asked for.

    Parameters
    ----------
    table : path
        See the head of this file.
    data : path
        Folder that the table's paths are relative to.

    Raises
    ------
    CorpusError
        The table cannot be read or lacks a column.
    """
    try:
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        if not rows:
            raise ValueError("it has no rows")
        for row in rows:
            snr_db = float(row["snr_db"])
            mixture = Mixture(
                tuple(data / name for name in row["speech"].split("|")),
                data / row["noise"],
                snr_db,
                float(row["level_dbfs"]),
            )
            kind, speaker = (row.get(name) or "" for name in ("noise_kind", "speaker"))
            yield Clip(row["name"], mixture, snr_db, kind, speaker)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise CorpusError(f"{table}: not a table of a test set ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Say in a few words why a table was refused; some errors hold the whole file."""
    if isinstance(error, UnicodeDecodeError | csv.Error):
        return "it is no text in tab-separated columns"
    if isinstance(error, KeyError):
        return f"it has no column {error}"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, TypeError | AttributeError):
        return "a row has too few columns"
    return str(error)[:MAX_REASON]


def _read(path: Path) -> np.ndarray:
    return read_mono(path, RATE).astype(np.float64)


def _fill(pieces: list[np.ndarray]) -> np.ndarray:
    return np.resize(np.concatenate(pieces), RATE * SECONDS)


def _as_16_bit(x: np.ndarray) -> np.ndarray:
    """Round down to 16 bit from 32, as libsndfile does when it writes PCM_16 with clipping on."""
    return (np.floor(np.rint(x * float(0x7FFFFFFF)) / 65536) / 32768).astype(np.float32)
