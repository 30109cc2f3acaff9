"""Jobs shared out to processes, any of which may be killed without taking the rest along."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class WorkerPool:
    """Processes that wait for calls; as a context it ends them.

    Attributes
    ----------
    submit : callable ``(function, *arguments)``
        Returns a `concurrent.futures.Future`.
    is_up : callable
        Whether a process has come up yet.
    """

    submit: Callable[..., Any]
    is_up: Callable[[], bool]


@contextlib.contextmanager
def worker_pool(
    workers: int, prepare: Callable[..., None] | None = None, arguments: Sequence[Any] = ()
) -> Iterator[WorkerPool]:
    """Give processes of one thread each; none outlives this context, nor this process.

    Parameters
    ----------
    workers : int
        Number of processes, 1 or more; each starts when there is a call for it.
    prepare : callable, optional
        A function of a module, called with `arguments` once in every process before its calls.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # fork is unsafe once numpy has threads
    with held_back("SIGHUP"):  # the process that minds semaphores is started here; it must stay
        stop, up = context.Event(), context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare, (stop, up, prepare, arguments))

    def submit(function: Callable[..., Any], *given: Any) -> Any:
        with held_back("SIGINT"), _environment(ONE_THREAD):  # a worker may start here: it inherits
            return pool.submit(_call, function, *given)

    try:
        yield WorkerPool(submit, up.is_set)
    finally:
        stop.set()  # after an interruption or an error, workers leave their files and return
        pool.shutdown(wait=True, cancel_futures=True)


def _share_out(
    jobs: Sequence[J],
    which: Sequence[int],
    work: Callable[[J], R],
    workers: int,
    on_done: Callable[[J, R | None], None],
) -> list[int]:
    """Run some of the jobs in processes; return those that were cut off, in order."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait
    from concurrent.futures.process import BrokenProcessPool

    futures: dict[Future[R], int] = {}
    left = set(which)
    with worker_pool(workers) as pool:
        with contextlib.suppress(BrokenProcessPool):
            for i in which:
                futures[pool.submit(work, jobs[i])] = i
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                with contextlib.suppress(BrokenProcessPool):
                    result = future.result()
                    left.discard(futures[future])
                    on_done(jobs[futures[future]], result)
    if left and not pool.is_up():
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


def _prepare(
    stop: Any, up: Any, prepare: Callable[..., None] | None, arguments: Sequence[Any]
) -> None:
    """Set up a worker process."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back
    leave_on_termination()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)
    up.set()


def _end_with_parent() -> None:
    """Leave when the process that gives out the jobs was killed: nobody wants the results."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(function: Callable[..., R], *given: Any) -> R:
    try:
        return function(*given)
    except SystemExit as ended:
        # The pool would take it for the outcome of a job, and go on with the next.
        os._exit(ended.code if isinstance(ended.code, int) else 1)
