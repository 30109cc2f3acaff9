"""Holm's correction against the closed test that it shortens."""

from itertools import combinations

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics import binomial, holm


def closed_bonferroni(p):
    """Largest Bonferroni p-value over all sets of hypotheses that hold the one asked about."""
    sets = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    return [
        max(min(1.0, len(s) * min(p[k] for k in s)) for s in sets if i in s) for i in range(len(p))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_closed_test_with_bonferroni(seed):
    p = np.random.default_rng(seed).uniform(0, 0.6, 6).round(2)  # some are equal
    assert holm(p) == pytest.approx(closed_bonferroni(p), abs=1e-15)


def test_order_is_kept_and_nothing_falls_or_exceeds_one():
    p = np.array([0.9, 0.01, 0.5, 0.02, 0.02])
    adjusted = holm(p)
    assert adjusted.tolist() == pytest.approx([1.0, 0.05, 1.0, 0.08, 0.08])
    assert np.all(adjusted >= p)


def test_none_and_one_stay_as_they_are():
    assert holm([]).tolist() == []
    assert holm([0.04]).tolist() == [0.04]


@pytest.mark.parametrize("bad", [-0.01, 1.01])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ParameterError, match="needs p-values from 0 to 1"):
        holm([0.5, bad])


def test_missing_values_and_tables_are_refused():
    with pytest.raises(ParameterError, match="NaN"):
        holm([0.5, np.nan])
    with pytest.raises(ShapeError, match=r"holm: got shape \(1, 2\)"):
        holm([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("successes", "trials", "p"),
    [(0, 0, 1.0), (3, 6, 1.0), (6, 6, 2 / 64), (1, 6, 14 / 64), (5, 6, 14 / 64)],
)
def test_binomial_counts_the_coins_outcomes(successes, trials, p):
    assert binomial(successes, trials) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2)])
def test_binomial_refuses_impossible_counts(successes, trials):
    with pytest.raises(ParameterError, match=f"got {successes} of {trials}, needs 0 <= "):
        binomial(successes, trials)
