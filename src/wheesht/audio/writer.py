"""Streaming writers: atomic audio files, raw samples, and WAV into a pipe."""

import contextlib
import os
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
import soundfile

from wheesht.audio.atomic import AtomicTarget
from wheesht.audio.formats import (
    OPUS_RATES,
    WAV_LIMIT_BYTES,
    AudioFormat,
    container_for_size,
    target_coding,
)
from wheesht.audio.pcm import PCM_BY_SUBTYPE, PcmFormat, encode, quantize
from wheesht.audio.reader import library_path, reason
from wheesht.audio.speakers import write_speakers
from wheesht.audio.wav_pipe import wav_header
from wheesht.errors import AudioFileError, WheeshtError

INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
# Containers that count frames exactly, without an encoder's padding.
COUNTED_EXACTLY = ("WAV", "WAVEX", "RF64", "FLAC", "AIFF", "W64", "CAF", "AU")


class Writer:
    """What every writer does: entering its context opens the target, leaving it completes it."""

    name: str

    def __enter__(self) -> Self:
        """Open the target; an exception or a signal in the midst of it leaves nothing."""
        try:
            self._open()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the target, or after an exception leave nothing of it."""
        if error is None:
            self._finish()
        else:
            self._abandon()

    def write(self, x: np.ndarray) -> None:
        """Append float32 samples of shape (C, n)."""
        raise NotImplementedError

    def _open(self) -> None:
        """Open the target, if that was not done before."""

    def _finish(self) -> None:
        """Complete the target."""

    def _abandon(self) -> None:
        """Remove what was written, where that is possible."""


class FileWriter(Writer):
    """Writes an audio file; it appears when the context is left without an exception.

    Parameters
    ----------
    target : path
        Its extension chooses the format, see `target_coding`.
    source : AudioFormat
        Rate, channels, tags, and what sample coding to keep.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    AudioFileError
        Here or on entering the context: the format is unknown or cannot hold this audio, or
        writing fails.
    OutputExistsError
        The target exists and `overwrite` is false.
    """

    def __init__(
        self, target: str | os.PathLike[str], source: AudioFormat, overwrite: bool = False
    ) -> None:
        self.name = str(target)
        container, self._subtype = target_coding(target, source)
        self._container = container_for_size(container, self._subtype, source)
        if self._subtype == "OPUS" and source.sample_rate not in OPUS_RATES:
            raise AudioFileError(
                f"{self.name}: Opus cannot hold {source.sample_rate} Hz, only 8000, 12000, 16000, "
                f"24000 and 48000 Hz; choose .ogg or .wav"
            )
        self._bits = INTEGER_BITS.get(self._subtype, 0)
        self._is_float = self._subtype in ("FLOAT", "DOUBLE")
        self._source = source
        self._frames = 0
        self._room = _frames_that_fit(self._container, self._subtype, source.channels)
        self._target = AtomicTarget(target, overwrite)
        self._file: Any = None  # a soundfile.SoundFile once the context is entered

    def _open(self) -> None:
        source = self._source
        path = self._target.create()  # so that a refusal of libsndfile is one of the format
        try:
            self._file = soundfile.SoundFile(
                library_path(path),
                "w",
                source.sample_rate,
                source.channels,
                self._subtype,
                format=self._container,
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(
                f"{self.name}: cannot be written as {self._container} {self._subtype} with "
                f"{source.channels} channels at {source.sample_rate} Hz ({reason(error)}); choose "
                f".wav"
            ) from error
        self._tag(source.tags)

    def _tag(self, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            if key != "software":  # libsndfile writes its own name there
                # Not every container has every tag; audio matters more than a lost title.
                with contextlib.suppress(soundfile.LibsndfileError):
                    setattr(self._file, key, value)

    def write(self, x: np.ndarray) -> None:
        """Append float32 samples, shape (C, n); integer formats saturate at full scale."""
        self._frames += x.shape[1]
        if self._frames > self._room:
            raise AudioFileError(
                f"{self.name}: grows beyond the 4 GB that WAV can hold; choose .rf64 or .w64"
            )
        if self._bits:  # libsndfile itself would scale by 2^n - 1, which is not what it reads by
            samples = quantize(x, self._bits) << (32 - self._bits)
        else:
            samples = x if self._is_float else np.clip(x, -1.0, 1.0)
        try:
            self._file.write(np.ascontiguousarray(samples.T))
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._write_error(error) from error

    def _finish(self) -> None:
        try:
            self._file.close()
            found = soundfile.info(library_path(self._target.partial)).frames
            # soundfile asserts that writes are whole, which `python -O` leaves out
            if self._container in COUNTED_EXACTLY and found != self._frames:
                raise self._write_error(None)
            if self._source.speakers is not None and self._container in ("WAVEX", "RF64"):
                with open(self._target.partial, "r+b") as file:
                    write_speakers(file, self._source.speakers)
            self._target.commit()
        except (soundfile.LibsndfileError, OSError) as error:
            if isinstance(error, WheeshtError):
                raise
            raise self._write_error(error) from error
        finally:
            self._target.discard()

    def _abandon(self) -> None:
        if self._file is not None:
            with contextlib.suppress(soundfile.LibsndfileError):
                self._file.close()  # the exception under way is the one to report
        self._target.discard()

    def _write_error(self, error: Exception | None) -> AudioFileError:
        cause = f" ({reason(error)})" if error is not None else ""
        return AudioFileError(
            f"{self.name}: could not be written completely{cause}; free some space on the disk "
            f"and run again"
        )


class RawFileWriter(Writer):
    """Writes headerless samples to a file that appears when it is complete."""

    def __init__(
        self, target: str | os.PathLike[str], pcm: PcmFormat, overwrite: bool = False
    ) -> None:
        self.name = str(target)
        self._pcm = pcm
        self._target = AtomicTarget(target, overwrite)
        self._file: BinaryIO | None = None

    def _open(self) -> None:
        self._file = cast(BinaryIO, open(self._target.create(), "wb", buffering=0))

    def _finish(self) -> None:
        try:
            self._opened().close()
            self._target.commit()
        finally:
            self._target.discard()

    def _abandon(self) -> None:
        if self._file is not None:
            self._file.close()
        self._target.discard()

    def _opened(self) -> BinaryIO:
        assert self._file is not None, "writers are used as context managers"
        return self._file

    def write(self, x: np.ndarray) -> None:
        """Append float32 samples, shape (C, n)."""
        write_fully(self._opened(), encode(x, self._pcm), self.name)


class PipeWriter(Writer):
    """Writes samples into a pipe as they come, with a WAV header or without.

    Parameters
    ----------
    stream : unbuffered binary file
    name : str
        What messages call it.
    source : AudioFormat, optional
        Given when a header is wanted; its `frames`, when known, makes the header exact.
    """

    def __init__(
        self, stream: BinaryIO, name: str, pcm: PcmFormat, source: AudioFormat | None
    ) -> None:
        self.name = name
        self._stream = stream
        self._pcm = pcm
        self._odd = False
        self._started = False
        self._header = b"" if source is None else wav_header(source, pcm)

    def _finish(self) -> None:
        if self._header and self._odd:
            write_fully(self._stream, b"\0", self.name)  # RIFF chunks have even length

    def write(self, x: np.ndarray) -> None:
        """Append float32 samples, shape (C, n), and pass them on at once."""
        data = encode(x, self._pcm)
        if not self._started:
            data = self._header + data
            self._started = True
        self._odd ^= len(data) % 2 == 1
        write_fully(self._stream, data, self.name)


def pipe_coding(source: AudioFormat) -> PcmFormat:
    """Return the sample coding for WAV in a pipe: the source's, or 16 bits for a lossy one."""
    return PCM_BY_SUBTYPE.get(source.subtype, PCM_BY_SUBTYPE["PCM_16"])


def write_fully(stream: BinaryIO, data: bytes, name: str) -> None:
    """Write all of `data` to an unbuffered file.

    Raises
    ------
    BrokenPipeError
        The reader has gone; not an error of ours.
    AudioFileError
        Any other failure, such as a full disk.
    """
    view = memoryview(data)
    try:
        while view:
            view = view[stream.write(view) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AudioFileError(
            f"{name}: could not be written completely ({error.strerror}); free some space on the "
            f"disk and run again"
        ) from error


def _frames_that_fit(container: str, subtype: str, channels: int) -> int | float:
    if container not in ("WAV", "WAVEX") or subtype not in PCM_BY_SUBTYPE:
        return float("inf")
    return WAV_LIMIT_BYTES // (channels * PCM_BY_SUBTYPE[subtype].bytes_per_sample)
