"""Running the jobs of `wheesht enhance`: one after another, or in worker processes."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from wheesht.audio.opening import RawFormat
from wheesht.cli._plan import Job
from wheesht.engine.files import FileReport, Settings, enhance_file
from wheesht.errors import BundleError, ParameterError, WheeshtError


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
    return Outcome(job, report)


def _run_in_processes(
    jobs: Sequence[Job], how: How, workers: int, advance: Callable[[float], None]
) -> list[Outcome]:
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

    context = multiprocessing.get_context("spawn")  # fork is unsafe once numpy has threads
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare_worker, (stop,))
    try:
        with _interrupts_held_back():  # workers are started here and inherit it
            futures = [pool.submit(_work, job, how) for job in jobs]
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                advance(1)
        return [future.result() for future in futures]
    finally:
        stop.set()  # after an interruption or an error, workers leave their files and return
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C wait until the end; processes started meanwhile never see it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


_stop: Any = None  # in a worker process: the event that ends its work


def _prepare_worker(stop: Any) -> None:
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back


def _work(job: Job, how: How) -> Outcome:
    def check(samples: int, total: int | None) -> None:
        if _stop.is_set():
            raise KeyboardInterrupt

    return _attempt(job, how, check)


@contextlib.contextmanager
def progress_bar(length: float, label: str) -> Iterator[Callable[[float], None]]:
    """Give a function that advances a bar on a terminal's standard error, else does nothing."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    # The bar counts whole steps, so a step is a thousandth of a job.
    with click.progressbar(length=round(1000 * length), label=label, file=sys.stderr) as bar:
        total = 0.0

        def advance(step: float) -> None:
            nonlocal total
            before, total = round(1000 * total), total + step
            bar.update(round(1000 * total) - before)

        yield advance


@contextlib.contextmanager
def tidy_on_termination() -> Iterator[None]:
    """Let a polite kill (SIGTERM) remove partial files too, with the usual status 143."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def worker_count(asked: int) -> int:
    """Return the number of processes that ``--jobs`` stands for."""
    if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where that is known
        return asked or len(os.sched_getaffinity(0))
    return asked or os.cpu_count() or 1
