"""Batches made one step ahead in a thread, while the network works on the last one."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from wheesht.data.mixing import Mixer

AHEAD = 3  # batches kept ready: hides the slowest mixes without holding much memory


def batches(
    mixer: Mixer, seed: int, size: int, first: int, last: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of steps `first` to `last` - 1, in order, each (B, N) noisy and clean."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mixing") as pool:
        waiting: deque[Future[tuple[np.ndarray, np.ndarray]]] = deque()
        try:
            for step in range(first, last):
                waiting.append(pool.submit(mixer.batch, seed, step, size))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
