"""Show the deadline governor at work: real time, a busy second process, an artificial slow-down.

    chrt -R -r 10 python benchmarks/deadline.py [--slow-down X] [--max-rtf X] [--load N] [--log CSV]

Hops arrive at the rate of the signal, as from a sound card, in a queue that nobody empties but the
stream. Meanwhile N other processes compute without pause, and in the middle third every hop takes
longer: at P = 100 by X times its own duration, at other P in proportion to its recurrent MACs. The
same hops go to a stream without a governor and to one with. A hop counts as dropped when a queue of
0.1 s, which a sound card may have, is full at its arrival; it is enhanced all the same, and samples
in and out are compared. `chrt` gives the streams, not the busy processes, the priority of live
audio; on an idle machine it may be left out. `--log` writes P of every hop.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np

from wheesht import Governor, Stream
from wheesht.engine.dial_log import KEPT_SECONDS

RATE = 16000
QUEUE_SECONDS = 0.1
PARTS = ("before", "slowed", "after")
BUSY = "while True: sum(i * i for i in range(10000))"


class SlowStream:
    """A stream whose hops take longer, by `extra` seconds at P = 100."""

    def __init__(self, max_rtf: float | None) -> None:
        self.extra = 0.0
        self._begun = False
        governor = None if max_rtf is None else Governor(max_rtf, self._clock)
        self.stream = Stream(update_percent=100, governor=governor)
        self._slow_by_itself = governor is None

    def _clock(self) -> int:
        """Read the time; at the end of a hop, after what it costs more."""
        if self._begun:
            self._wait()
        self._begun = not self._begun
        return time.perf_counter_ns()

    def _wait(self) -> None:
        percent = self.stream.dial_positions()[0, -1]
        macs = 1 + 2 * percent / 100  # z of all units, r and c of the chosen
        time.sleep(self.extra * macs / 3)

    def process(self, hop: np.ndarray) -> np.ndarray:
        """Enhance a hop, slowly."""
        enhanced = self.stream.process(hop)
        if self._slow_by_itself:
            self._wait()
        return enhanced


def run(noisy: np.ndarray, max_rtf: float | None, slow_down: float) -> dict[str, object]:
    """Feed a signal in real time and return what happened, P of every hop included."""
    slow = SlowStream(max_rtf)
    hop = slow.stream.spec.front_end.hop_length
    duration, hops = hop / RATE, len(noisy) // hop
    waits, parts = [], []
    started = time.perf_counter()
    for t in range(hops):
        arrives = started + (t + 1) * duration
        time.sleep(max(arrives - time.perf_counter(), 0.0))
        waits.append(time.perf_counter() - arrives)
        slow.extra = slow_down * duration * (hops // 3 <= t < 2 * hops // 3)
        parts.append(slow.process(noisy[t * hop : (t + 1) * hop]))
    positions = slow.stream.dial_positions()[0]
    parts.append(slow.stream.flush())
    stats = slow.stream.stats()
    return {
        "samples in": hops * hop,
        "samples out": sum(map(len, parts)),
        "hops dropped by a queue of 0.1 s": sum(wait > QUEUE_SECONDS for wait in waits),
        "longest wait, ms": round(1e3 * max(waits), 1),
        "late hops": stats.get("late_hops", "not measured"),
        "longest hop, us": stats.get("longest_hop_us", "not measured"),
        **{
            f"P {name}: mean, least, last": f"{p.mean():.0f}, {p.min():.0f}, {p[-1]:.0f}"
            for name, p in zip(PARTS, np.array_split(positions, 3), strict=True)
        },
        "positions": positions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option(
        "--seconds",
        type=float,
        default=18.0,
        help=f"of audio for each of the two streams, at most {KEPT_SECONDS}: all of P is recorded",
    )
    option(
        "--slow-down",
        type=float,
        default=1.2,
        help="how much longer a hop takes at P = 100 in the middle third, in durations of a hop",
    )
    option(
        "--max-rtf",
        type=float,
        default=0.7,
        help="deadline of the governor: share of a hop's duration, above 0 to 1",
    )
    option(
        "--load",
        type=int,
        default=max((os.cpu_count() or 2) - 1, 1),
        help="processes that compute without pause meanwhile",
    )
    option(
        "--log",
        metavar="CSV",
        default=argparse.SUPPRESS,
        help="file for P of every hop, percent, of the stream with the governor",
    )
    asked = parser.parse_args(namespace=argparse.Namespace(log=None))
    if not 0 < asked.seconds <= KEPT_SECONDS:
        parser.error(f"--seconds: got {asked.seconds:g}, needs above 0 to {KEPT_SECONDS}")
    rng = np.random.default_rng(0)
    noisy = 0.1 * rng.standard_normal(int(asked.seconds * RATE), dtype=np.float32)
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(asked.load)]
    try:
        plain = run(noisy, None, asked.slow_down)
        governed = run(noisy, asked.max_rtf, asked.slow_down)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    print(f"| | no governor | max_rtf {asked.max_rtf:g} |\n| --- | --- | --- |")
    positions = governed.pop("positions")
    if asked.log:
        rows = np.column_stack([np.arange(len(positions)), positions])
        np.savetxt(asked.log, rows, "%g", ",", header="hop,update_percent", comments="")
    for key in governed:
        print(f"| {key} | {plain[key]} | {governed[key]} |")


if __name__ == "__main__":
    main()
