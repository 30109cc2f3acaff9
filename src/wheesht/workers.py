"""Jobs shared out to processes, any of which may be killed without taking the rest along."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from wheesht.endings import held_back, leave_on_termination
from wheesht.errors import StateError

J = TypeVar("J")
R = TypeVar("R")
# A worker has one core: more threads in it would only get in the way of the others, and the
# order of their sums would make results depend on the machine.
ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
}


def run_in_processes(
    jobs: Sequence[J],
    work: Callable[[J], R],
    workers: int,
    on_done: Callable[[J, R | None], None],
    on_cut_off: Callable[[Sequence[J]], None] = lambda jobs: None,
) -> None:
    """Do all jobs in processes of their own; jobs whose process is killed are tried once more.

    Parameters
    ----------
    jobs : sequence
        Sent to the processes, so picklable.
    work : callable
        A function of a module, or a `functools.partial` of one; called with a job. It may ask
        `stop_asked` now and then. What it raises ends the whole run.
    workers : int
        Number of processes, 1 or more.
    on_done : callable
        Called here with a job and its result, in the order in which they are done; with None for
        a job whose process was killed, also when it was tried again, alone.
    on_cut_off : callable
        Called here with jobs that were cut off, to remove what they left behind.

    Raises
    ------
    StateError
        No process came up, as when a script starts this at its top level.
    """
    if not jobs:
        return
    rest = _share_out(jobs, range(len(jobs)), work, min(workers, len(jobs)), on_done)
    while rest:
        on_cut_off([jobs[i] for i in rest])
        left = _share_out(jobs, rest, work, 1, on_done)
        if left:  # a lone worker takes them in order, so the first is the one that killed it
            on_cut_off([jobs[left[0]]])
            on_done(jobs[left[0]], None)
        rest = left[1:]


def stop_asked() -> bool:
    """Whether this process is a worker whose run has been interrupted."""
    return _stop is not None and bool(_stop.is_set())


def worker_count(asked: int) -> int:
    """Return the number of processes that ``--jobs`` stands for: 0 is one per core."""
    if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where that is known
        return asked or len(os.sched_getaffinity(0))
    return asked or os.cpu_count() or 1


def _share_out(
    jobs: Sequence[J],
    which: Sequence[int],
    work: Callable[[J], R],
    workers: int,
    on_done: Callable[[J, R | None], None],
) -> list[int]:
    """Run some of the jobs in processes; return those that were cut off, in order."""
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")  # fork is unsafe once numpy has threads
    with held_back("SIGHUP"):  # the process that minds semaphores is started here; it must stay
        stop, up = context.Event(), context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare, (stop, up))
    futures: dict[Future[R], int] = {}
    left = set(which)
    try:
        with held_back("SIGINT"), _environment(ONE_THREAD):  # workers start here and inherit both
            with contextlib.suppress(BrokenProcessPool):
                for i in which:
                    futures[pool.submit(_call, work, jobs[i])] = i
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                with contextlib.suppress(BrokenProcessPool):
                    result = future.result()
                    left.discard(futures[future])
                    on_done(jobs[futures[future]], result)
    finally:
        stop.set()  # after an interruption or an error, workers leave their files and return
        pool.shutdown(wait=True, cancel_futures=True)
    if left and not up.is_set():
        raise StateError(
            "no worker process came up; in a script, put what starts them below "
            "if __name__ == '__main__':"
        )
    return sorted(left)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_stop: Any = None  # in a worker process: the event that ends its work


def _prepare(stop: Any, up: Any) -> None:
    """Set up a worker process."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back
    leave_on_termination()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    up.set()


def _end_with_parent() -> None:
    """Leave when the process that gives out the jobs was killed: nobody wants the results."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Callable[[J], R], job: J) -> R:
    try:
        return work(job)
    except SystemExit as ended:
        # The pool would take it for the outcome of a job, and go on with the next.
        os._exit(ended.code if isinstance(ended.code, int) else 1)
