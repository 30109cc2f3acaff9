"""Score models on pairs of noisy and clean recordings, through the engine, with intervals.

    python benchmarks/quality.py FOLDER MODEL[:P[,P...]] ... [--jobs N] [--json FILE] [--limit N]

FOLDER holds ``noisy`` and ``clean`` with equal file names, 16 kHz. MODEL is a shipped name or a
bundle; without P its default update percentage is used. The unprocessed input is scored as the
model `noisy`. Means with 95 % bootstrap intervals over the files; differences between two
settings of one model are paired.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

import wheesht
from wheesht.metrics import METRICS

RESAMPLES, SEED = 10_000, 0
Scores = dict[str, float]


def settings_of(text: str) -> list[tuple[str, float | None]]:
    """Split ``MODEL:100,50`` into (model, P) pairs."""
    model, _, percents = text.partition(":")
    return [(model, float(p)) for p in percents.split(",")] if percents else [(model, None)]


def score_file(
    job: tuple[Path, Path, list[tuple[str, float | None]]],
) -> list[tuple[Scores, float]]:
    """Return scores and executed MACs per second of one file: noisy first, then each setting."""
    noisy_path, clean_path, settings = job
    noisy, rate = soundfile.read(noisy_path, dtype="float32")
    clean, clean_rate = soundfile.read(clean_path, dtype="float32")
    if rate != 16000 or clean_rate != rate or noisy.shape != clean.shape or noisy.ndim != 1:
        sys.exit(f"{noisy_path}: needs mono 16 kHz and a clean file of the same length")
    results = [({name: metric(clean, noisy, rate) for name, metric in METRICS.items()}, 0.0)]
    for model, percent in settings:
        with wheesht.Stream(model, update_percent=percent) as stream:
            enhanced = np.concatenate([stream.process(noisy), stream.flush()])
            macs = stream.stats()["executed_macs_per_second"]
        results.append(({n: metric(clean, enhanced, rate) for n, metric in METRICS.items()}, macs))
    return results


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean."""
    rng = np.random.default_rng(SEED)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def table(labels: list[str], scores: dict[str, np.ndarray], macs: np.ndarray) -> None:
    """Print a row for each label: mean and interval of each metric."""
    print(f"{'':24}{'MMAC/s':>8}" + "".join(f"{name:>27}" for name in METRICS))
    for i, label in enumerate(labels):
        cells = ""
        for name in METRICS:
            low, high = interval(scores[name][:, i])
            cells += f"{scores[name][:, i].mean():10.3f} [{low:6.3f}, {high:6.3f}]"
        print(f"{label:24}{macs[i] / 1e6:8.2f}{cells}")


def differences(
    settings: list[tuple[str, float | None]], labels: list[str], scores: dict[str, np.ndarray]
) -> None:
    """Print paired differences between neighbouring settings of the same model."""
    for (i, a), (k, b) in pairwise(enumerate(settings, start=1)):
        if a[0] != b[0]:
            continue
        cells = ""
        for name in METRICS:
            gap = scores[name][:, k] - scores[name][:, i]
            low, high = interval(gap)
            cells += f"{gap.mean():+10.3f} [{low:+6.3f}, {high:+6.3f}]"
        print(f"{labels[k] + ' - ' + labels[i]:32}{cells}")


def main() -> None:
    """Parse, score in parallel, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="score only the first files")
    parser.add_argument("--json", type=Path, help="also write the per-file scores here")
    arguments = parser.parse_args()
    settings = [pair for text in arguments.models for pair in settings_of(text)]
    names = sorted(p.name for p in (arguments.folder / "noisy").iterdir())[: arguments.limit]
    folders = [arguments.folder / kind for kind in ("noisy", "clean")]
    jobs = [(folders[0] / name, folders[1] / name, settings) for name in names]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(score_file, jobs, chunksize=4))
    labels = ["noisy"]
    for model, percent in settings:
        default = wheesht.Stream(model).update_percent
        labels.append(f"{Path(model).stem} P={default if percent is None else percent:g}")
    scores = {
        name: np.array([[scored[name] for scored, _ in row] for row in rows]) for name in METRICS
    }
    macs = np.array([[executed for _, executed in row] for row in rows]).mean(axis=0)
    print(f"{len(names)} files of {arguments.folder.name}")
    table(labels, scores, macs)
    differences(settings, labels, scores)
    if arguments.json:
        lists = {name: values.tolist() for name, values in scores.items()}
        arguments.json.write_text(json.dumps({"files": names, "labels": labels, **lists}))


if __name__ == "__main__":
    main()
