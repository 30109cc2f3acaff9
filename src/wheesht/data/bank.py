"""Recordings decoded once to 16-bit samples on disk, read back without copying.

Opus decodes a hundred times slower than memory reads, and training visits every file thousands of
times. A bank is a memory-mapped file of all samples and a table of the recordings in it; it is
written recording by recording, so hundreds of hours need no more memory than one, and several
processes share its pages.
"""

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from wheesht.errors import CorpusError

FULL_SCALE = 32768.0
log = logging.getLogger(__name__)
# Wraps the items of long work that is done once, for a progress bar with a label.
Progress = Callable[[Sequence[Any], str], Iterable[Any]]


def no_progress(items: Sequence[Any], label: str) -> Iterable[Any]:
    """Show nothing."""
    return items


class SampleBank:
    """Recordings as one row of int16 samples.

    Parameters
    ----------
    samples : ndarray of int16, shape (N,)
        All recordings, one after another. A memory map is pickled as its file name, so that
        processes share its pages.
    offsets : ndarray of int64, shape (R + 1,)
        Recording i is ``samples[offsets[i]:offsets[i + 1]]``.
    sources : ndarray of int, shape (R,), optional
        Which of the things it was made of each recording is; without it, all in their order.
    """

    def __init__(
        self, samples: np.ndarray, offsets: np.ndarray, sources: np.ndarray | None = None
    ) -> None:
        self.samples = samples
        self.starts = np.asarray(offsets[:-1])
        self.stops = np.asarray(offsets[1:])
        self.sources = np.arange(len(self.starts)) if sources is None else np.asarray(sources)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one recording as float32, full scale 1.0."""
        part = self.samples[self.starts[index] : self.stops[index]]
        return part.astype(np.float32) / np.float32(FULL_SCALE)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if isinstance(self.samples, np.memmap):
            state["samples"] = self.samples.filename
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if not isinstance(state["samples"], np.ndarray):
            state["samples"] = np.memmap(state["samples"], np.int16, "r")
        vars(self).update(state)

    def length(self, index: int) -> int:
        """Return the samples of one recording."""
        return int(self.stops[index] - self.starts[index])

    def select(self, indices: np.ndarray) -> "SampleBank":
        """Return the bank of some of the recordings, over the same samples."""
        bank = SampleBank(self.samples, np.zeros(1, np.int64))
        bank.starts, bank.stops = self.starts[indices], self.stops[indices]
        bank.sources = self.sources[indices]
        return bank

    def looped(self, index: int, start: int, n_samples: int) -> np.ndarray:
        """Return `n_samples` of a recording from `start` on, as if it went round, float32."""
        first, length = int(self.starts[index]), self.length(index)
        if start + n_samples <= length:
            part = self.samples[first + start : first + start + n_samples]
        else:
            part = self.samples[first + (start + np.arange(n_samples)) % length]
        return part.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def total_samples(self) -> int:
        """Samples over all recordings."""
        return int((self.stops - self.starts).sum())


def cache_folder() -> Path:
    """Return where banks are kept when nothing else is said."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wheesht"


def open_bank(
    files: Sequence[Path], sample_rate: int, folder: Path, progress: Progress = no_progress
) -> SampleBank:
    """Open the bank of these files, decoding them first when that has not been done.

    Parameters
    ----------
    files : sequence of Path
        Any rate and channel count; channels are averaged, rates converted.
    sample_rate : int
        Of the bank, in Hz.
    folder : Path
        Where banks are kept; a changed file (size or time) makes a new bank.
    progress : callable ``(items, label)``
        Wraps the list of files while they are decoded, for a progress bar.

    Returns
    -------
    SampleBank
        `sources` are indices into `files`; one that cannot be decoded is left out with a warning.

    Raises
    ------
    CorpusError
        No file could be decoded.
    """
    stamps = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps([sample_rate, stamps]).encode()).hexdigest()[:20]
    refused: list[str] = []

    def decoded() -> Iterator[np.ndarray]:
        for path in progress(files, "decoding the corpus, once"):
            try:
                yield decode(path, sample_rate)
            except (soundfile.LibsndfileError, OSError, ValueError) as error:
                refused.append(f"{path}: {error}")
                yield np.zeros(0, np.int16)

    bank = stored_bank(folder / key, decoded)
    for line in refused:
        log.warning("left out, cannot be decoded: %s", line)
    if not len(bank):
        for path in _files_of(folder / key):  # so that the next attempt looks at the files again
            path.unlink(missing_ok=True)
        raise CorpusError(f"none of {len(files)} files could be decoded, first: {refused[:1]}")
    return bank


def stored_bank(name: Path, pieces: Callable[[], Iterable[np.ndarray]]) -> SampleBank:
    """Open the bank stored under a name; one that is not there is made of `pieces` first.

    Parameters
    ----------
    name : Path
        Of its two files, without their endings. They appear when they are complete, and are made
        anew, with a warning, when they have been damaged since.
    pieces : callable
        Gives the recordings, each int16, shape (N,); empty ones are left out.
    """
    samples_path, table_path = _files_of(name)
    bank = None
    if samples_path.exists() and table_path.exists():
        bank = _read(samples_path, table_path)
        if bank is None:
            log.warning("%s: damaged, made anew", samples_path)
    if bank is None:
        name.parent.mkdir(parents=True, exist_ok=True)
        _write(pieces(), samples_path, table_path)
        bank = _read(samples_path, table_path)
    if bank is None:
        raise CorpusError(f"{samples_path}: cannot be read back after writing; look at this disk")
    return bank


def _read(samples_path: Path, table_path: Path) -> SampleBank | None:
    """Open a stored bank; None when its files are not what was written."""
    try:
        with np.load(table_path) as table:
            offsets, sources = table["offsets"], table["sources"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    if len(offsets) != len(sources) + 1 or samples_path.stat().st_size != 2 * offsets[-1]:
        return None
    if not len(sources):  # a file without bytes cannot be mapped
        return SampleBank(np.zeros(0, np.int16), offsets)
    return SampleBank(np.memmap(samples_path, np.int16, "r"), offsets, sources)


def _files_of(name: Path) -> tuple[Path, Path]:
    return name.with_name(f"{name.name}.samples.i16"), name.with_name(f"{name.name}.table.npz")


def _write(pieces: Iterable[np.ndarray], samples_path: Path, table_path: Path) -> None:
    offsets, sources = [0], []
    partial = samples_path.with_name(f".{samples_path.name}.{os.getpid()}.part")
    partial_table = partial.with_suffix(".npz")
    try:
        with open(partial, "wb") as file:
            for source, piece in enumerate(pieces):
                if len(piece):
                    file.write(piece.tobytes())
                    offsets.append(offsets[-1] + len(piece))
                    sources.append(source)
        np.savez(
            partial_table,
            offsets=np.array(offsets, dtype=np.int64),
            sources=np.array(sources, dtype=np.int64),
        )
        os.replace(partial_table, table_path)
        os.replace(partial, samples_path)
    finally:
        partial.unlink(missing_ok=True)
        partial_table.unlink(missing_ok=True)


def decode(path: Path, sample_rate: int) -> np.ndarray:
    """Return a recording as int16 at `sample_rate`, channels averaged, shape (N,)."""
    x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = x.mean(axis=1)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
    limited = np.clip(np.nan_to_num(mono) * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1)
    return np.round(limited).astype(np.int16)
