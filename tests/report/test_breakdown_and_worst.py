"""Gains by SNR and noise, and the order of the worst clips."""

import pytest
from synthetic_study import rows_of, values, write_study

from wheesht.evaluation.study import read_study
from wheesht.report.numbers.breakdown import breakdown, noise_kind, paper_snr, snr_step
from wheesht.report.numbers.scores import ClipFacts, gather
from wheesht.report.numbers.worst import focus, worst


def scores_of(tmp_path, **choices):
    rows = rows_of(**({"n": 12} | choices))
    return rows, gather([read_study(write_study(tmp_path / "study", rows))])


@pytest.mark.parametrize(
    "snr_db, step",
    [
        (-12.5, -10),
        (-7.51, -10),
        (-7.5, -5),
        (-2.5, 0),
        (2.49, 0),
        (2.5, 5),
        (19.0, 20),
        (None, None),
    ],
)
def test_steps_are_half_open(snr_db, step):
    assert snr_step(ClipFacts(snr_db, "", "")) == step


@pytest.mark.parametrize(
    "snr_db, level", [(-5.04, -5), (0.0, 0), (5.05, 5), (4.9, None), (10, None)]
)
def test_levels_of_the_paper_are_met_exactly(snr_db, level):
    assert paper_snr(ClipFacts(snr_db, "", "")) == level


def test_parts_hold_their_own_clips(tmp_path):
    rows, scores = scores_of(tmp_path, snrs=(-5.0, 0.0, 5.0, 5.0))
    parts = breakdown(scores, "pairs", "pesq_wb", paper_snr)
    assert [(part.key, part.n) for part in parts] == [(-5, 3), (0, 3), (5, 6)]
    before, after = (values(rows, "pairs", name, "pesq_wb") for name in ("noisy", "gru:50"))
    half = scores.variants("pairs")[2]
    for part in parts:
        clips = {r["clip"] for r in rows if r["snr_db"] == f"{part.key:g}"}
        want = sum(after[c] - before[c] for c in clips) / len(clips)
        interval, n = part.gains[half]
        assert interval.mean == pytest.approx(want) and n == part.n
        assert part.noisy.mean == pytest.approx(sum(before[c] for c in clips) / len(clips))
        assert interval.low <= interval.mean <= interval.high


def test_kinds_of_too_few_clips_are_left_out(tmp_path):
    kinds = ("rain", "babble", "wind", "", "rain", "babble", "rain")
    _, scores = scores_of(tmp_path, n=7, kinds=kinds)
    parts = breakdown(scores, "pairs", "estoi", noise_kind, least=2)
    assert [(part.key, part.n) for part in parts] == [("babble", 2), ("rain", 3)]


def test_each_variant_counts_the_clips_that_it_has(tmp_path):
    rows, _ = scores_of(tmp_path, n=4, kinds=("rain",))
    for row in rows:
        if row["update_percent"] == "50" and row["clip"] == "pairs001":
            row["pesq_wb"] = ""
    scores = gather([read_study(write_study(tmp_path / "holes", rows))])
    (part,) = breakdown(scores, "pairs", "pesq_wb", noise_kind)
    assert part.n == 4 and [n for _, n in part.gains.values()] == [4, 3]


def test_without_the_unprocessed_input_there_is_no_gain(tmp_path):
    _, scores = scores_of(tmp_path, systems=("gru:100",))
    assert breakdown(scores, "pairs", "pesq_wb", noise_kind) == ()


def test_worst_clips_come_worst_first(tmp_path):
    rows, scores = scores_of(tmp_path, spread=0.5)
    dense = scores.variants("pairs")[1]
    before, after = (values(rows, "pairs", name, "pesq_wb") for name in ("noisy", "gru:100"))
    by_gain, by_score = worst(scores, dense, "pesq_wb", ["pairs"], 5)
    assert [one.clip for one in by_gain] == sorted(after, key=lambda c: after[c] - before[c])[:5]
    assert [one.clip for one in by_score] == sorted(after, key=after.__getitem__)[:5]
    assert [one.clip for one in by_gain] != [one.clip for one in by_score]


def test_focus_is_on_the_best_model_and_not_on_a_folder(tmp_path):
    systems = ("noisy", "gru:100", "gru:50", "mine")
    _, scores = scores_of(tmp_path, systems=systems, offsets={"gru:50": 0.2, "mine": 0.9})
    assert focus(scores, "pesq_wb", ["pairs"]).label == "gru, P = 50"
    _, scores = scores_of(tmp_path, systems=("noisy", "mine"))
    assert focus(scores, "pesq_wb", ["pairs"]).label == "mine"
    _, scores = scores_of(tmp_path, systems=("noisy",))
    assert focus(scores, "pesq_wb", ["pairs"]) is None
