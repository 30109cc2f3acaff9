"""Batches made ahead of the network, in a thread or in processes, and handed out in order."""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from wheesht.data.mixing import Mixer
from wheesht.errors import StateError
from wheesht.workers import WorkerKilled, worker_pool

AHEAD = 3  # batches kept ready: hides the slowest mixes without holding much memory
Batch = tuple[np.ndarray, np.ndarray]


def batches(
    mixer: Mixer,
    seed: int,
    size: int,
    first: int,
    last: int,
    workers: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> Generator[Batch, None, None]:
    """Yield the batches of steps `first` to `last` - 1, in order, whatever the number of workers.

    Close the iterator to end its workers early, as `contextlib.closing` does.

    Parameters
    ----------
    mixer : Mixer
    seed, size : int
        See `Mixer.batch`.
    first, last : int
    workers : int
        Processes that mix; 0 mixes in a thread of this process.
    rank, ranks : int
        Which of equal parts of every batch.

    Yields
    ------
    noisy, clean : ndarray, float32, shape (B / ranks, N)

    Raises
    ------
    StateError
        A worker was killed.
    """
    with _processes(mixer, workers) if workers else _thread(mixer) as submit:
        waiting: deque[Future[Batch]] = deque()
        try:
            for step in range(first, last):
                waiting.append(submit(seed, step, size, rank, ranks))
                if len(waiting) > AHEAD + workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except WorkerKilled as error:
            raise StateError(
                "a process that mixes training pairs was killed, perhaps for want of memory; the "
                "same command goes on from the last checkpoint"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def _thread(mixer: Mixer) -> Iterator[Callable[..., Future[Batch]]]:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mixing") as pool:
        yield lambda *arguments: pool.submit(mixer.batch, *arguments)


@contextlib.contextmanager
def _processes(mixer: Mixer, workers: int) -> Iterator[Callable[..., Future[Batch]]]:
    with worker_pool(workers, _receive, (mixer,)) as pool:
        yield lambda *arguments: pool.submit(_mix, *arguments)


_mixer: Mixer | None = None  # in a worker process: sent once, not with every batch


def _receive(mixer: Mixer) -> None:
    global _mixer
    _mixer = mixer


def _mix(*arguments: int) -> Batch:
    assert _mixer is not None
    return _mixer.batch(*arguments)
