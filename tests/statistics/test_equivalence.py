"""The equivalence test against SciPy's t tests and its own interval."""

import numpy as np
import pytest
import scipy.stats

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics import equivalence

ROUNDING = 1e-12  # relative; the t distribution by another function of SciPy


def pair(n, difference, seed=0):
    rng = np.random.default_rng(seed)
    b = 1 + rng.gamma(2.2, 0.47, n)
    return b + difference + rng.normal(0, 0.1, n), b


@pytest.mark.parametrize("n", [2, 26, 150])
@pytest.mark.parametrize("difference", [-0.06, -0.02, 0.0, 0.03, 0.5])
def test_p_is_the_larger_of_two_t_tests(n, difference):
    a, b = pair(n, difference)
    against_low = scipy.stats.ttest_1samp(a - b, -0.05, alternative="greater").pvalue
    against_high = scipy.stats.ttest_1samp(a - b, 0.05, alternative="less").pvalue
    assert equivalence(a, b, 0.05) == pytest.approx(max(against_low, against_high), rel=ROUNDING)


@pytest.mark.parametrize("seed", range(20))
def test_it_says_yes_exactly_when_the_90_percent_interval_is_inside(seed):
    a, b = pair(26, 0.01 * (seed % 5), seed)
    interval = scipy.stats.ttest_rel(a, b).confidence_interval(0.90)
    inside = -0.05 < interval.low and interval.high < 0.05
    assert (equivalence(a, b, 0.05) < 0.05) == inside


def test_the_order_of_the_two_does_not_matter():
    a, b = pair(26, 0.03)
    assert equivalence(a, b, 0.05) == pytest.approx(equivalence(b, a, 0.05), rel=ROUNDING)


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, 0.0), (0.25, 0.0), (0.5, 1.0), (-0.5, 1.0), (0.75, 1.0)]
)
def test_equal_differences_are_judged_by_their_size(difference, expected):
    b = np.arange(1.0, 6.0)
    assert equivalence(b + difference, b, 0.5) == expected


@pytest.mark.parametrize("margin", [0.0, -0.05, np.nan, np.inf])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(ParameterError, match=r"got margin .*needs a positive number"):
        equivalence([1.0, 2.0], [1.0, 2.5], margin)


def test_one_clip_and_unequal_lengths_are_refused():
    with pytest.raises(ShapeError, match=r"equivalence: got 1 value\(s\), needs at least 2"):
        equivalence([1.0], [1.0], 0.05)
    with pytest.raises(ShapeError, match="equivalence: got 3 and 2 values"):
        equivalence([1.0, 2.0, 3.0], [1.0, 2.0], 0.05)
