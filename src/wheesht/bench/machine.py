"""The machine: its name, and keeping to one of its cores."""

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

LOOK_SECONDS = 0.2  # how long the cores are watched before one is chosen


def machine() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def load_average() -> float | None:
    """Return how many processes wanted to run in the last minute, None where that is not told."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


@contextlib.contextmanager
def one_core() -> Iterator[int | None]:
    """Keep this thread, and all that it starts, on the idlest core that it may use.

    Gives the core's number, or None where a thread cannot be kept to one. The cores of before are
    given back at the end.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = os.sched_getaffinity(0)
    core = idlest(before)
    try:
        os.sched_setaffinity(0, {core})
    except OSError:  # a sandbox may forbid it
        yield None
        return
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def idlest(cores: set[int]) -> int:
    """Return the core that idled longest over a short look; the last one where all did."""
    before = _idle_ticks()
    if len(cores) > 1:
        time.sleep(LOOK_SECONDS)
    after = _idle_ticks()
    return max(cores, key=lambda core: (after.get(core, 0) - before.get(core, 0), core))


def _idle_ticks() -> dict[int, int]:
    """Return the idle time of each core so far, in the kernel's ticks; empty outside Linux."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return {}
    rows = [line.split() for line in stat.read_text().splitlines()]
    numbered = [row for row in rows if row and row[0][:3] == "cpu" and row[0][3:].isdigit()]
    return {int(row[0][3:]): int(row[4]) for row in numbered}
