"""Running the jobs of `wheesht enhance`: one after another, or in worker processes."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import click

from wheesht.audio.atomic import remove_leftovers
from wheesht.audio.opening import RawFormat
from wheesht.cli._plan import Job
from wheesht.cli._text import printable
from wheesht.engine.files import FileReport, Settings, enhance_file
from wheesht.errors import BundleError, ParameterError, WheeshtError
from wheesht.workers import run_in_processes, stop_asked


@dataclass(frozen=True)
class How:
    """What is the same for all jobs of a run."""

    settings: Settings
    overwrite: bool
    raw: RawFormat | None


@dataclass(frozen=True)
class Outcome:
    """The report of one job, or the sentence that says why it failed."""

    job: Job
    report: FileReport | None
    error: str = ""


def run_one(job: Job, how: How) -> FileReport:
    """Enhance one file, with a progress bar over its duration; errors are raised."""
    with progress_bar(1, job.source) as advance:
        done = 0.0

        def on_progress(samples: int, total: int | None) -> None:
            nonlocal done
            if total:
                advance(min(samples / total, 1.0) - done)
                done = min(samples / total, 1.0)

        return enhance_file(
            job.source, job.target, how.settings, how.overwrite, how.raw, on_progress
        )


def run_many(jobs: Sequence[Job], how: How, workers: int) -> list[Outcome]:
    """Enhance all files, going on after a bad one; outcomes come in the order of the jobs."""
    with progress_bar(len(jobs), f"{len(jobs)} files") as advance:
        if workers == 1 or len(jobs) == 1:
            outcomes = []
            for job in jobs:
                outcomes.append(_attempt(job, how, None))
                advance(1)
            return outcomes
        return _run_in_processes(jobs, how, min(workers, len(jobs)), advance)


def _attempt(job: Job, how: How, stop: Callable[[int, int | None], None] | None) -> Outcome:
    try:
        report = enhance_file(job.source, job.target, how.settings, how.overwrite, how.raw, stop)
    except (BundleError, ParameterError):
        raise  # of the whole run, not of this file
    except (WheeshtError, OSError) as error:
        return Outcome(job, None, str(error))
    except Exception as error:  # a fault of ours; the other files shall not pay for it
        kind = type(error).__name__
        return Outcome(job, None, f"{job.source}: failed unexpectedly ({kind}: {error})")
    return Outcome(job, report)


def _run_in_processes(
    jobs: Sequence[Job], how: How, workers: int, advance: Callable[[float], None]
) -> list[Outcome]:
    """Share the jobs out; what a killed worker leaves undone is tried again, one at a time."""
    done: dict[Job, Outcome] = {}

    def keep(job: Job, outcome: Outcome | None) -> None:
        done[job] = outcome or Outcome(
            job,
            None,
            f"{job.source}: the process at work on it was killed, perhaps for want of memory; "
            f"try it alone",
        )
        advance(1)

    def tidy(cut_off: Sequence[Job]) -> None:
        remove_leftovers(job.target for job in cut_off)

    run_in_processes(jobs, partial(_work, how=how), workers, keep, tidy)
    return [done[job] for job in jobs]


def _work(job: Job, how: How) -> Outcome:
    def check(samples: int, total: int | None) -> None:
        if stop_asked():
            raise KeyboardInterrupt

    return _attempt(job, how, check)


@contextlib.contextmanager
def progress_bar(length: float, label: str) -> Iterator[Callable[[float], None]]:
    """Give a function that advances a bar on a terminal's standard error, else does nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda step: None
        return
    # The bar counts whole steps, so a step is a thousandth of a job.
    label = printable(label, sys.stderr)
    bar = click.progressbar(length=round(1000 * length), label=label, file=sys.stderr)
    total = 0.0

    def advance(step: float) -> None:
        nonlocal total
        before, total = round(1000 * total), total + step
        with contextlib.suppress(OSError):  # a terminal that is gone is no reason to stop
            bar.update(round(1000 * total) - before)

    with contextlib.suppress(OSError):
        bar.__enter__()
    try:
        yield advance
    finally:
        with contextlib.suppress(OSError):
            bar.render_finish()
