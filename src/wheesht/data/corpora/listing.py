"""The four file lists of a corpus, and how a folder becomes a list."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from wheesht.errors import CorpusError

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff"}
VALID_SHARE = 0.05  # of the files, about, where a layout has no validation part of its own


@dataclass(frozen=True)
class Corpus:
    """Audio files of one corpus; no file is in two of the lists."""

    speech_train: tuple[Path, ...]
    speech_valid: tuple[Path, ...]
    noise_train: tuple[Path, ...]
    noise_valid: tuple[Path, ...]


def speaker_of(path: Path) -> str:
    """Return who speaks in a recording: what stands before the first ``_`` or ``-`` of its name.

    LibriSpeech (``19-198-0001.flac``), VCTK (``p225_001.wav``) and most other speech corpora name
    their files so; ``reader_<number>`` in a name, as in those of the DNS Challenge, goes first.
    """
    reader = re.search(r"reader_\d+", path.stem)
    return reader.group() if reader else re.split("[_-]", path.stem, maxsplit=1)[0]


def audio_files(folder: Path) -> tuple[Path, ...]:
    """Return all audio files below a folder, sorted.

    Raises
    ------
    CorpusError
        The folder does not exist or holds no audio file.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; name one that holds audio files")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise CorpusError(
            f"{folder}: no audio file in it; known are {', '.join(sorted(AUDIO_SUFFIXES))}"
        )
    return tuple(files)


def hold_out(files: tuple[Path, ...], root: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Split a list into training and validation files by a hash of the relative path.

    A file stays in its part whatever else comes into the folder, except that a part which would
    be empty gets the file next to the limit.

    Raises
    ------
    CorpusError
        There is only one file.
    """
    if len(files) < 2:
        raise CorpusError(f"{root}: one file only; at least one to train on and one to validate on")

    def draw(path: Path) -> float:
        digest = hashlib.sha256(path.relative_to(root).as_posix().encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    ordered = sorted(files, key=draw)
    count = sum(draw(path) < VALID_SHARE for path in files)
    count = min(max(1, count), len(files) - 1)
    return tuple(sorted(ordered[count:])), tuple(sorted(ordered[:count]))
