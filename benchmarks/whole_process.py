"""Wall time and peak memory of whole processes: import, a short file, an hour.

    python benchmarks/whole_process.py [--hour]

Medians of 7 runs, minimum in brackets; the hour is run once. Peak memory is the resident set of
the process as the kernel counts it. Everything is on one core, in a temporary folder.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RUNS = 7
RATE = 16000


# Run inside the measured process at its end: the high-water mark of its own address space. The
# resource usage that its parent sees would hold the parent's own peak.
TELL_PEAK = """
import atexit, sys
def tell():
    with open("/proc/self/status") as file:
        print([line.split()[1] for line in file if line.startswith("VmHWM")][0], file=sys.stderr)
atexit.register(tell)
"""


def run(code: str, arguments: list[str]) -> tuple[float, float]:
    """Return wall seconds and peak memory in MB of a Python process; it must succeed."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", TELL_PEAK + code, *arguments], capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{code} {' '.join(arguments)}: {done.stderr}")
    return seconds, int(done.stderr.split()[-1]) / 1024


def report(label: str, code: str, arguments: list[str], runs: int = RUNS) -> float:
    """Run a process several times and print a line; return the median seconds."""
    results = [run(code, arguments) for _ in range(runs)]
    seconds = sorted(r[0] for r in results)
    median = seconds[len(seconds) // 2]
    peak = max(r[1] for r in results)
    print(f"{label:34}{median:9.3f} s [{seconds[0]:.3f}]{peak:9.1f} MB")
    return median


def noise(path: Path, seconds: int) -> None:
    """Write noise with pauses, minute by minute."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
        for start in range(0, seconds, 60):
            n = RATE * min(60, seconds - start)
            envelope = np.sin(2 * np.pi * 3 * np.arange(n) / RATE) > 0
            file.write(0.1 * rng.standard_normal(n) * envelope)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hour", action="store_true", help="also a file of one hour")
    arguments = parser.parse_args()
    bare = report("python", "pass", [])
    numpy = report("python, import numpy", "import numpy", [])
    both = report("python, import numpy, wheesht", "import numpy, wheesht", [])
    print(f"{'':34}numpy {numpy - bare:+.3f} s, wheesht {both - numpy:+.3f} s")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        command = "from wheesht.cli.main import main; main()"
        enhance = ["enhance", "--overwrite", "-o", f"{folder}/out.wav"]
        source = Path(folder) / "in.wav"
        noise(source, 10)
        report("enhance 10 s at 16 kHz", command, [*enhance, str(source)])
        if arguments.hour:
            noise(source, 3600)
            seconds = report("enhance 1 h at 16 kHz", command, [*enhance, str(source)], runs=1)
            print(f"{'':34}{3600 / seconds:.0f} times real time")


if __name__ == "__main__":
    main()
