"""Which of two variants is better: paired comparisons on the same clips, and what they allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from wheesht.metrics import METRICS
from wheesht.report.numbers.scores import Scores, Variant
from wheesht.statistics import (
    Comparison,
    Interval,
    compare,
    compare_all,
    holm,
    wilcoxon,
)

LEVEL = 0.05  # of every test; 5 percent as in the D-GRU paper
LEAST_PAIRS = 2  # clips; below that nothing can be tested
# Share of a test set's clips; a row with fewer is no judge of what is best: a handful of clips can
# never show a difference, and would take the mark from a row that beats all the others.
ENOUGH_FOR_BEST = 0.8


@dataclass(frozen=True)
class Contrast:
    """Variant `first` minus variant `second` on the clips that both have.

    `p_wilcoxon` and `p_equivalence` are Holm's over the family that the contrast was made in;
    `raw` holds all tests without correction.
    """

    first: Variant
    second: Variant
    n: int
    raw: Comparison
    p_wilcoxon: float
    p_equivalence: float

    @property
    def difference(self) -> Interval:
        """Mean of first minus second, and its 95 % paired bootstrap interval."""
        return self.raw.difference

    @property
    def differs(self) -> bool:
        """Whether the paired test and the interval of the mean both speak of a difference."""
        away_from_zero = self.difference.low > 0 or self.difference.high < 0
        return self.p_wilcoxon < LEVEL and away_from_zero

    @property
    def is_equivalent(self) -> bool:
        """Whether the mean difference has been shown to lie within the margin."""
        return self.p_equivalence < LEVEL

    @property
    def verdict(self) -> str:
        """``first``, ``second``, ``equal`` or ``undecided``; see `differs` and `is_equivalent`."""
        if self.differs:
            return "first" if self.difference.mean > 0 else "second"
        return "equal" if self.is_equivalent else "undecided"


def models(scores: Scores, testset: str) -> dict[str, tuple[Variant, ...]]:
    """Return the settings of each model on a test set, highest update percentage first."""
    found: dict[str, tuple[Variant, ...]] = {}
    for variant in scores.variants(testset):
        if variant.kind == "model":
            found[variant.name] = (*found.get(variant.name, ()), variant)
    return found


def dial(
    scores: Scores, testset: str, metric: str, settings: Sequence[Variant], margin: float
) -> tuple[Contrast, ...]:
    """Compare every pair of settings of one model on the clips that all of them have.

    Returns
    -------
    tuple of Contrast
        In the order of the D-GRU paper's Table 2, corrected over these pairs; empty for one
        setting or fewer than two clips.
    """
    if len(settings) < 2:
        return ()
    clips, values = scores.paired(testset, metric, settings)
    if len(clips) < LEAST_PAIRS:
        return ()
    names = [str(i) for i in range(len(settings))]
    found = compare_all(dict(zip(names, values, strict=True)), margin)
    return tuple(
        Contrast(
            settings[int(a)],
            settings[int(b)],
            len(clips),
            raw,
            corrected.p_wilcoxon,
            corrected.p_equivalence,
        )
        for (a, b), raw, corrected in zip(found.pairs, found.raw, found.corrected, strict=True)
    )


def between(scores: Scores, testset: str, metric: str, margin: float) -> tuple[Contrast, ...]:
    """Compare every two variants of different systems, all but the unprocessed input.

    Returns
    -------
    tuple of Contrast
        Corrected over these pairs; a pair with fewer than two common clips is left out.
    """
    variants = [v for v in scores.variants(testset) if v.kind != "noisy"]
    pairs = [(a, b) for a, b in combinations(variants, 2) if a.name != b.name]
    return of_pairs(scores, testset, metric, pairs, margin)


def over_noisy(scores: Scores, testset: str, metric: str, margin: float) -> tuple[Contrast, ...]:
    """Compare every variant with the unprocessed input, corrected over these pairs."""
    noisy = scores.noisy(testset)
    if noisy is None:
        return ()
    pairs = [(variant, noisy) for variant in scores.variants(testset) if variant != noisy]
    return of_pairs(scores, testset, metric, pairs, margin)


def against_rivals(
    scores: Scores, testset: str, metric: str, margin: float
) -> tuple[Contrast, ...]:
    """Compare every variant of ours with every rival, corrected over these pairs."""
    variants = scores.variants(testset)
    ours = [variant for variant in variants if variant.kind in ("model", "folder")]
    rivals = [variant for variant in variants if variant.kind == "rival"]
    pairs = [(mine, rival) for mine in ours for rival in rivals]
    return of_pairs(scores, testset, metric, pairs, margin)


def gain(scores: Scores, testset: str, variant: Variant, metric: str) -> dict[str, float]:
    """Return score minus that of the unprocessed input, by clip; empty where that is missing."""
    noisy = scores.noisy(testset)
    if noisy is None:
        return {}
    clips, (mine, before) = scores.paired(testset, metric, (variant, noisy))
    return dict(zip(clips, (mine - before).tolist(), strict=True))


def best(scores: Scores, testset: str, metric: str) -> Variant | None:
    """Return the variant that is better than every other on the same clips, if one is.

    Its mean is higher than that of each other one on the clips that the two have, and the paired
    Wilcoxon test, corrected over all the others, finds it better. Variants that have less than
    `ENOUGH_FOR_BEST` of the clips are left out. No variant is best in a metric without a better
    direction.
    """
    if metric not in METRICS or not METRICS[metric].better:
        return None
    enough = max(LEAST_PAIRS, ENOUGH_FOR_BEST * len(scores.clips[testset]))
    variants = [
        v for v in scores.variants(testset) if len(scores.values(testset, v, metric)) >= enough
    ]
    if len(variants) < 2:
        return None
    for variant in variants:
        pairs = [scores.paired(testset, metric, (variant, v))[1] for v in variants if v != variant]
        if all(pair.shape[1] >= LEAST_PAIRS and np.mean(pair[0] - pair[1]) > 0 for pair in pairs):
            p_values = holm([wilcoxon(pair[0], pair[1]) for pair in pairs])
            return variant if np.all(p_values < LEVEL) else None
    return None


def of_pairs(
    scores: Scores,
    testset: str,
    metric: str,
    pairs: Sequence[tuple[Variant, Variant]],
    margin: float,
) -> tuple[Contrast, ...]:
    """Compare pairs of variants, each on the clips that both have, corrected over these pairs.

    A pair with fewer than two common clips is left out.
    """
    found: list[tuple[Variant, Variant, int, Comparison]] = []
    for first, second in pairs:
        clips, values = scores.paired(testset, metric, (first, second))
        if len(clips) >= LEAST_PAIRS:
            found.append((first, second, len(clips), compare(values[0], values[1], margin)))
    wilcoxons = holm([raw.p_wilcoxon for *_, raw in found])
    equivalences = holm([raw.p_equivalence for *_, raw in found])
    return tuple(
        Contrast(*one, p_wilcoxon=float(p), p_equivalence=float(q))
        for one, p, q in zip(found, wilcoxons, equivalences, strict=True)
    )
