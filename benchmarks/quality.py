"""Score models on a fixed test set, through the engine, with intervals.

    python benchmarks/quality.py SET MODEL[:P[,P...]] ... [--data DIR] [--jobs N] [--json FILE]

SET is a table (TSV, see wheesht.data.testset) whose paths are relative to DIR, or a folder that
holds ``noisy`` and ``clean`` with equal file names; 16 kHz. MODEL is a shipped name or a bundle;
without P its default update percentage is used. The unprocessed input is scored as the model
`noisy`. Means with 95 % bootstrap intervals over the clips; differences between neighbouring
settings are paired.
"""

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

import wheesht
from wheesht.data.testset import RATE, Clip, clips_of_folder, clips_of_table
from wheesht.metrics import METRICS

RESAMPLES, SEED = 10_000, 0
Scores = dict[str, float]
Setting = tuple[str, float | None]  # model, update percentage


def settings_of(text: str) -> list[Setting]:
    """Split ``MODEL:100,50`` into (model, P) pairs."""
    model, _, percents = text.partition(":")
    return [(model, float(p)) for p in percents.split(",")] if percents else [(model, None)]


def score_clip(job: tuple[Clip, list[Setting]]) -> list[tuple[Scores, float]]:
    """Return scores and executed MACs per second of a clip: noisy first, then each setting."""
    clip, settings = job
    noisy, clean = clip.samples()
    results = [({name: metric(clean, noisy, RATE) for name, metric in METRICS.items()}, 0.0)]
    for model, percent in settings:
        with wheesht.Stream(model, update_percent=percent) as stream:
            enhanced = np.concatenate([stream.process(noisy), stream.flush()])
            macs = stream.stats()["executed_macs_per_second"]
        results.append(({n: metric(clean, enhanced, RATE) for n, metric in METRICS.items()}, macs))
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


def differences(labels: list[str], scores: dict[str, np.ndarray]) -> None:
    """Print paired differences between neighbouring settings."""
    for i, k in pairwise(range(1, len(labels))):
        cells = ""
        for name in METRICS:
            gap = scores[name][:, k] - scores[name][:, i]
            low, high = interval(gap)
            cells += f"{gap.mean():+10.3f} [{low:+6.3f}, {high:+6.3f}]"
        print(f"{labels[k] + ' - ' + labels[i]:32}{cells}")


def main() -> None:
    """Parse, score in parallel, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("WHEESHT_DATA", ".")))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="score only the first clips")
    parser.add_argument("--json", type=Path, help="also write the scores of every clip here")
    arguments = parser.parse_args()
    settings = [pair for text in arguments.models for pair in settings_of(text)]
    if arguments.set.is_dir():
        clips = list(clips_of_folder(arguments.set))
    else:
        clips = list(clips_of_table(arguments.set, arguments.data))
    clips = clips[: arguments.limit]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(score_clip, [(clip, settings) for clip in clips], chunksize=4))
    labels = ["noisy"]
    for model, percent in settings:
        default = wheesht.Stream(model).update_percent
        labels.append(f"{Path(model).stem} P={default if percent is None else percent:g}")
    scores = {
        name: np.array([[scored[name] for scored, _ in row] for row in rows]) for name in METRICS
    }
    macs = np.array([[executed for _, executed in row] for row in rows]).mean(axis=0)
    print(f"{len(clips)} clips of {arguments.set.stem}")
    table(labels, scores, macs)
    differences(labels, scores)
    if arguments.json:
        document = {"clips": [clip.name for clip in clips], "labels": labels}
        document |= {name: values.tolist() for name, values in scores.items()}
        arguments.json.write_text(json.dumps(document))


if __name__ == "__main__":
    main()
