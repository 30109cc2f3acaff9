"""Count how often the tests of `wheesht.statistics` are wrong, on simulated scores.

    python benchmarks/false_positive_rates.py [--runs N] [--json]

The scores look like PESQ: skewed, with ties (two decimals), a spread of 0.7 between clips, and two
settings whose scores of the same clip differ by little. `spread` below is the standard deviation
of that difference: about 0.1 between two settings of the dial, 0.2 to 0.4 between two programs.
Each figure is a share of the simulated studies; its standard error is at most 0.011 for 2000.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from wheesht.statistics import (
    Interval,
    binomial,
    crossed_interval,
    equivalence,
    holm,
    mann_whitney,
    mean_interval,
    paired_interval,
    wilcoxon,
)

LEVEL = 0.05
MARGIN = 0.05  # MOS
GAP = 0.13  # MOS; between P = 100 and P = 25 of the D-GRU paper's GRU
Pair = tuple[np.ndarray, np.ndarray]


def clips(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return what makes clips easy or hard: mean 2.0, spread 0.7, skewness 1.35."""
    return 1.0 + rng.gamma(2.2, 0.47, n)


def deviation(rng: np.random.Generator, n: int, spread: float) -> np.ndarray:
    """Return what a setting adds to each clip: mean 0, skewness 1."""
    return spread * (rng.gamma(4.0, 1.0, n) - 4.0) / 2.0


def paired(rng: np.random.Generator, n: int, spread: float, difference: float) -> Pair:
    """Return the scores of two settings on the same clips; `a` is `difference` higher."""
    base, each = clips(rng, n), spread / np.sqrt(2)
    a, b = (base + deviation(rng, n, each) for _ in range(2))
    return (a + difference).round(2), b.round(2)


def unpaired(rng: np.random.Generator, n: int) -> Pair:
    """Return the scores of one setting on two sets of clips."""
    return clips(rng, n).round(2), clips(rng, n).round(2)


def share(runs: int, trial: Callable[[np.random.Generator], bool]) -> float:
    """Return how often a trial says yes."""
    rng = np.random.default_rng(0)
    return sum(trial(rng) for _ in range(runs)) / runs


def false_findings(n: int, runs: int) -> Iterator[tuple[str, float, float]]:
    """Yield (what, expected share, share) of wrong findings where nothing is there to find."""

    def misses(rng: np.random.Generator) -> bool:
        interval = paired_interval(*paired(rng, n, 0.2, GAP), resamples=1000)
        return not interval.low <= GAP <= interval.high

    def misses_mean(rng: np.random.Generator) -> bool:
        interval = mean_interval(clips(rng, n), resamples=1000)
        return not interval.low <= 1.0 + 2.2 * 0.47 <= interval.high

    def equal(rng: np.random.Generator, spread: float) -> bool:
        return equivalence(*paired(rng, n, spread, MARGIN), MARGIN) < LEVEL

    yield (
        "Mann-Whitney, two-sided, other clips",
        LEVEL,
        share(runs, lambda rng: mann_whitney(*unpaired(rng, n)) < LEVEL),
    )
    yield (
        "Mann-Whitney, one-sided, other clips",
        LEVEL,
        share(runs, lambda rng: mann_whitney(*unpaired(rng, n), "greater") < LEVEL),
    )
    yield (
        "Mann-Whitney, two-sided, same clips",
        0.0,
        share(runs, lambda rng: mann_whitney(*paired(rng, n, 0.2, 0.0)) < LEVEL),
    )
    yield (
        "Wilcoxon, two-sided",
        LEVEL,
        share(runs, lambda rng: wilcoxon(*paired(rng, n, 0.2, 0.0)) < LEVEL),
    )
    yield "interval of the difference misses it", LEVEL, share(runs, misses)
    yield "interval of a mean misses it", LEVEL, share(runs, misses_mean)
    yield (
        "equivalence, difference = margin, spread 0.1",
        LEVEL,
        share(runs, lambda rng: equal(rng, 0.1)),
    )
    rng = np.random.default_rng(0)
    families = [six_wilcoxons(rng, n) for _ in range(runs)]
    holms, plain = (
        float(np.mean([np.any(correct(p) < LEVEL) for p in families]))
        for correct in (holm, np.array)
    )
    yield "any of 6 Wilcoxon tests, Holm's correction", LEVEL, holms
    yield "any of 6 Wilcoxon tests, no correction", LEVEL, plain


def six_wilcoxons(rng: np.random.Generator, n: int) -> list[float]:
    """Return the p-values of every pair of four settings that do not differ."""
    base = clips(rng, n)
    settings = [base + deviation(rng, n, 0.1) for _ in range(4)]
    return [wilcoxon(a, b) for a, b in combinations(settings, 2)]


def findings(n: int, runs: int) -> Iterator[tuple[str, float]]:
    """Yield (what, share) of right findings where there is something to find."""

    def p_of(test: Callable[..., float], spread: float, difference: float, *rest: object) -> float:
        return share(runs, lambda rng: test(*paired(rng, n, spread, difference), *rest) < LEVEL)

    yield f"Mann-Whitney finds {GAP}, spread 0.2", p_of(mann_whitney, 0.2, GAP)
    yield f"Wilcoxon finds {GAP}, spread 0.2", p_of(wilcoxon, 0.2, GAP)
    for spread in (0.1, 0.2, 0.35):
        name = f"equivalence shown, no difference, spread {spread}"
        yield name, p_of(equivalence, spread, 0.0, MARGIN)


def listening(runs: int) -> Iterator[tuple[str, float, float]]:
    """Yield (what, expected share, share) of wrong findings of listening tests.

    12 listeners rate 8 clips. What they say of two systems differs by nothing on the whole, but by
    6 from listener to listener and by 10 from answer to answer.
    """

    def ratings(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0, 6, (12, 1)) + rng.normal(0, 10, (12, 8))

    def different(x: np.ndarray) -> bool:
        return wilcoxon(x, np.zeros(len(x))) < LEVEL

    def preferred(x: np.ndarray) -> bool:
        return binomial(int(np.sum(x > 0.5)), int(np.sum(x != 0.5))) < LEVEL

    def outside(interval: Interval) -> bool:
        return not interval.low <= 0 <= interval.high

    trials: dict[str, Callable[[np.ndarray], bool]] = {
        "Wilcoxon over listeners": lambda x: different(x.mean(axis=1)),
        "Wilcoxon over all answers": lambda x: different(x.ravel()),
        "binomial over listeners": lambda x: preferred((x > 0).mean(axis=1)),
        "binomial over all answers": lambda x: preferred((x > 0).ravel().astype(float)),
        "interval over listeners and clips misses": lambda x: outside(
            crossed_interval(x, resamples=1000)
        ),
        "interval over all answers misses": lambda x: outside(
            mean_interval(x.ravel(), resamples=1000)
        ),
    }
    for what, trial in trials.items():
        rng = np.random.default_rng(0)
        yield what, LEVEL, float(np.mean([trial(ratings(rng)) for _ in range(runs)]))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wrong = {n: list(false_findings(n, arguments.runs)) for n in (150, 26)}
    right = {n: list(findings(n, arguments.runs)) for n in (150, 26)}
    heard = list(listening(arguments.runs))
    if arguments.json:
        print(json.dumps({"runs": arguments.runs, "wrong": wrong, "right": right, "heard": heard}))
        return
    print(f"{'share of wrong findings':46} ideal  150 clips  26 clips")
    for (what, ideal, large), (_, _, small) in zip(*wrong.values(), strict=True):
        print(f"{what:46} {ideal:5.3f}  {large:9.3f}  {small:8.3f}")
    print(f"\n{'share of right findings':46}        150 clips  26 clips")
    for (what, large), (_, small) in zip(*right.values(), strict=True):
        print(f"{what:46}        {large:9.3f}  {small:8.3f}")
    print(f"\n{'wrong findings of listening tests':46} ideal  12 listeners, 8 clips")
    for what, ideal, rate in heard:
        print(f"{what:46} {ideal:5.3f}  {rate:9.3f}")


if __name__ == "__main__":
    main()
