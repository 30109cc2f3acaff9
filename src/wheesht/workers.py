"""Jobs shared out to processes, any of which may be killed without taking the rest along."""

import contextlib
import os
import pickle
import queue
import signal
import threading
import traceback
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from wheesht.endings import held_back, leave_on_termination
from wheesht.errors import StateError

if TYPE_CHECKING:  # loaded where they are used: a single job, done here, is not to wait for them
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

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
    return _parent is not None and _parent.poll()  # during a call, word can only be to stop


def worker_count(asked: int) -> int:
    """Return the number of processes that ``--jobs`` stands for: 0 is one per core."""
    if hasattr(os, "sched_getaffinity"):  # the cores this process may use, where that is known
        return asked or len(os.sched_getaffinity(0))
    return asked or os.cpu_count() or 1


class WorkerKilled(Exception):
    """The worker process that a call was for, or was to be for, has been killed."""


class WorkerPool:
    """Processes of one thread each that wait for calls.

    Each has a pipe of its own: a process that is killed, at whatever moment, closes its pipe, and
    can leave neither a lock held nor half a message in a queue that others wait at.

    Parameters
    ----------
    workers : int
        Number of processes, 1 or more; each starts when there is a call for it.
    prepare : callable, optional
        A function of a module, called with `arguments` once in every process before its calls.
    """

    def __init__(
        self,
        workers: int,
        prepare: Callable[..., None] | None = None,
        arguments: Sequence[Any] = (),
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._count = workers
        self._prepare = prepare, arguments
        self._workers: list[_Worker] = []
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._broken = False

    def submit(self, function: Callable[..., R], *given: Any) -> "Future[R]":
        """Call a function of a module in one of the processes.

        The future raises `WorkerKilled` when that process, or any other before, was killed.
        """
        if len(self._workers) < self._count and not self._broken:
            self._workers.append(_Worker(*self._prepare))
            self._idle.put(self._workers[-1])
        return self._threads.submit(self._call, function, given)

    def is_up(self) -> bool:
        """Whether a process has come up yet."""
        return any(worker.is_up for worker in self._workers)

    def close(self) -> None:
        """End the processes; calls under way are told to stop, others are not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.join()

    def _call(self, function: Callable[..., R], given: Sequence[Any]) -> R:
        if self._broken:
            raise WorkerKilled
        worker = self._idle.get()
        try:
            return worker.call(function, given)
        except WorkerKilled:
            self._broken = True
            raise
        finally:
            self._idle.put(worker)


@contextlib.contextmanager
def worker_pool(
    workers: int, prepare: Callable[..., None] | None = None, arguments: Sequence[Any] = ()
) -> Iterator[WorkerPool]:
    """Give a `WorkerPool`; no process of it outlives this context, nor this process."""
    pool = WorkerPool(workers, prepare, arguments)
    try:
        yield pool
    finally:
        pool.close()  # after an interruption or an error, workers leave their files and return


class _Worker:
    """A process and this end of its pipe."""

    def __init__(self, prepare: Callable[..., None] | None, arguments: Sequence[Any]) -> None:
        import multiprocessing

        context = multiprocessing.get_context("spawn")  # fork is unsafe once numpy has threads
        self.is_up = False
        self._pipe, theirs = context.Pipe()
        self._sending = threading.Lock()
        self._process = context.Process(target=_work, args=(theirs, prepare, arguments))
        with held_back("SIGINT"), _environment(ONE_THREAD):  # the process inherits both
            self._process.start()
        theirs.close()  # so that it is closed for good when the process ends

    def call(self, function: Callable[..., R], given: Sequence[Any]) -> R:
        """Return, or raise, what the function does there; wait for it."""
        try:
            if not self.is_up:
                self._pipe.recv()
                self.is_up = True
            with self._sending:
                self._pipe.send((function, given))
            result, error = self._pipe.recv()
        except (EOFError, OSError) as ended:  # also in the middle of a message
            raise WorkerKilled from ended
        if error is not None:
            raise error
        return typing.cast(R, result)

    def stop(self) -> None:
        """Ask the process to end; may be called while another thread waits for a call."""
        with self._sending, contextlib.suppress(OSError):
            self._pipe.send(None)

    def join(self) -> None:
        """Wait for the end of a process that was asked to stop."""
        self._pipe.close()
        self._process.join()


def _share_out(
    jobs: Sequence[J],
    which: Sequence[int],
    work: Callable[[J], R],
    workers: int,
    on_done: Callable[[J, R | None], None],
) -> list[int]:
    """Run some of the jobs in processes; return those that were cut off, in order."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    futures: dict[Future[R], int] = {}
    left = set(which)
    with worker_pool(workers) as pool:
        for i in which:
            futures[pool.submit(work, jobs[i])] = i
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                with contextlib.suppress(WorkerKilled):
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


_parent: "Connection | None" = None  # in a worker process: its end of the pipe


def _work(
    parent: "Connection", prepare: Callable[..., None] | None, arguments: Sequence[Any]
) -> None:
    """Answer calls until there are no more: what a worker process does."""
    global _parent
    _parent = parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot hold it back
    leave_on_termination()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)
    with contextlib.suppress(EOFError, OSError):  # the other end is gone
        parent.send(None)  # it is up
        while (call := parent.recv()) is not None:
            _answer(parent, *call)


def _answer(parent: "Connection", function: Callable[..., Any], given: Sequence[Any]) -> None:
    answer: tuple[Any, BaseException | None]
    try:
        answer = function(*given), None
    except (Exception, KeyboardInterrupt) as error:  # the latter is how work that was stopped ends
        error.add_note(traceback.format_exc())
        answer = None, error
    try:
        parent.send(answer)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        parent.send((None, error))


def _end_with_parent() -> None:
    """Leave when the process that gives out the jobs was killed: nobody wants the results."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
