"""Comparisons of variants: direction, correction, verdicts."""

import numpy as np
import pytest
from synthetic_study import rows_of, values, write_study

from wheesht.evaluation.study import read_study
from wheesht.report.numbers.contrasts import (
    against_rivals,
    best,
    between,
    dial,
    gain,
    models,
    over_noisy,
)
from wheesht.report.numbers.peers import Peers, beside
from wheesht.report.numbers.scores import gather

SETTINGS = ("noisy", "gru:100", "gru:75", "gru:50")


def scores_of(tmp_path, **choices):
    rows = rows_of(**({"n": 30, "systems": SETTINGS} | choices))
    return rows, gather([read_study(write_study(tmp_path / "study", rows))])


def verdicts(scores, **choices):
    (settings,) = models(scores, "pairs").values()
    found = dial(scores, "pairs", "pesq_wb", settings, **({"margin": 0.05} | choices))
    pairs = [(c.first.update_percent, c.second.update_percent) for c in found]
    return dict(zip(pairs, (c.verdict for c in found), strict=True))


def test_pairs_come_as_in_the_paper_and_higher_minus_lower(tmp_path):
    rows, scores = scores_of(tmp_path, offsets={"gru:50": -0.3})
    (settings,) = models(scores, "pairs").values()
    found = dial(scores, "pairs", "pesq_wb", settings, 0.05)
    assert [(c.first.update_percent, c.second.update_percent) for c in found] == [
        (100, 75),
        (100, 50),
        (75, 50),
    ]
    high, low = (values(rows, "pairs", f"gru:{p}", "pesq_wb") for p in (100, 50))
    want = np.mean([high[clip] - low[clip] for clip in high])
    assert found[1].difference.mean == pytest.approx(want) and want > 0.25
    assert found[1].raw.p_mann_whitney_one_sided < 0.5 < 1 - found[1].raw.p_mann_whitney_one_sided


def test_p_values_are_corrected_over_the_pairs_of_one_model(tmp_path):
    stats = pytest.importorskip("scipy.stats")
    rows, scores = scores_of(tmp_path, offsets={"gru:50": -0.004, "gru:75": 0.003})
    (settings,) = models(scores, "pairs").values()
    found = dial(scores, "pairs", "pesq_wb", settings, 0.05)
    high, middle, low = (
        np.array(list(values(rows, "pairs", f"gru:{p}", "pesq_wb").values())) for p in (100, 75, 50)
    )
    raw = [stats.wilcoxon(a, b).pvalue for a, b in ((high, middle), (high, low), (middle, low))]
    order = np.argsort(raw)
    want, worst = [0.0] * 3, 0.0
    for i, k in enumerate(order):
        worst = max(worst, min(1.0, (3 - i) * raw[k]))
        want[k] = worst
    assert [c.raw.p_wilcoxon for c in found] == pytest.approx(raw)
    assert [c.p_wilcoxon for c in found] == pytest.approx(want)
    assert want != pytest.approx(raw)


def test_verdicts_tell_better_equal_and_undecided(tmp_path):
    _, scores = scores_of(tmp_path, offsets={"gru:50": -0.3, "gru:75": 0.0})
    assert verdicts(scores) == {(100, 75): "equal", (100, 50): "first", (75, 50): "first"}
    assert verdicts(scores, margin=1e-6)[100, 75] == "undecided"
    _, scores = scores_of(tmp_path, offsets={"gru:50": 0.3})
    assert verdicts(scores)[100, 50] == "second"


def test_one_setting_or_one_clip_leaves_nothing_to_compare(tmp_path):
    _, scores = scores_of(tmp_path, systems=("noisy", "gru:50"))
    assert verdicts(scores) == {}
    _, scores = scores_of(tmp_path, n=1)
    assert verdicts(scores) == {} and over_noisy(scores, "pairs", "pesq_wb", 0.05) == ()


def test_only_different_systems_are_compared_with_each_other(tmp_path):
    _, scores = scores_of(tmp_path, systems=("noisy", "gru:100", "gru:50", "other:100", "mine"))
    found = between(scores, "pairs", "pesq_wb", 0.05)
    assert [(c.first.label, c.second.label) for c in found] == [
        ("gru, P = 100", "other, P = 100"),
        ("gru, P = 100", "mine"),
        ("gru, P = 50", "other, P = 100"),
        ("gru, P = 50", "mine"),
        ("other, P = 100", "mine"),
    ]


def test_gains_are_over_the_unprocessed_input(tmp_path):
    rows, scores = scores_of(tmp_path)
    noisy, *others = scores.variants("pairs")
    before, after = (values(rows, "pairs", name, "estoi") for name in ("noisy", "gru:75"))
    want = {clip: after[clip] - before[clip] for clip in before}
    assert gain(scores, "pairs", others[1], "estoi") == pytest.approx(want)
    found = over_noisy(scores, "pairs", "pesq_wb", 0.05)
    assert [c.first for c in found] == others and {c.second for c in found} == {noisy}
    assert {c.verdict for c in found} == {"first"}


def test_gains_are_empty_without_the_unprocessed_input(tmp_path):
    _, scores = scores_of(tmp_path, systems=("gru:100", "gru:50"))
    assert gain(scores, "pairs", scores.variants("pairs")[0], "estoi") == {}
    assert over_noisy(scores, "pairs", "pesq_wb", 0.05) == ()


def test_best_needs_the_paired_test_against_every_other(tmp_path):
    _, scores = scores_of(tmp_path, offsets={"gru:75": 0.3})
    assert best(scores, "pairs", "pesq_wb").update_percent == 75
    _, scores = scores_of(tmp_path)  # three settings within noise of each other
    assert best(scores, "pairs", "pesq_wb") is None


def test_a_row_with_few_clips_takes_no_mark_from_the_best(tmp_path):
    rows = rows_of(n=12, systems=("noisy", "gru:100", "gru:50", "mine"), offsets={"gru:50": 0.3})
    rows = [r for r in rows if r["system"] != "mine" or r["clip"] < "pairs003"]
    scores = gather([read_study(write_study(tmp_path, rows))])
    assert best(scores, "pairs", "pesq_wb").update_percent == 50


def test_nothing_is_best_in_a_measure_without_direction(tmp_path):
    _, scores = scores_of(tmp_path)
    means = [scores.interval("pairs", v, "lufs").mean for v in scores.variants("pairs")]
    assert means[0] > max(means[1:]) + 0.5  # by far the loudest, but that is no merit
    assert best(scores, "pairs", "lufs") is None


def test_rivals_are_compared_with_ours_only(tmp_path):
    rows, scores = scores_of(tmp_path, systems=("noisy", "gru:100", "mine"))
    theirs = values(rows, "pairs", "gru:100", "pesq_wb")
    shifted = {c: {"pesq_wb": x + 0.2 + 0.001 * i} for i, (c, x) in enumerate(theirs.items())}
    both = beside(scores, Peers(tmp_path, {"pairs": {"strong": shifted, "weak": {}}}))
    found = against_rivals(both, "pairs", "pesq_wb", 0.05)
    assert [(c.first.name, c.second.name) for c in found] == [("gru", "strong"), ("mine", "strong")]
    assert found[0].difference.mean == pytest.approx(-0.2145) and found[0].verdict == "second"
