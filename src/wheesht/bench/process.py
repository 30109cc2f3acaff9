"""What a fresh process costs: time to the first hop of output, and memory."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheesht.errors import StateError
from wheesht.spec.bundle import Bundle, write_bundle

STARTS = 7  # fresh processes of each kind, in turn, after one that brings files into memory
STREAMED_SECONDS = 5.0  # before the peak of memory is read
TIMEOUT_SECONDS = 120

# What the processes run. Each prints the clock, which all processes share, when it has got to its
# point, and then its peak: the high-water mark of its own address space, because the usage that
# the system reports for a child may hold the parent's peak.
TELL = """
import time
print(time.perf_counter_ns())
try:
    with open("/proc/self/status") as file:
        print([line.split()[1] for line in file if line.startswith("VmHWM")][0])
except OSError:
    print("")
"""
BARE = TELL
NUMPY = "import numpy" + TELL
FIRST_HOP = """
import sys
import numpy
import wheesht
stream = wheesht.Stream(sys.argv[1])
hop = numpy.zeros(int(sys.argv[2]), numpy.float32)
while not len(stream.process(hop)):
    pass
"""
STREAMED = FIRST_HOP + "for _ in range(int(sys.argv[3])): stream.process(hop)\n"


@dataclass(frozen=True)
class Fresh:
    """From the start of a process to its point, seconds; its peak of memory where told."""

    seconds: float
    peak_bytes: int | None


def fresh_process(code: str, *arguments: str) -> Fresh:
    """Run Python code in a new process with this interpreter, up to where it tells the time.

    Parameters
    ----------
    code : str
        Ends with `TELL`.
    *arguments : str
        Its ``sys.argv[1:]``.

    Raises
    ------
    StateError
        The process failed.
    """
    started = time.perf_counter_ns()
    done = run_to_the_end(
        [sys.executable, "-c", code, *arguments],
        f"a fresh process of {sys.executable}",
        TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise StateError(f"bench: a fresh process of {sys.executable} failed: {last}")
    ended, peak = done.stdout.split("\n")[-3:-1]
    return Fresh((int(ended) - started) / 1e9, int(peak) * 1024 if peak else None)


def run_to_the_end(
    command: Sequence[str], what: str, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Run a program and catch what it prints.

    Raises
    ------
    StateError
        It hangs.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise StateError(
            f"bench: {what} was not done after {seconds:g} s; the machine is too busy"
        ) from None


def measure_processes(models: Mapping[str, Bundle]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure cold start and memory of each model, and of Python and numpy alone.

    Parameters
    ----------
    models : mapping of str to Bundle

    Returns
    -------
    cold_start : dict
        Milliseconds from the start of a process: to its first statement (``python_ms``), with
        numpy imported (``numpy_ms``), and for each model to its first hop of output
        (``first_hop_ms``), of which ``own_ms`` is what comes on top of numpy. Medians; the files
        are in the page cache.
    memory : dict
        Bytes at the peak of a process (resident set), for each model while it streamed for some
        seconds; None where the system does not tell.

    Raises
    ------
    StateError
        A process failed.
    """
    with tempfile.TemporaryDirectory(prefix="wheesht-bench-") as folder:
        kinds: dict[str, tuple[str, ...]] = {"python": (BARE,), "numpy": (NUMPY,)}
        streamed: dict[str, tuple[str, ...]] = {}
        for i, (name, bundle) in enumerate(models.items()):
            path = Path(folder) / f"{i}.safetensors"
            write_bundle(path, bundle.spec, bundle.tensors)
            hop, hops = bundle.spec.front_end.hop_length, bundle.spec.frames_per_second
            kinds[f"model {name}"] = (FIRST_HOP + TELL, os.fspath(path), str(hop))
            count = str(round(STREAMED_SECONDS * hops))
            streamed[name] = (STREAMED + TELL, os.fspath(path), str(hop), count)
        found: dict[str, list[Fresh]] = {kind: [] for kind in kinds}
        for turn in range(STARTS + 1):
            for kind, command in kinds.items():
                fresh = fresh_process(*command)
                if turn > 0:  # the first brings the files into memory
                    found[kind].append(fresh)
        peaks = {name: fresh_process(*command).peak_bytes for name, command in streamed.items()}
    return _cold_start(found), _memory(found, peaks)


def _cold_start(found: Mapping[str, list[Fresh]]) -> dict[str, Any]:
    ms = {
        kind: 1e3 * statistics.median(fresh.seconds for fresh in starts)
        for kind, starts in found.items()
    }
    rows = [
        {
            "model": kind.removeprefix("model "),
            "first_hop_ms": round(value, 1),
            "own_ms": round(value - ms["numpy"], 1),
        }
        for kind, value in ms.items()
        if kind.startswith("model ")
    ]
    return {
        "starts": STARTS,
        "python_ms": round(ms["python"], 1),
        "numpy_ms": round(ms["numpy"], 1),
        "rows": rows,
    }


def _memory(found: Mapping[str, list[Fresh]], peaks: Mapping[str, int | None]) -> dict[str, Any]:
    def median(kind: str) -> int | None:
        told = [one.peak_bytes for one in found[kind] if one.peak_bytes is not None]
        return round(statistics.median(told)) if told else None

    numpy = median("numpy")
    rows = [
        {
            "model": name,
            "peak_bytes": peak,
            "own_bytes": None if peak is None or numpy is None else peak - numpy,
        }
        for name, peak in peaks.items()
    ]
    return {
        "seconds": STREAMED_SECONDS,
        "python_bytes": median("python"),
        "numpy_bytes": numpy,
        "rows": rows,
    }
