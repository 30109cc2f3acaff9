"""Which files a run of `wheesht enhance` reads and writes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from wheesht.audio.formats import EXTENSIONS
from wheesht.audio.opening import STANDARD

DEFAULT_NAME = "{stem}_clean.wav"


@dataclass(frozen=True)
class Job:
    """One input and its output, paths or ``-``."""

    source: str
    target: str


def plan_jobs(inputs: Sequence[str], output: str | None, recursive: bool) -> list[Job]:
    """Pair every input file with its target.

    One file goes to `output`, or beside itself as ``<stem>_clean.wav``, or under that name into
    the folder `output`. Several files, and whole folders, keep their names and their tree in
    the folder `output`.

    Raises
    ------
    click.UsageError
        The combination makes no sense, or two inputs would get the same target.
    """
    if STANDARD in inputs and len(inputs) > 1:
        raise click.UsageError("standard input (-) cannot be combined with other inputs.")
    if len(inputs) == 1 and not os.path.isdir(inputs[0]):
        return [Job(inputs[0], _single_target(inputs[0], output))]
    if output is None:
        raise click.UsageError("several files need a folder for the results; give it with -o DIR.")
    if output == STANDARD or os.path.isfile(output):
        raise click.UsageError(f"several files cannot go into {output!r}; give a folder, -o DIR.")
    jobs: dict[str, Job] = {}
    for source, relative in _walk(inputs, Path(output), recursive):
        target = str(Path(output) / relative)
        if target in jobs:
            raise click.UsageError(
                f"{jobs[target].source} and {source} would both become {target}; run them "
                f"separately."
            )
        jobs[target] = Job(source, target)
    if not jobs:
        known = " ".join(EXTENSIONS)
        raise click.UsageError(f"no audio files in {', '.join(inputs)}; looked for {known}.")
    return list(jobs.values())


def _single_target(source: str, output: str | None) -> str:
    if source == STANDARD:
        if output is not None and os.path.isdir(output):
            raise click.UsageError(f"{output!r} is a folder; name a file for standard input, or -.")
        return output or STANDARD
    name = DEFAULT_NAME.format(stem=Path(source).stem)
    if output is None:
        return str(Path(source).with_name(name))
    if output != STANDARD and (os.path.isdir(output) or output.endswith(("/", os.sep))):
        return str(Path(output) / name)
    return output


def _walk(inputs: Sequence[str], output: Path, recursive: bool) -> list[tuple[str, Path]]:
    """Return (file, path below the output folder) for all inputs, in a stable order."""
    found: list[tuple[str, Path]] = []
    several = len(inputs) > 1
    for name in inputs:
        root = Path(name)
        if not root.is_dir():
            found.append((name, Path(root.name)))
            continue
        pattern = "**/*" if recursive else "*"
        for path in sorted(root.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if hidden or path.suffix.lower() not in EXTENSIONS or not path.is_file():
                continue
            if _is_result(path, root, output):
                continue
            relative = path.relative_to(root)
            found.append((str(path), Path(root.resolve().name) / relative if several else relative))
    return found


def _is_result(path: Path, root: Path, output: Path) -> bool:
    """Whether a file was put there by an earlier run, the output folder being inside the input."""
    inside, outer = output.resolve(), root.resolve()
    return (
        inside != outer and inside.is_relative_to(outer) and path.resolve().is_relative_to(inside)
    )
