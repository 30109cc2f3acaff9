"""Streaming readers: audio files of every format, and raw samples."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from wheesht.audio.formats import AudioFormat
from wheesht.audio.pcm import PcmFormat, decode
from wheesht.audio.rates import MAX_RATE, MIN_RATE
from wheesht.audio.speakers import read_speakers
from wheesht.errors import AudioFileError

PIPE_READ_BYTES = 1 << 16  # at most, per read; a pipe gives what it has


class Reader(Protocol):
    """What every reader offers: the format at once, then the samples block by block.

    `warnings` are sentences about what was wrong but could be worked around; complete only
    after the last block.
    """

    format: AudioFormat
    warnings: list[str]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 samples of shape (C, n), in order, n > 0."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class FileReader:
    """Reads any file that libsndfile knows, one second at a time.

    Parameters
    ----------
    file : path, or seekable binary file
    name : str
        What messages call it.

    Raises
    ------
    AudioFileError
        Not found, empty, not audio, without samples, or with a rate that is not supported.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, name: str) -> None:
        self._name = name
        self.warnings: list[str] = []
        source: str | bytes | BinaryIO
        if isinstance(file, str | os.PathLike):
            _check_regular(Path(file), name)
            source = library_path(file)
        else:
            source = file
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(
                f"{name}: cannot be read as audio ({reason(error)}); wheesht reads WAV, FLAC, "
                f"OGG, Opus, MP3, AIFF, AU and CAF"
            ) from error
        known = self._file
        self.format = AudioFormat(
            sample_rate=known.samplerate,
            channels=known.channels,
            container=known.format,
            subtype=known.subtype,
            frames=known.frames,
            tags=known.copy_metadata(),
            speakers=_speakers(file) if known.format == "WAVEX" else None,
        )
        if known.frames <= 0:
            self.close()
            raise AudioFileError(f"{name}: holds no samples")
        check_readable_rate(known.samplerate, name)
        if "(should be" in known.extra_info:  # libsndfile's note when sizes exceed the file
            self.warnings.append(f"{name}: is cut off; what is there was used")

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 samples of shape (C, n), a second or less at a time."""
        done = 0
        while True:
            try:
                frames = self._file.read(self.format.sample_rate, "float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                self._note_damage(done, error)
                return
            if not len(frames):
                if done < (self.format.frames or 0) and not self.warnings:
                    self._note_damage(done, None)
                return
            done += len(frames)
            yield np.ascontiguousarray(frames.T)

    def _note_damage(self, done: int, error: soundfile.LibsndfileError | None) -> None:
        detail = f" ({reason(error)})" if error else ""
        if not done:
            raise AudioFileError(f"{self._name}: its samples cannot be decoded{detail}")
        self.warnings.append(
            f"{self._name}: is cut off or damaged after {done / self.format.sample_rate:.2f} s"
            f"{detail}; what came before was used"
        )

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class RawReader:
    """Reads headerless samples as they arrive.

    Parameters
    ----------
    stream : unbuffered binary file
        Its ``read(n)`` returns what is there, at most n bytes, and nothing at the end.
    name : str
        What messages call it.
    limit : int, optional
        Bytes of samples that follow; None means up to the end.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        pcm: PcmFormat,
        audio_format: AudioFormat,
        limit: int | None = None,
    ) -> None:
        check_readable_rate(audio_format.sample_rate, name)
        self.format = audio_format
        self.warnings: list[str] = []
        self._stream = stream
        self._name = name
        self._pcm = pcm
        self._limit = limit

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 samples of shape (C, n), as many as arrived since the last block."""
        frame_bytes = self._pcm.bytes_per_sample * self.format.channels
        missing, rest, empty = self._limit, b"", True
        while missing is None or missing > 0:
            wanted = PIPE_READ_BYTES if missing is None else min(PIPE_READ_BYTES, missing)
            data = self._stream.read(wanted)
            if not data:
                break
            missing = None if missing is None else missing - len(data)
            rest += data
            whole = len(rest) - len(rest) % frame_bytes
            if whole:
                empty = False
                yield decode(rest[:whole], self._pcm, self.format.channels)
                rest = rest[whole:]
        if empty:
            raise AudioFileError(f"{self._name}: holds no samples")
        if rest or missing:
            self.warnings.append(f"{self._name}: is cut off; what is there was used")
        while missing is not None and self._stream.read(PIPE_READ_BYTES):
            pass  # what follows the samples, so that the writer of the pipe is not killed

    def close(self) -> None:
        """Release the file."""
        self._stream.close()


def check_readable_rate(sample_rate: int, name: str) -> None:
    """Raise `AudioFileError` unless the rate is one that streams accept."""
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise AudioFileError(
            f"{name}: has a sample rate of {sample_rate} Hz, needs {MIN_RATE} to {MAX_RATE} Hz; "
            f"resample it first"
        )


def _check_regular(path: Path, name: str) -> None:
    if path.is_dir():
        raise AudioFileError(f"{name}: is a folder, needs an audio file")
    if not path.exists():
        raise AudioFileError(f"{name}: no such file; check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise AudioFileError(f"{name}: is empty (0 bytes), needs an audio file")


def _speakers(file: str | os.PathLike[str] | BinaryIO) -> int | None:
    if not isinstance(file, str | os.PathLike):
        return None
    with open(file, "rb") as opened:
        return read_speakers(opened)


def library_path(path: str | os.PathLike[str]) -> str | bytes:
    """Return a path as libsndfile takes it: the bytes of the system, which need not be UTF-8."""
    return os.fspath(path) if sys.platform == "win32" else os.fsencode(path)


def reason(error: Exception) -> str:
    """Return the cause that a library or the system gave, without ornament."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).removeprefix("Error : ").rstrip(".")
