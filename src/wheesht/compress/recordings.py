"""Recordings to calibrate on: which files, how much of each, and what is kept for the errors."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import soxr

from wheesht.audio.formats import EXTENSIONS
from wheesht.audio.mono import QUALITY, samples_at
from wheesht.audio.reader import FileReader
from wheesht.bench.signals import SAMPLE_RATE
from wheesht.compress.material import Material, Signals, duration
from wheesht.errors import ParameterError

LEAST_SECONDS = 2.0  # of a file among many: a stream needs a while to settle
HELD_OUT_SECONDS = 8.0
HELD_OUT_SHARE = 0.1


def recorded(paths: Sequence[str | os.PathLike[str]], minutes: float) -> Material:
    """Return excerpts of recordings, spread over the files.

    Parameters
    ----------
    paths : sequence of str or path
        Files of any rate, and folders of such (subfolders included). Of several channels the first
        is used.
    minutes : float
        Above 0; what is used of all files together, those few seconds included that are kept for
        the errors.

    Raises
    ------
    ParameterError
        There is no audio file, one is no regular file, nothing is in them but silence, or `minutes`
        is out of range.
    AudioFileError
        A file is not found or cannot be read.

    Notes
    -----
    Of a file that is longer than its share the middle is taken; where a share would be less than
    `LEAST_SECONDS`, evenly chosen files are left out.
    """
    if not 0 < minutes < math.inf:
        raise ParameterError(f"minutes: got {minutes:g}, needs a number above 0")
    files = audio_files(paths)
    most = max(1, int(60.0 * minutes / LEAST_SECONDS))
    if len(files) > most:
        files = [files[i * len(files) // most] for i in range(most)]
    available = [samples_at(file, SAMPLE_RATE) for file in files]
    counts = fair_shares(available, round(60.0 * minutes * SAMPLE_RATE))
    excerpts = [_excerpt(file, count) for file, count in zip(files, counts, strict=True)]
    if not any(np.any(np.isfinite(x) & (x != 0)) for x in excerpts):
        raise ParameterError("calibrate: nothing but silence; give recordings of noisy speech")
    calibration, held_out = _kept_apart(excerpts)
    return Material(calibration, held_out, {"signals": "recordings", "files": len(files)})


def audio_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the files, and those that lie in folders, each once, in a stable order.

    Raises
    ------
    ParameterError
        There is none in a folder, or one named is a pipe or a device.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        own = list(_inside(path)) if path.is_dir() else [path]
        if path.exists() and not (path.is_dir() or path.is_file()):
            raise ParameterError(f"calibrate: {path} is no regular file; give recordings")
        if not own:
            known = " ".join(EXTENSIONS)
            raise ParameterError(f"calibrate: no audio files in {path}; looked for {known}")
        found |= dict.fromkeys(own)
    return list(found)


def fair_shares(available: Sequence[int], total: int) -> list[int]:
    """Share a total out evenly; what some cannot use goes to the others.

    Examples
    --------
    >>> fair_shares([10, 100, 100], 90)
    [10, 40, 40]
    """
    shares, left = [0] * len(available), total
    for done, i in enumerate(sorted(range(len(available)), key=available.__getitem__)):
        shares[i] = min(available[i], left // (len(available) - done))
        left -= shares[i]
    return shares


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.suffix.lower() in EXTENSIONS and path.is_file():
            yield path


def _excerpt(path: Path, count: int) -> np.ndarray:
    """Return `count` samples at 16 kHz from the middle of a file, its first channel."""
    with closing(FileReader(path, os.fspath(path))) as reader:
        rate = reader.format.sample_rate
        wanted = round(count * rate / SAMPLE_RATE)
        start = max(0, ((reader.format.frames or 0) - wanted) // 2)
        blocks, at = [np.zeros(0, np.float32)], 0
        for block in reader.blocks():
            blocks.append(block[0, max(0, start - at) : max(0, start + wanted - at)])
            at += block.shape[1]
            if at >= start + wanted:
                break
    x = np.concatenate(blocks)
    return x if rate == SAMPLE_RATE else np.asarray(soxr.resample(x, rate, SAMPLE_RATE, QUALITY))


def _kept_apart(excerpts: Sequence[np.ndarray]) -> tuple[Signals, Signals]:
    """Split the ends off excerpts, at most half of each, from the last on, until it is enough."""
    seconds = min(HELD_OUT_SECONDS, HELD_OUT_SHARE * duration(excerpts))
    left, calibration, held_out = round(seconds * SAMPLE_RATE), [], []
    for excerpt in reversed(excerpts):
        count = min(left, len(excerpt) // 2)
        left -= count
        calibration.append(excerpt[: len(excerpt) - count])
        if count:
            held_out.append(excerpt[len(excerpt) - count :])
    return tuple(reversed(calibration)), tuple(reversed(held_out))
