"""Time a stream within a pool beside one alone, after checking that both give the same bits.

    python benchmarks/stream_pool.py [MODEL] [--streams 16] [--update-percent 50]

Interleaved, one thread. Prints the time of a hop per stream, in the engine and as Python calls it,
and the memory of model and streams.
"""

import argparse
import time

import numpy as np

from wheesht import StreamPool
from wheesht.bench.machine import machine
from wheesht.bench.signals import speech_like
from wheesht.engine.loading import load_model
from wheesht.engine.stream import Stream
from wheesht.spec.cost import weight_bytes

RUNS, HOPS, WARM_UP = 9, 60, 10


def signals(count: int, samples: int) -> np.ndarray:
    """Speech in noise at other places and levels for each stream."""
    x = speech_like(20.0).noisy
    levels = np.linspace(0.1, 1.0, count)
    rolled = [level * np.roll(x, 7001 * k)[:samples] for k, level in enumerate(levels)]
    return np.array(rolled, np.float32)


def check(model: str, percent: float, x: np.ndarray) -> None:
    pool = StreamPool(model, size=len(x), update_percent=percent)
    for k, got in enumerate(pool.process(list(x))):
        if not np.array_equal(got, Stream(model, update_percent=percent).process(x[k])):
            raise SystemExit(f"not timed: stream {k} of the pool differs from a stream alone")


def microseconds(step, hops: int) -> float:
    """Median time of `hops` calls, after a warm-up."""
    ticks = []
    for t in range(WARM_UP + hops):
        started = time.perf_counter_ns()
        step(t)
        ticks.append(time.perf_counter_ns() - started)
    return float(np.median(ticks[WARM_UP:])) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--update-percent", type=float, default=50.0)
    asked = parser.parse_args()
    loaded, size = load_model(asked.model), asked.streams
    hop = loaded.spec.front_end.hop_length
    x = signals(size, (WARM_UP + HOPS) * hop)
    check(asked.model, asked.update_percent, x)

    from wheesht.engine import _ext

    pool, alone = _ext.Pool(loaded.packed, size), _ext.Stream(loaded.packed)
    alone.set_update_percent(asked.update_percent)
    for k in range(size):
        pool.set_update_percent(k, asked.update_percent)
    everyone = np.ones(size, np.uint8)
    blocks = [np.ascontiguousarray(x[:, k : k + hop]) for k in range(0, x.shape[1], hop)]
    pool_of_python = StreamPool(asked.model, size=size, update_percent=asked.update_percent)
    stream_of_python = Stream(asked.model, update_percent=asked.update_percent)
    together, single, python_together, python_single = [], [], [], []
    for _ in range(RUNS):
        python_together.append(
            microseconds(lambda t: pool_of_python.process(list(blocks[t])), HOPS) / size
        )
        python_single.append(microseconds(lambda t: stream_of_python.process(blocks[t][0]), HOPS))
        together.append(microseconds(lambda t: pool.process(blocks[t], everyone), HOPS) / size)
        single.append(microseconds(lambda t: alone.process(blocks[t][0]), HOPS))
    ratios = np.array(together) / np.array(single)
    weights = weight_bytes(loaded.spec)
    more = (_ext.Pool(loaded.packed, size + 1).bytes - pool.bytes) / 1e3
    print(f"{machine()}, {pool.isa}; {asked.model} at P = {asked.update_percent:g}")
    print(f"a stream alone        {np.median(single):8.2f} us per hop")
    print(f"in a pool of {size:4d}     {np.median(together):8.2f} us per hop and stream")
    print(f"pool over alone       {np.median(ratios):8.3f} (median of {RUNS} runs)")
    ratios = np.array(python_together) / np.array(python_single)
    print(
        f"StreamPool over Stream{np.median(ratios):8.3f} ({np.median(python_together):.2f} and ",
        end="",
    )
    print(f"{np.median(python_single):.2f} us, with what Python adds)")
    print(f"weights               {weights / 1e6:8.3f} MB")
    print(f"one stream            {alone.bytes / 1e3:8.1f} kB")
    print(f"one more in the pool  {more:8.1f} kB")


if __name__ == "__main__":
    main()
