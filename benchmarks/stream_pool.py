"""Time a stream within a pool beside one alone, after checking that both give the same bits.

    python benchmarks/stream_pool.py [MODEL] [--streams 16] [--update-percent 50] [--isa NAME]

Interleaved, one thread. Prints the time of a hop per stream, in the engine and as Python calls it,
and the memory of model and streams.
"""

import argparse
import time

import numpy as np

from wheesht import StreamPool
from wheesht.bench.machine import machine
from wheesht.bench.signals import speech_like
from wheesht.engine import _ext
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


def check(settings: dict, percent: float, x: np.ndarray) -> None:
    pool = StreamPool(size=len(x), update_percent=percent, **settings)
    for k, got in enumerate(pool.process(list(x))):
        if not np.array_equal(got, Stream(update_percent=percent, **settings).process(x[k])):
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
    parser.add_argument("--isa", default="", choices=["", *_ext.isa_names()])
    asked = parser.parse_args()
    percent, size = asked.update_percent, asked.streams
    loaded, settings = load_model(asked.model), {"model": asked.model, "isa": asked.isa}
    hop = loaded.spec.front_end.hop_length
    x = signals(size, (WARM_UP + HOPS) * hop)
    check(settings, percent, x)

    pool, alone = _ext.Pool(loaded.packed, size, asked.isa), _ext.Stream(loaded.packed, asked.isa)
    alone.set_update_percent(percent)
    for k in range(size):
        pool.set_update_percent(k, percent)
    outer_pool = StreamPool(size=size, update_percent=percent, **settings)
    outer = Stream(update_percent=percent, **settings)
    everyone = np.ones(size, np.uint8)
    blocks = [np.ascontiguousarray(x[:, k : k + hop]) for k in range(0, x.shape[1], hop)]
    steps = [
        lambda t: alone.process(blocks[t][0]),
        lambda t: pool.process(blocks[t], everyone),
        lambda t: outer.process(blocks[t][0]),
        lambda t: outer_pool.process(list(blocks[t])),
    ]
    runs = np.array([[microseconds(step, HOPS) for step in steps] for _ in range(RUNS)])
    runs[:, [1, 3]] /= size
    us, ratios = np.median(runs, axis=0), np.median(runs[:, 1::2] / runs[:, ::2], axis=0)
    more = (_ext.Pool(loaded.packed, size + 1).bytes - pool.bytes) / 1e3
    print(f"{machine()}, {pool.isa}; {asked.model} at P = {percent:g}, medians of {RUNS} runs")
    print(f"{'us per hop and stream':<24}{'alone':>8}{f'one of {size}':>12}{'ratio':>8}")
    for i, name in enumerate(("engine", "Stream and StreamPool")):
        print(f"{name:<24}{us[2 * i]:8.2f}{us[2 * i + 1]:12.2f}{ratios[i]:8.3f}")
    print(f"weights                 {weight_bytes(loaded.spec) / 1e6:8.3f} MB")
    print(f"one stream              {alone.bytes / 1e3:8.1f} kB")
    print(f"one more in the pool    {more:8.1f} kB")


if __name__ == "__main__":
    main()
