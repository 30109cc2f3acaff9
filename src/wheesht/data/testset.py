"""Fixed test sets: pairs of noisy and clean speech mixed from a table, or read from folders.

A table (TSV) has a row a clip: ``name``, ``snr_db`` (mean speech-active power over mean noise
power), ``level_dbfs`` (RMS of the mixture), ``speech`` (files joined by ``|``, each followed by
0.3 s of silence, repeated to fill the clip) and ``noise`` (one file, looped); paths are relative
to the corpus. Clips are 10 s, 16 kHz, rounded to 16 bit as a WAV file would hold them.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from wheesht.data.mixing import active_power
from wheesht.errors import CorpusError

RATE, SECONDS, GAP_SECONDS = 16000, 10, 0.3
PEAK_LIMIT = 0.97  # of full scale
NOISE_FLOOR = 1e-12  # power; keeps silent noise from dividing by zero


@dataclass(frozen=True)
class Clip:
    """One pair: its name and where its samples come from."""

    name: str
    read: "Mixture | Pair"

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy and clean, float32, each (N,), 16 kHz."""
        return self.read.samples()


@dataclass(frozen=True)
class Pair:
    """Two files of equal length."""

    noisy: Path
    clean: Path

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy and clean."""
        noisy, clean = _read(self.noisy), _read(self.clean)
        if noisy.shape != clean.shape:
            raise CorpusError(f"{self.noisy}: {len(noisy)} samples, its clean file {len(clean)}")
        return noisy.astype(np.float32), clean.astype(np.float32)


@dataclass(frozen=True)
class Mixture:
    """Speech and noise files with the levels that they are mixed at."""

    speech: tuple[Path, ...]
    noise: Path
    snr_db: float
    level_dbfs: float

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

    Raises
    ------
    CorpusError
        The table cannot be read or lacks a column.
    """
    try:
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        if not rows:
            raise ValueError("it has no rows")
        for row in rows:
            yield Clip(
                row["name"],
                Mixture(
                    tuple(data / name for name in row["speech"].split("|")),
                    data / row["noise"],
                    float(row["snr_db"]),
                    float(row["level_dbfs"]),
                ),
            )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorpusError(f"{table}: not a table of a test set ({error!r})") from error


def clips_of_folder(folder: Path) -> Iterator[Clip]:
    """Yield the pairs of ``folder/noisy`` and ``folder/clean``, matched by file name.

    Raises
    ------
    CorpusError
        A folder or a clean file is missing.
    """
    if not (folder / "noisy").is_dir() or not (folder / "clean").is_dir():
        raise CorpusError(f"{folder}: needs the folders noisy and clean")
    for noisy in sorted((folder / "noisy").iterdir()):
        clean = folder / "clean" / noisy.name
        if not clean.is_file():
            raise CorpusError(f"{noisy}: no clean file of that name")
        yield Clip(noisy.stem, Pair(noisy, clean))


def _read(path: Path) -> np.ndarray:
    try:
        x, rate = soundfile.read(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from error
    if rate != RATE or x.ndim != 1:
        raise CorpusError(f"{path}: {rate} Hz, {x.ndim} dimensions; needs mono {RATE} Hz")
    return x


def _fill(pieces: list[np.ndarray]) -> np.ndarray:
    return np.resize(np.concatenate(pieces), RATE * SECONDS)


def _as_16_bit(x: np.ndarray) -> np.ndarray:
    """Round down to 16 bit from 32, as libsndfile does when it writes PCM_16 with clipping on."""
    return (np.floor(np.rint(x * float(0x7FFFFFFF)) / 65536) / 32768).astype(np.float32)
