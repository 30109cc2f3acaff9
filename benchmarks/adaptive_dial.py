"""Compare dials that follow the signal with a fixed one at the same mean P.

    python benchmarks/adaptive_dial.py $WHEESHT_DATA/testsets/valid.tsv --data $WHEESHT_DATA \
        [--model default,gru] [--update-percent 50,35] [--jobs N]

Choose settings on the validation table only. Two rows show what a dial's information is worth:
`shuffled` has the positions of `flux` of each clip in random order, so that P varies as much and
follows nothing; `clean` follows the level of the clean speech, which no program can know.
Differences from `fixed` are means over clips with their paired 95 % interval.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import argparse
import functools
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from wheesht import Stream
from wheesht.data.testset import RATE, Clip, clips_of_table
from wheesht.engine.loading import load_model
from wheesht.metrics import METRICS, score
from wheesht.reference.ops import DialState, turn_dial
from wheesht.spec.model_spec import ModelSpec

MEASURES = {name: METRICS[name] for name in ("pesq_wb", "estoi", "si_sdr")}
DIALS = ("fixed", "level", "flux", "shuffled", "clean")


def level_of_clean(clean: np.ndarray, percent: float, spec: ModelSpec) -> np.ndarray:
    """Return P per hop from the log power of the clean speech in each frame."""
    hop, limits = spec.front_end.hop_length, spec.update_percent
    whole = clean[: len(clean) // hop * hop].astype(np.float64)
    power = np.pad(whole**2, (hop, 0)).reshape(-1, hop).sum(axis=1)
    level, state = np.log(power[1:] + power[:-1] + 1e-8), DialState()
    return np.array([turn_dial(state, d, percent, limits.min, limits.max) for d in level])


def enhance(
    model: str, noisy: np.ndarray, percent: float, dial: str, positions: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the enhanced clip and P per hop; `positions` set P by hand."""
    with Stream(model, RATE, update_percent=percent, dial=dial) as stream:
        if positions is None:
            parts = [stream.process(noisy)]
        else:
            parts, hop = [], stream.spec.front_end.hop_length
            for t, position in enumerate(positions):
                stream.update_percent = position
                parts.append(stream.process(noisy[t * hop : (t + 1) * hop]))
            parts.append(stream.process(noisy[len(positions) * hop :]))
        stream.update_percent = percent
        return np.concatenate([*parts, stream.flush()]), stream.dial_positions()[0]


def score_clip(model: str, percent: float, clip: Clip) -> np.ndarray:
    """Return mean P and every measure, one row per dial."""
    noisy, clean = clip.samples()
    if clean is None:
        raise SystemExit(f"{clip.name}: needs clean speech")
    spec = load_model(model).spec
    hop = spec.front_end.hop_length
    _, flux = enhance(model, noisy, percent, "flux", None)
    by_hand = {
        "shuffled": np.random.default_rng(0).permutation(flux[: len(noisy) // hop]),
        "clean": level_of_clean(clean, percent, spec),
    }
    rows = []
    for dial in DIALS:
        own = "fixed" if dial in by_hand else dial
        enhanced, positions = enhance(model, noisy, percent, own, by_hand.get(dial))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PESQ of clips without speech
            values, errors = score(MEASURES, clean, enhanced, RATE)
        if errors:
            raise SystemExit(f"{clip.name}: {errors}")
        rows.append([positions.mean(), *(values[name] for name in MEASURES)])
    return np.array(rows)


def report(model: str, percent: float, scores: np.ndarray) -> None:
    """Print the table of one model; `scores` has shape (clips, dials, 1 + measures)."""
    from wheesht.statistics import paired_interval

    print(f"\n{model}, P = {percent:g}, {len(scores)} clips\n")
    print("| dial | mean P (per clip) | " + " | ".join(MEASURES) + " |")
    print("| --- " * (2 + len(MEASURES)) + "|")
    for k, dial in enumerate(DIALS):
        own, fixed = scores[:, k], scores[:, 0]
        cells = [f"{own[:, 0].mean():.2f} ({own[:, 0].min():.1f} to {own[:, 0].max():.1f})"]
        for i in range(1, 1 + len(MEASURES)):
            gain = paired_interval(own[:, i], fixed[:, i])
            difference = f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
            cells.append(f"{own[:, i].mean():.4f}" if dial == "fixed" else difference)
        print(f"| {dial} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option("table", type=Path, help="test set of clips with clean speech: a table (TSV)")
    option(
        "--data",
        type=Path,
        required=True,
        default=argparse.SUPPRESS,
        help="folder that the table's paths are relative to",
    )
    option("--model", default="default,gru", help="shipped names or bundles, by commas")
    option(
        "--update-percent",
        default="50,35",
        help="means that P keeps, percent, by commas; at a limit of a model its P stands still",
    )
    option("--jobs", type=int, default=1, help="processes that share the clips")
    asked = parser.parse_args()
    clips = list(clips_of_table(asked.table, asked.data))
    with ProcessPoolExecutor(asked.jobs) as pool:
        for model in asked.model.split(","):
            for percent in map(float, asked.update_percent.split(",")):
                work = functools.partial(score_clip, model, percent)
                report(model, percent, np.array(list(pool.map(work, clips))))


if __name__ == "__main__":
    sys.exit(main())
