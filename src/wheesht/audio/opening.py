"""From names on a command line to readers and writers: files, pipes, raw samples."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from wheesht.audio.formats import AudioFormat
from wheesht.audio.pcm import PcmFormat
from wheesht.audio.reader import FileReader, RawReader, Reader
from wheesht.audio.wav_pipe import open_pipe
from wheesht.audio.writer import FileWriter, PipeWriter, RawFileWriter, Writer, pipe_coding
from wheesht.errors import AudioFileError

STANDARD = "-"  # standard input or output
RAW_EXTENSIONS = (".raw", ".pcm")


@dataclass(frozen=True)
class RawFormat:
    """Describes headerless samples: coding, rate in Hz, channels."""

    pcm: PcmFormat
    sample_rate: int
    channels: int

    def as_audio(self, frames: int | None) -> AudioFormat:
        """Return the same as an `AudioFormat` of `frames` samples per channel."""
        subtype = self.pcm.subtype
        return AudioFormat(self.sample_rate, self.channels, "RAW", subtype, frames)


def open_reader(source: str, raw: RawFormat | None = None) -> Reader:
    """Open an audio file, a named pipe, or standard input (``-``).

    Parameters
    ----------
    source : str
    raw : RawFormat, optional
        Given when the source has no header.

    Raises
    ------
    AudioFileError
        Not found, empty, not audio, or a rate that is not supported.
    """
    if source != STANDARD and not _is_pipe(Path(source)):
        if raw is None:
            return FileReader(source, source)
        stream = _open_binary(source)
        frames = os.fstat(stream.fileno()).st_size // (raw.pcm.bytes_per_sample * raw.channels)
        return RawReader(stream, source, raw.pcm, raw.as_audio(frames))
    if source == STANDARD:
        if sys.stdin is None:
            raise AudioFileError("standard input: is closed; give a file, or redirect one to it")
        stream, name = standard_stream(sys.stdin.fileno(), "rb"), "standard input"
    else:
        stream, name = _open_binary(source), source
    if raw is not None:
        return RawReader(stream, name, raw.pcm, raw.as_audio(None))
    return open_pipe(stream, name)


def open_writer(
    target: str, source: AudioFormat, overwrite: bool = False, raw: RawFormat | None = None
) -> Writer:
    """Open the target for enhanced audio: a file by its extension, or standard output (``-``).

    Parameters
    ----------
    target : str
        ``.raw`` and ``.pcm`` files get headerless samples, coded as `raw`.
    source : AudioFormat
        Of the input; rate, channels, tags and, where possible, sample coding are kept.
    raw : RawFormat, optional
        Given when the input has no header; then standard output gets none either.

    Raises
    ------
    AudioFileError, OutputExistsError
        As for `FileWriter`.
    """
    if target == STANDARD:
        if sys.stdout is None:
            raise AudioFileError("standard output: is closed; name a file instead")
        stream = standard_stream(sys.stdout.fileno(), "wb")
        if raw is not None:
            return PipeWriter(stream, "standard output", raw.pcm, None)
        return PipeWriter(stream, "standard output", pipe_coding(source), source)
    if Path(target).suffix.lower() in RAW_EXTENSIONS:
        return RawFileWriter(target, raw.pcm if raw else pipe_coding(source), overwrite)
    return FileWriter(target, source, overwrite)


def standard_stream(descriptor: int, mode: str) -> BinaryIO:
    """Return an unbuffered view of standard input or output, for low latency."""
    return cast(BinaryIO, open(descriptor, mode, buffering=0, closefd=False))


def _open_binary(source: str) -> BinaryIO:
    try:
        return cast(BinaryIO, open(source, "rb", buffering=0))
    except OSError as error:
        raise AudioFileError(
            f"{source}: cannot be opened ({error.strerror}); check the path and its permissions"
        ) from error


def _is_pipe(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)
