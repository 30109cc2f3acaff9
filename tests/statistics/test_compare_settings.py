"""Comparisons hold what the single tests say, pair by pair."""

import math
import subprocess
import sys

import numpy as np
import pytest

from wheesht.errors import MissingDependency, ParameterError, ShapeError
from wheesht.statistics import (
    binomial,
    compare,
    compare_all,
    equivalence,
    holm,
    mann_whitney,
    paired_interval,
    wilcoxon,
)

TESTS = ("p_mann_whitney", "p_mann_whitney_one_sided", "p_wilcoxon", "p_equivalence")


@pytest.fixture
def named():
    rng = np.random.default_rng(0)
    base = 1 + rng.gamma(2.2, 0.47, 40)
    shift = {"P=100": 0.0, "P=75": 0.04, "P=50": -0.01, "P=25": -0.13}
    return {name: base + d + rng.normal(0, 0.1, 40) for name, d in shift.items()}


def test_compare_is_the_single_tests_of_a_against_b(named):
    a, b = named["P=100"], named["P=25"]
    result = compare(a, b, margin=0.05)
    assert result.difference == paired_interval(a, b)
    assert result.p_mann_whitney == mann_whitney(a, b)
    assert result.p_mann_whitney_one_sided == mann_whitney(a, b, "greater")
    assert result.p_wilcoxon == wilcoxon(a, b)
    assert result.p_equivalence == equivalence(a, b, 0.05)
    assert len({getattr(result, test) for test in TESTS}) == 4


def test_compare_all_holds_every_pair_in_the_papers_order(named):
    result = compare_all(named, margin=0.05)
    assert result.names == tuple(named) and result.margin == 0.05
    wanted = ["100-75", "100-50", "100-25", "75-50", "75-25", "50-25"]
    assert [f"{a}-{b}".replace("P=", "") for a, b in result.pairs] == wanted
    for (a, b), row in zip(result.pairs, result.raw, strict=True):
        assert row == compare(named[a], named[b], 0.05)


@pytest.mark.parametrize("test", TESTS)
def test_corrected_is_holms_over_the_pairs_and_leaves_the_difference(named, test):
    result = compare_all(named, margin=0.05)
    expected = holm([getattr(row, test) for row in result.raw])
    assert [getattr(row, test) for row in result.corrected] == expected.tolist()
    assert [r.difference for r in result.corrected] == [r.difference for r in result.raw]


@pytest.mark.parametrize("corrected", [False, True])
def test_the_matrix_has_the_pairs_above_its_diagonal(named, corrected):
    result = compare_all(named, margin=0.05)
    table = result.matrix("p_wilcoxon", corrected)
    rows = result.corrected if corrected else result.raw
    for (a, b), row in zip(result.pairs, rows, strict=True):
        assert table[result.names.index(a), result.names.index(b)] == row.p_wilcoxon
    assert np.isnan(table[np.tril_indices(4)]).all()


def test_equal_settings_are_equivalent_and_not_different():
    scores = np.linspace(1.2, 4.0, 20)
    result = compare(scores, scores.copy(), margin=0.05)
    assert (result.p_mann_whitney, result.p_wilcoxon, result.p_equivalence) == (1.0, 1.0, 0.0)
    assert (result.difference.low, result.difference.high) == (0.0, 0.0)


def test_wrong_use_is_refused(named):
    with pytest.raises(ShapeError, match=r"compare_all: got 1 setting\(s\), needs two or more"):
        compare_all({"only": [1.0, 2.0]}, margin=0.05)
    with pytest.raises(ParameterError, match="got 'p_t', needs one of p_mann_whitney, "):
        compare_all(named, margin=0.05).matrix("p_t")
    with pytest.raises(ShapeError, match="compare: got 3 and 2 values"):
        compare([1.0, 2.0, 3.0], [1.0, 2.0], margin=0.05)
    with pytest.raises(ShapeError, match=r"compare: got 1 value\(s\), needs at least 2"):
        compare([1.0], [2.0], margin=0.05)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mann_whitney([1.0], [2.0]),
        lambda: wilcoxon([1.0], [2.0]),
        lambda: equivalence([1.0, 2.0], [2.0, 2.5], 0.05),
        lambda: binomial(1, 2),
    ],
)
def test_without_scipy_the_sentence_says_what_to_install(monkeypatch, call):
    for name in ("scipy", "scipy.stats", "scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=r"needs: pip install 'wheesht\[eval\]'"):
        call()


def test_importing_and_intervals_do_not_load_scipy():
    code = (
        "import sys; from wheesht.statistics import mean_interval, holm; mean_interval([1, 2]);"
        "holm([0.1]); sys.exit('scipy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_clip_more_than_none_is_a_mean_without_interval():
    assert math.isnan(paired_interval([1.0], [2.0]).low)
