"""Which clips came out worst, and of which system that is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wheesht.report.numbers.contrasts import gain
from wheesht.report.numbers.scores import Scores, Variant


@dataclass(frozen=True)
class Bad:
    """A clip; `gain` is None where the unprocessed input was not scored."""

    testset: str
    clip: str
    score: float
    gain: float | None


def focus(scores: Scores, metric: str, testsets: Sequence[str]) -> Variant | None:
    """Return the variant with the highest mean over test sets, of models or else of folders.

    Its worst clips are the ones to learn from: those of weaker ones hold less news.
    """
    best: tuple[float, Variant] | None = None
    processed = [v for v in scores.all_variants if v.kind in ("model", "folder")]
    kinds = {variant.kind for variant in processed}
    for variant in processed:
        if "model" in kinds and variant.kind != "model":
            continue
        intervals = [scores.interval(testset, variant, metric) for testset in testsets]
        means = [interval.mean for interval in intervals if interval]
        if means and (best is None or np.mean(means) > best[0]):
            best = float(np.mean(means)), variant
    return best[1] if best else None


def worst(
    scores: Scores, variant: Variant, metric: str, testsets: Sequence[str], count: int
) -> tuple[tuple[Bad, ...], tuple[Bad, ...]]:
    """Return the clips with the lowest gain over the unprocessed input, and the lowest score.

    Parameters
    ----------
    scores : Scores
    variant : Variant
        Whose clips.
    metric : str
        Higher is better.
    testsets : sequence of str
        Searched together.
    count : int
        Most clips of each list.

    Returns
    -------
    by_gain, by_score : tuple of Bad
        Worst first; equal ones in the order of the study.
    """
    every = []
    for testset in testsets:
        gains = gain(scores, testset, variant, metric)
        for clip, score in scores.values(testset, variant, metric).items():
            every.append(Bad(testset, clip, score, gains.get(clip)))
    gained = [(one.gain, i) for i, one in enumerate(every) if one.gain is not None]
    by_gain = tuple(every[i] for _, i in sorted(gained)[:count])
    return by_gain, tuple(sorted(every, key=lambda one: one.score)[:count])
