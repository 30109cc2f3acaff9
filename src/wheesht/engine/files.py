"""One audio file in, one enhanced audio file out, in constant memory."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

from wheesht.audio.opening import RawFormat, open_reader, open_writer
from wheesht.engine.governor import Governor
from wheesht.engine.stream import MAX_CHANNELS, Stream
from wheesht.errors import AudioFileError

OnProgress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Settings:
    """How to enhance: model, dial in percent, limit of the attenuation in dB, and how P moves.

    `dial` as for `Stream`; `max_rtf` is that of a `Governor`, None for no governor.
    """

    model: str | os.PathLike[str] = "default"
    update_percent: float | None = None
    strength_db: float | None = None
    dial: str = "fixed"
    max_rtf: float | None = None


@dataclass(frozen=True)
class FileReport:
    """What was done with one file; `compute_seconds` covers reading and writing too.

    `late_hops` is that of `Stream.stats`, None without a governor.
    """

    input: str
    output: str
    sample_rate: int
    channels: int
    seconds: float
    compute_seconds: float
    update_percent: float
    update_fraction: float
    warnings: tuple[str, ...] = ()
    late_hops: int | None = None


def enhance_file(
    source: str,
    target: str,
    settings: Settings | None = None,
    overwrite: bool = False,
    raw: RawFormat | None = None,
    on_progress: OnProgress | None = None,
) -> FileReport:
    """Enhance one file or pipe.

    Parameters
    ----------
    source, target : str
        Paths, or ``-`` for standard input and output. The target appears when it is complete.
    settings : Settings, optional
    overwrite : bool
        Whether an existing target, which may be the source itself, may be replaced.
    raw : RawFormat, optional
        Given when the source has no header.
    on_progress : callable, optional
        Called with the samples done and their total, or None where that is unknown, after each
        block; an exception that it raises ends the work and leaves no target.

    Raises
    ------
    AudioFileError, OutputExistsError
        Reading or writing fails.
    BundleError, ParameterError
        As for `Stream`.
    """
    settings = settings or Settings()
    started = time.perf_counter()
    with closing(open_reader(source, raw)) as reader:
        audio = reader.format
        if audio.channels > MAX_CHANNELS:
            raise AudioFileError(
                f"{source}: has {audio.channels} channels, needs at most {MAX_CHANNELS}; split it"
            )
        stream = Stream(
            settings.model,
            audio.sample_rate,
            audio.channels,
            settings.update_percent,
            settings.strength_db,
            dial=settings.dial,
            governor=None if settings.max_rtf is None else Governor(settings.max_rtf),
        )
        if reader.warnings:  # a damaged source holds another number of samples than it says
            audio = replace(audio, frames=None)
        done = 0
        with stream, open_writer(target, audio, overwrite, raw) as writer:
            for block in reader.blocks():
                writer.write(stream.process(block))
                done += block.shape[1]
                if on_progress is not None:
                    on_progress(done, audio.frames)
            writer.write(stream.flush())
        stats = stream.stats()
        return FileReport(
            input=source,
            output=target,
            sample_rate=audio.sample_rate,
            channels=audio.channels,
            seconds=done / audio.sample_rate,
            compute_seconds=time.perf_counter() - started,
            update_percent=stream.update_percent,
            update_fraction=stats["update_fraction"],
            warnings=tuple(reader.warnings),
            late_hops=None if settings.max_rtf is None else int(stats["late_hops"]),
        )
