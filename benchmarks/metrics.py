"""Compare every metric with scores that other programs gave the same clips, and time it.

    python benchmarks/metrics.py $WHEESHT_DATA [--jobs N]

The other scores are the rows `noisy` of ``../peers/scores_<testset>.csv`` beside the corpus, for
SDR those of mir_eval. Times are CPU seconds for a clip of 10 s, each metric alone, one thread; the
last line takes all at once, sharing what they have in common.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from wheesht.data.testset import RATE, Clip, clips_of_table
from wheesht.data.testset_folders import clips_of_folder
from wheesht.metrics import METRICS, score

EXAMPLES = Path(__file__).parents[1] / "examples"
THEIR_COLUMN = {"si_sdr": "", "si_snr": "si_sdr"}  # theirs has the means removed
RUNS = 5


def score_clip(clip: Clip) -> dict[str, float]:
    """Return every score of the unprocessed clip, and mir_eval's SDR."""
    from mir_eval.separation import bss_eval_sources

    noisy, clean = clip.samples()
    values, errors = score(METRICS, clean, noisy, RATE)
    if errors or clean is None:
        raise SystemExit(f"{clip.name}: {errors}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mir_eval 0.9 will drop it
        pair = [x.astype(np.float64)[None] for x in (clean, noisy)]
        return values | {"mir_eval": float(bss_eval_sources(*pair, False)[0][0])}


def compare(name: str, clips: Iterable[Clip], table: Path, jobs: int) -> None:
    """Print the mean of each metric and the largest difference from the table."""
    clips = list(clips)
    with open(table, newline="") as file:
        known = {row["file"]: row for row in csv.DictReader(file) if row["peer"] == "noisy"}
    with ProcessPoolExecutor(jobs) as pool:
        rows = dict(zip([clip.name for clip in clips], pool.map(score_clip, clips), strict=True))
    print(f"\n{name}, {len(rows)} clips{'mean':>12}{'largest difference':>22}")
    for metric in METRICS:
        column = THEIR_COLUMN.get(metric, metric)
        if metric == "sdr":
            apart = [abs(row["sdr"] - row["mir_eval"]) for row in rows.values()]
        else:
            apart = [
                abs(row[metric] - float(known[clip][column]))
                for clip, row in rows.items()
                if column in known[clip]
            ]
        mean = np.mean([row[metric] for row in rows.values()])
        print(f"{metric:24}{mean:12.4f}" + (f"{max(apart):22.1e}" if apart else ""))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of some runs, after one to warm up."""
    times = []
    for _ in range(RUNS + 1):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times[1:])


def main() -> None:
    """Compare on both test sets, then time on the shipped example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the corpus")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    data, peers = arguments.data, arguments.data.parent / "peers"
    pairs = clips_of_folder(data / "vbd_demand")
    compare("vbd_demand", pairs, peers / "scores_vbd_demand.csv", arguments.jobs)
    mixed = clips_of_table(data / "testsets" / "dnslike.tsv", data)
    compare("dnslike", mixed, peers / "scores_dnslike.csv", arguments.jobs)

    clean, noisy = (
        soundfile.read(EXAMPLES / f"{name}.wav", dtype="float32")[0] for name in ("clean", "noisy")
    )
    print("\nCPU seconds for 10 s")
    for metric in METRICS.values():
        print(f"{metric.name:24}{cpu_seconds(lambda m=metric: m(clean, noisy, RATE)):8.3f}")
    print(f"{'all at once':24}{cpu_seconds(lambda: score(METRICS, clean, noisy, RATE)):8.3f}")


if __name__ == "__main__":
    main()
