"""The tests of difference against SciPy, the formulas of the textbooks, and plain counting."""

import math
import warnings
from itertools import combinations, product

import numpy as np
import pytest
import scipy.stats

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics import mann_whitney, wilcoxon

ALTERNATIVES = ("two-sided", "greater", "less")
FORMULA = 1e-12  # relative; the same numbers added in another order
COUNTED = 1e-12


def scores(n, seed, shift=0.0):
    """Scores that look like PESQ: skewed, two decimals, many ties."""
    rng = np.random.default_rng(seed)
    return (1 + rng.gamma(2.2, 0.47, n) + shift).round(2)


def mid_ranks(x):
    """Ranks from 1; equal values share the mean of theirs."""
    return np.array([np.sum(x < value) + (np.sum(x == value) + 1) / 2 for value in x])


def tie_term(x):
    """Sum of t^3 - t over the groups of t equal values."""
    return sum(t**3 - t for t in np.unique(x, return_counts=True)[1])


def upper_tail(z):
    return math.erfc(z / math.sqrt(2)) / 2


def normal_mann_whitney(a, b, alternative):
    """Equation of section 9.7 of the evaluation rules, with a continuity correction of 0.5."""
    n1, n2, both = len(a), len(b), np.concatenate([a, b])
    n = n1 + n2
    u = mid_ranks(both)[:n1].sum() - n1 * (n1 + 1) / 2
    spread = math.sqrt(n1 * n2 / 12 * (n + 1 - tie_term(both) / (n * (n - 1))))
    above, below = (upper_tail((d - 0.5) / spread) for d in (u - n1 * n2 / 2, n1 * n2 / 2 - u))
    both_sides = min(1.0, 2 * min(above, below))
    return {"two-sided": both_sides, "greater": above, "less": below}[alternative]


def normal_wilcoxon(a, b, alternative):
    """Sum of the ranks of positive differences, zeros left out, no continuity correction."""
    d = (a - b)[a != b]
    n, size = len(d), np.abs(d)
    positive = mid_ranks(size)[d > 0].sum()
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - tie_term(size) / 48)
    z = (positive - n * (n + 1) / 4) / spread
    both_sides = 2 * upper_tail(abs(z))
    return {"two-sided": both_sides, "greater": upper_tail(z), "less": upper_tail(-z)}[alternative]


def tails(value, all_values, alternative):
    """Share of equally likely outcomes at least as extreme."""
    above = np.mean(all_values >= value - 1e-9)
    below = np.mean(all_values <= value + 1e-9)
    return {"two-sided": min(1.0, 2 * min(above, below)), "greater": above, "less": below}[
        alternative
    ]


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 8), (8, 30), (26, 26), (150, 149)])
def test_mann_whitney_is_scipys_to_the_last_digit(n, m, alternative):
    a, b = scores(n, 0), scores(m, 1, shift=0.1)
    ours = mann_whitney(a, b, alternative)
    assert ours == scipy.stats.mannwhitneyu(a, b, alternative=alternative).pvalue


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("n", [2, 7, 26, 51, 150])
def test_wilcoxon_is_scipys_to_the_last_digit(n, alternative):
    a, b = scores(n, 0), scores(n, 1, shift=0.1)
    assert wilcoxon(a, b, alternative) == scipy.stats.wilcoxon(a, b, alternative=alternative).pvalue


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("n", "m", "shift"), [(150, 150, 0.13), (26, 26, -0.3), (9, 150, 0.0)])
def test_mann_whitney_is_the_textbooks_normal_approximation(n, m, shift, alternative):
    a, b = scores(n, 2, shift), scores(m, 3)
    assert len(np.unique(np.concatenate([a, b]))) < n + m, "the tie correction must matter"
    expected = normal_mann_whitney(a, b, alternative)
    assert mann_whitney(a, b, alternative) == pytest.approx(expected, rel=FORMULA)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("seed", range(3))
def test_wilcoxon_is_the_textbooks_normal_approximation(seed, alternative):
    rng = np.random.default_rng(seed)
    a = scores(150, 2)
    b = a + rng.integers(-30, 34, 150) / 64  # ties of exact size, some clips equal
    expected = normal_wilcoxon(a, b, alternative)
    assert wilcoxon(a, b, alternative) == pytest.approx(expected, rel=FORMULA)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("seed", range(4))
def test_mann_whitney_of_few_clips_counts_every_split(seed, alternative):
    both = np.random.default_rng(seed).permutation(9) + 0.5
    statistics = np.array([sum(split) for split in combinations(both, 4)])
    ours = mann_whitney(both[:4], both[4:], alternative)
    assert ours == pytest.approx(tails(both[:4].sum(), statistics, alternative), abs=COUNTED)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
def test_wilcoxon_of_few_clips_counts_every_choice_of_signs(ties, alternative):
    rng = np.random.default_rng(5)
    size = np.array([1, 1, 2, 3, 3, 3, 4, 8]) if ties else np.arange(1.0, 9.0)
    d = size * rng.choice([-1, 1], 8, p=[0.25, 0.75])
    ranks = mid_ranks(np.abs(d))
    statistics = np.array([np.dot(ranks, signs) for signs in product([0, 1], repeat=8)])
    ours = wilcoxon(d, np.zeros(8), alternative)
    expected = tails(ranks[d > 0].sum(), statistics, alternative)
    assert ours == pytest.approx(expected, abs=COUNTED)


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
@pytest.mark.parametrize("n", [1, 3, 60])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_equal_scores_give_one_and_no_warning(test, n, alternative):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert test(np.full(n, 2.5), np.full(n, 2.5), alternative) == 1.0


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
def test_greater_means_that_the_first_is_higher(test):
    low = scores(40, 7)
    high = low + 0.5
    assert test(high, low, "greater") < 0.01 < 0.99 < test(low, high, "greater")
    assert test(high, low, "greater") == test(low, high, "less")


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
def test_an_unknown_alternative_is_refused(test):
    with pytest.raises(ParameterError, match=r"got alternative 'both', needs one of two-sided"):
        test([1.0, 2.0], [2.0, 3.0], "both")


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused_with_its_place(test, bad):
    with pytest.raises(ParameterError, match=r"1 of 3 values are NaN or Inf, the first at index 1"):
        test([1.0, 2.0, 3.0], [1.0, bad, 3.0])


@pytest.mark.parametrize("test", [mann_whitney, wilcoxon])
@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], 3.0], ids=["empty", "table", "number"])
def test_other_shapes_are_refused(test, bad):
    with pytest.raises(ShapeError, match=rf"{test.__name__}: got .*needs"):
        test(bad, bad)


def test_wilcoxon_needs_the_same_clips_and_mann_whitney_does_not():
    with pytest.raises(ShapeError, match=r"got 3 and 4 values, needs the scores of the same clips"):
        wilcoxon([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0])
    assert mann_whitney([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]) > 0.5
