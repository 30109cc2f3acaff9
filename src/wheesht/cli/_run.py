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

from wheesht.audio.atomic import remove_leftovers
from wheesht.audio.opening import RawFormat
from wheesht.cli._plan import Job
from wheesht.cli._text import printable
from wheesht.engine.files import FileReport, Settings, enhance_file
from wheesht.errors import BundleError, ParameterError, WheeshtError

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")  # a polite kill; the terminal is gone


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
    done = _share_out(jobs, how, workers, advance)
    while rest := [job for job in jobs if job not in done]:
        remove_leftovers(job.target for job in rest)
        done |= _share_out(rest, how, 1, advance)
        culprit = next((job for job in rest if job not in done), None)
        if culprit is not None:  # a lone worker takes them in order
            remove_leftovers([culprit.target])
            done[culprit] = Outcome(
                culprit,
                None,
                f"{culprit.source}: the process at work on it was killed, perhaps for want of "
                f"memory; try it alone",
            )
            advance(1)
    return [done[job] for job in jobs]


def _share_out(
    jobs: Sequence[Job], how: How, workers: int, advance: Callable[[float], None]
) -> dict[Job, Outcome]:
    """Run jobs in processes; those that are missing in the result were cut off."""
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")  # fork is unsafe once numpy has threads
    with _held_back("SIGHUP"):  # the process that minds semaphores is started here; it must stay
        stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare_worker, (stop,))
    futures: dict[Future[Outcome], Job] = {}
    done: dict[Job, Outcome] = {}
    try:
        with _held_back("SIGINT"):  # workers are started here and inherit it
            with contextlib.suppress(BrokenProcessPool):
                for job in jobs:
                    futures[pool.submit(_work, job, how)] = job
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                with contextlib.suppress(BrokenProcessPool):
                    done[futures[future]] = future.result()
                    advance(1)
        return done
    finally:
        stop.set()  # after an interruption or an error, workers leave their files and return
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _held_back(name: str) -> Iterator[None]:
    """Let a signal wait until the end; processes started meanwhile never see it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name)})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


_stop: Any = None  # in a worker process: the event that ends its work


def _prepare_worker(stop: Any) -> None:
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back
    _leave_on_termination()


def _work(job: Job, how: How) -> Outcome:
    def check(samples: int, total: int | None) -> None:
        if _stop.is_set():
            raise KeyboardInterrupt

    try:
        return _attempt(job, how, check)
    except SystemExit as ended:
        # The pool would take it for the outcome of a job, and go on with the next.
        os._exit(ended.code if isinstance(ended.code, int) else 1)


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


@contextlib.contextmanager
def tidy_on_termination() -> Iterator[None]:
    """Let a polite kill or a hang-up remove partial files too, with the usual status 128 + n."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    previous = _leave_on_termination()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave_on_termination() -> dict[signal.Signals, Any]:
    """Make signals that end a process raise `SystemExit`; return the handlers of before."""
    numbers = [getattr(signal, name) for name in ENDING_SIGNALS if hasattr(signal, name)]
    # What is ignored stays so: `nohup` asks for it.
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]

    leaving = False

    def leave(number: int, frame: object) -> None:
        nonlocal leaving
        if leaving:  # a second one shall not disturb the tidying
            return
        leaving = True
        raise SystemExit(128 + number)

    return {number: signal.signal(number, leave) for number in numbers}


def worker_count(asked: int) -> int:
    """Return the number of processes that ``--jobs`` stands for."""
    if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where that is known
        return asked or len(os.sched_getaffinity(0))
    return asked or os.cpu_count() or 1
