"""How often the tests are wrong, by simulation: the figures that docs/statistics.md quotes."""

import importlib.util
import math
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "false_positive_rates.py"
SPEC = importlib.util.spec_from_file_location("false_positive_rates", PATH)
simulation = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(simulation)

pytestmark = pytest.mark.slow

RUNS = 600
# Three standard errors of a share of 0.05 in 600 studies, 0.027: of sound tests one in 370 is
# outside (the seed is fixed, so none is outside by chance on another day); a test that is wrong in
# 10 % of the studies is outside in 97 of 100.
TOLERANCE = 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.fixture(scope="module", params=[150, 26])
def wrong(request):
    return {what: rate for what, _, rate in simulation.false_findings(request.param, RUNS)}


@pytest.fixture(scope="module")
def heard():
    return {what: rate for what, _, rate in simulation.listening(RUNS)}


@pytest.fixture(scope="module")
def right():
    return dict(simulation.findings(150, RUNS))


def test_tests_of_difference_find_nothing_in_nothing_but_five_percent(wrong):
    for what in ("Mann-Whitney, two-sided, other clips", "Mann-Whitney, one-sided, other clips"):
        assert abs(wrong[what] - 0.05) < TOLERANCE, what
    assert abs(wrong["Wilcoxon, two-sided"] - 0.05) < TOLERANCE


def test_the_unpaired_test_wastes_the_pairing(wrong, right):
    assert wrong["Mann-Whitney, two-sided, same clips"] < 0.005
    assert right["Mann-Whitney finds 0.13, spread 0.2"] < 0.5
    assert right["Wilcoxon finds 0.13, spread 0.2"] > 0.99


def test_intervals_miss_in_about_five_percent(wrong):
    # The bootstrap of 26 clips is a little narrow: 7 % in 2000 studies.
    assert 0.05 - TOLERANCE < wrong["interval of the difference misses it"] < 0.07 + TOLERANCE
    assert 0.05 - TOLERANCE < wrong["interval of a mean misses it"] < 0.07 + TOLERANCE


def test_equivalence_at_its_margin_is_claimed_in_at_most_five_percent(wrong):
    assert wrong["equivalence, difference = margin, spread 0.1"] < 0.05 + TOLERANCE


def test_equivalence_at_its_margin_is_not_claimed_too_rarely_either(wrong):
    assert wrong["equivalence, difference = margin, spread 0.1"] > 0.05 - TOLERANCE


def test_equivalence_is_shown_where_the_clips_allow_it(right):
    assert right["equivalence shown, no difference, spread 0.1"] > 0.99
    assert 0.75 < right["equivalence shown, no difference, spread 0.2"] < 0.95
    assert right["equivalence shown, no difference, spread 0.35"] < 0.2


def test_holm_keeps_the_family_and_no_correction_does_not(wrong):
    assert wrong["any of 6 Wilcoxon tests, Holm's correction"] < 0.05 + TOLERANCE
    assert wrong["any of 6 Wilcoxon tests, no correction"] > 0.05 + TOLERANCE


def test_answers_of_one_listener_are_not_taken_for_those_of_many(heard):
    assert abs(heard["Wilcoxon over listeners"] - 0.05) < TOLERANCE
    assert heard["Wilcoxon over all answers"] > 0.15
    assert heard["binomial over listeners"] < 0.05 + TOLERANCE  # coarse, so below its level
    assert heard["binomial over all answers"] > 0.1
    assert heard["interval over listeners and clips misses"] < 0.05 + TOLERANCE
    assert heard["interval over all answers misses"] > 0.15
