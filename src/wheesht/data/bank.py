"""Recordings decoded once to 16-bit samples on disk, read back without copying.

Opus decodes a hundred times slower than memory reads, and training visits every file thousands of
times. A bank is a memory-mapped file of all samples and the offsets of the recordings in it; it is
written recording by recording, so hundreds of hours need no more memory than one, and several
processes share its pages.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from wheesht.errors import CorpusError

FULL_SCALE = 32768.0
log = logging.getLogger(__name__)
Progress = Callable[[Iterable[Path]], Iterable[Path]]


class SampleBank:
    """Recordings as one row of int16 samples.

    Parameters
    ----------
    samples : ndarray of int16, shape (N,)
        All recordings, one after another.
    offsets : ndarray of int64, shape (R + 1,)
        Recording i is ``samples[offsets[i]:offsets[i + 1]]``.
    """

    def __init__(self, samples: np.ndarray, offsets: np.ndarray) -> None:
        self.samples = samples
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one recording as float32, full scale 1.0."""
        part = self.samples[self.offsets[index] : self.offsets[index + 1]]
        return part.astype(np.float32) / np.float32(FULL_SCALE)

    def length(self, index: int) -> int:
        """Return the samples of one recording."""
        return int(self.offsets[index + 1] - self.offsets[index])

    def looped(self, index: int, start: int, n_samples: int) -> np.ndarray:
        """Return `n_samples` of a recording from `start` on, as if it went round, float32."""
        first, length = int(self.offsets[index]), self.length(index)
        if start + n_samples <= length:
            part = self.samples[first + start : first + start + n_samples]
        else:
            part = self.samples[first + (start + np.arange(n_samples)) % length]
        return part.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def total_samples(self) -> int:
        """Samples over all recordings."""
        return int(self.offsets[-1])


def cache_folder() -> Path:
    """Return where banks are kept when nothing else is said."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wheesht"


def open_bank(
    files: Sequence[Path], sample_rate: int, folder: Path, progress: Progress = iter
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
    progress : callable
        Wraps the list of files while they are decoded, for a progress bar.

    Raises
    ------
    CorpusError
        No file could be decoded.
    """
    stamps = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps([sample_rate, stamps]).encode()).hexdigest()[:20]
    samples_path, offsets_path = folder / f"{key}.samples.i16", folder / f"{key}.offsets.npy"
    if not (samples_path.exists() and offsets_path.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _build(files, sample_rate, samples_path, offsets_path, progress)
    return SampleBank(np.memmap(samples_path, np.int16, "r"), np.load(offsets_path))


def _build(
    files: Sequence[Path], rate: int, samples_path: Path, offsets_path: Path, progress: Progress
) -> None:
    offsets, refused = [0], []
    partial = samples_path.with_name(f".{samples_path.name}.{os.getpid()}.part")
    partial_offsets = partial.with_suffix(".npy")
    try:
        with open(partial, "wb") as file:
            for path in progress(files):
                try:
                    piece = decode(path, rate)
                except (soundfile.LibsndfileError, OSError, ValueError) as error:
                    refused.append(f"{path}: {error}")
                    continue
                if len(piece):
                    file.write(piece.tobytes())
                    offsets.append(offsets[-1] + len(piece))
        for line in refused:
            log.warning("left out, cannot be decoded: %s", line)
        if len(offsets) == 1:
            raise CorpusError(f"none of {len(files)} files could be decoded, first: {refused[:1]}")
        np.save(partial_offsets, np.array(offsets, dtype=np.int64))
        os.replace(partial_offsets, offsets_path)
        os.replace(partial, samples_path)
    finally:
        partial.unlink(missing_ok=True)
        partial_offsets.unlink(missing_ok=True)


def decode(path: Path, sample_rate: int) -> np.ndarray:
    """Return a recording as int16 at `sample_rate`, channels averaged, shape (N,)."""
    x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = x.mean(axis=1)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
    limited = np.clip(np.nan_to_num(mono) * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1)
    return np.round(limited).astype(np.int16)
