"""The summary in words says what the numbers say, and no more."""

import re

import numpy as np
import pytest
from synthetic_study import rows_of, values, write_study

from wheesht.evaluation.study import read_study
from wheesht.report.document import Items, Paragraph
from wheesht.report.material import Options, read_material
from wheesht.report.sections.overview import overview


def summary(tmp_path, rows, options=None, **facts):
    """Paragraphs and list of the first section as text."""
    study = read_study(write_study(tmp_path / "study", rows, **facts))
    blocks = overview(read_material([study], options or Options())).blocks
    paragraphs = [block.text for block in blocks if isinstance(block, Paragraph)]
    items = [text for block in blocks if isinstance(block, Items) for text in block.items]
    return paragraphs, items


def test_it_says_what_was_measured(tmp_path):
    paragraphs, _ = summary(tmp_path, rows_of(n=4) + rows_of("more", n=2, systems=("noisy",)))
    assert (
        "This page measures gru (P = 100, 50) on 6 clips of noisy speech (1.0 minutes, "
        in (paragraphs[0])
    )
    assert "test sets pairs and more), run through the C engine as users run it." in paragraphs[0]
    assert "6 measures score every clip" in paragraphs[0] and "it is PESQ-WB" in paragraphs[0]


@pytest.mark.parametrize(
    "offsets, phrase, ending",
    [
        ({"gru:50": -0.3}, "P = 100 is better on pairs", "(p < 0.001)."),
        ({"gru:50": +0.3}, "P = 50 is better on pairs", "(p < 0.001)."),
        ({}, "the two are equal within 0.05 on pairs", ": equal within 0.05."),
    ],
)
def test_verdicts_are_those_of_the_tests(offsets, phrase, ending, tmp_path):
    rows = rows_of(n=20, offsets=offsets)
    paragraphs, (item,) = summary(tmp_path, rows)
    assert (
        "gru at P = 50 instead of 100 does 69 % of the multiplications (92.2 instead"
        in (paragraphs[1])
    )
    assert phrase in paragraphs[1]
    high, low = (
        np.array(list(values(rows, "pairs", f"gru:{p}", "pesq_wb").values())) for p in (100, 50)
    )
    difference = np.mean(high - low)
    upper, lower = ("100", "50") if difference > 0 else ("50", "100")
    assert f"gru at P = {upper} scores {abs(difference):.3f} [" in item
    low_end, high_end = re.search(r"scores [\d.]+ \[([-\d.]+), ([-\d.]+)\] higher", item).groups()
    assert float(low_end) < abs(difference) < float(high_end)
    assert f"higher than gru at P = {lower} (p " in item and item.endswith(ending)


def test_an_open_question_is_called_one(tmp_path):
    paragraphs, (item,) = summary(tmp_path, rows_of(n=12, spread=0.5))
    assert "the clips leave it open on pairs" in paragraphs[1] and item.endswith(": undecided.")


def test_gains_are_counted_over_all_systems_and_sets(tmp_path):
    worse = {"gru:50": -1.0}
    rows = rows_of(n=10, offsets=worse) + rows_of("more", n=10, seed=3)
    paragraphs, items = summary(tmp_path, rows)
    assert (
        "PESQ-WB is higher in 3 of 4 combinations of system and test set, lower in 1, and not "
        "shown to be different in 0." in paragraphs[1]
    )
    noisy, after = (
        np.mean(list(values(rows, "pairs", name, "pesq_wb").values()))
        for name in ("noisy", "gru:50")
    )
    assert f"PESQ-WB {noisy:.3f} unprocessed" in items[0]
    assert f"{after:.3f} with gru at P = 50 (gain {after - noisy:+.3f} [" in items[0]


def test_of_many_settings_highest_default_and_lowest_are_told(tmp_path):
    systems = ("noisy", *(f"gru:{p}" for p in (100, 75, 50, 25, 10)))
    gru = {
        "kind": "model",
        "path": "gone",
        "sha256": "a" * 64,
        "update_percent": {"default": 50.0, "min": 1.0, "max": 100.0},
    }
    paragraphs, (item,) = summary(
        tmp_path, rows_of(n=5, systems=systems), systems={"noisy": {"kind": "noisy"}, "gru": gru}
    )
    told = [p for p in (100, 75, 50, 25, 10) if f"with gru at P = {p} (" in item]
    assert told == [100, 50, 10]
    assert "gru at P = 50 (its default) instead of 100 does" in paragraphs[1]
    assert "gru at P = 10 instead of 100 does" in paragraphs[1]
    assert "P = 25 instead" not in paragraphs[1]


def test_measured_time_is_told_where_it_is_known(tmp_path):
    (tmp_path / "times.json").write_text(
        '{"machine": "M", "rows": ['
        '{"backend": "wheesht", "model": "gru", "update_percent": 100, "rtf": 0.008},'
        '{"backend": "wheesht", "model": "gru", "update_percent": 50, "rtf": 0.006}]}'
    )
    options = Options(bench=(tmp_path / "times.json",))
    paragraphs, _ = summary(tmp_path, rows_of(n=5), options)
    assert "does 69 % of the multiplications" in paragraphs[1]
    assert "million a second) in 75 % of the time, and" in paragraphs[1]


def test_rivals_are_counted_by_verdict(tmp_path):
    rows = rows_of(n=20)
    low = values(rows, "pairs", "gru:50", "pesq_wb")
    lines = ["peer,file,pesq_wb"]
    for name, offset in (("better", 0.5), ("worse", -0.5), ("also_worse", -0.4), ("same", 0.0)):
        wave = [0.01 * (-1) ** i for i in range(len(low))]
        lines += [
            f"{name},{c},{x + offset + w}" for (c, x), w in zip(low.items(), wave, strict=True)
        ]
    (tmp_path / "scores_pairs.csv").write_text("\n".join(lines))
    _, (item,) = summary(tmp_path, rows, Options(peers=tmp_path))
    assert "Of 4 rivals, gru at P = " in item
    assert "is better than 2, worse than 1, and not shown to be different from 1." in item
