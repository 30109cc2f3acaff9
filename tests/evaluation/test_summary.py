"""Means and the tables that are printed of them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from wheesht.evaluation.study import Row
from wheesht.evaluation.summary import summarise, summary_table
from wheesht.evaluation.text import tables
from wheesht.statistics import mean_interval, paired_interval


def rows(system, values, percent=50.0, testset="set", metric="pesq_wb", macs=2e6, backend="engine"):
    return [
        Row(testset, f"c{i}", system, percent, backend, "", "", None, "", "", macs, 0.5,
            {} if value is None else {metric: value}, "" if value is not None else "no score")
        for i, value in enumerate(values)
    ]  # fmt: skip


NOISY = rows("noisy", [1.0, 1.5, 1.1, 2.0], None, macs=None, backend="")
FULL = rows("gru", [2.0, 2.5, 2.1, 3.5], 100.0, macs=3e6)
HALF = rows("gru", [1.9, 2.6, 2.0, 3.1])


def test_each_setting_on_each_test_set_is_summed_up_in_order():
    other = rows("noisy", [4.0], None, "other", backend="")
    found = summarise([*NOISY, *FULL, *HALF, *other], ["pesq_wb"])
    assert [(s.testset, s.label, s.n) for s in found] == [
        ("set", "noisy", 4),
        ("set", "gru P=100", 4),
        ("set", "gru P=50", 4),
        ("other", "noisy", 1),
    ]
    assert found[1].metrics["pesq_wb"] == mean_interval([2.0, 2.5, 2.1, 3.5], 0.95)
    assert [s.executed_macs for s in found] == [None, 3e6, 2e6, 2e6]


def test_backends_are_kept_apart():
    found = summarise([*FULL, *rows("gru", [2.0], 100.0, backend="torch")], ["pesq_wb"])
    assert [s.label for s in found] == ["gru P=100", "gru P=100 (torch)"]


def test_clips_without_a_score_are_neither_counted_nor_in_the_mean():
    (found,) = summarise(rows("gru", [1.0, None, 3.0]), ["pesq_wb", "stoi"])
    assert found.n == 2 and found.metrics["pesq_wb"].mean == 2.0
    assert found.counts == {"pesq_wb": 2} and "stoi" not in found.metrics


def test_each_metric_has_its_own_count():
    half = [replace(FULL[0], scores={"pesq_wb": 2.0, "lufs": -20.0}), *FULL[1:]]
    (found,) = summarise(half, ["pesq_wb", "lufs"])
    assert found.n == 4 and found.counts == {"pesq_wb": 4, "lufs": 1}
    assert found.to_dict()["lufs"]["n"] == 1
    assert summary_table([found], ["lufs"])[1][-1] == "1"


def test_macs_are_the_mean_over_the_clips():
    pair = [replace(FULL[0], executed_macs=1e6), replace(FULL[1], executed_macs=2e6)]
    assert summarise(pair, [])[0].executed_macs == 1.5e6


def test_the_document_is_as_designed_and_is_json():
    (found,) = summarise(FULL, ["pesq_wb"])
    interval = mean_interval([2.0, 2.5, 2.1, 3.5])
    assert found.to_dict() == {
        "model": "gru",
        "update_percent": 100.0,
        "testset": "set",
        "backend": "engine",
        "n": 4,
        "executed_macs": 3e6,
        "pesq_wb": {"mean": 2.525, "ci95": [interval.low, interval.high], "n": 4},
    }
    (single,) = summarise(FULL[:1], ["pesq_wb"])
    text = json.dumps(single.to_dict(), allow_nan=False)
    assert json.loads(text)["pesq_wb"] == {"mean": 2.0, "ci95": [None, None], "n": 1}


def test_the_table_has_four_columns_for_each_metric():
    table = summary_table(summarise([*NOISY, *FULL[:1]], ["pesq_wb"]), ["pesq_wb", "stoi"])
    assert table[0] == [
        "testset", "system", "update_percent", "backend", "n", "executed_macs",
        "pesq_wb", "pesq_wb_low", "pesq_wb_high", "pesq_wb_n",
        "stoi", "stoi_low", "stoi_high", "stoi_n",
    ]  # fmt: skip
    interval = mean_interval([1.0, 1.5, 1.1, 2.0])
    assert table[1] == [
        "set", "noisy", "", "", "4", "",
        "1.400000", f"{interval.low:.6f}", f"{interval.high:.6f}", "4", "", "", "", "0",
    ]  # fmt: skip
    start = ["set", "gru", "100", "engine", "1", "3000000"]
    assert table[2] == [*start, "2.000000", "", "", "1", "", "", "", "0"]


def printed(*groups, width=200):
    found = [row for group in groups for row in group]
    return list(tables(summarise(found, ["pesq_wb", "lufs"]), found, width))


def test_the_printed_table_holds_the_means_and_their_ends():
    lines = printed(NOISY, FULL)
    interval = mean_interval([2.0, 2.5, 2.1, 3.5])
    assert lines[0] == "set: 4 clips, mean [95 % interval]"
    assert lines[1].split() == ["noisy", "gru", "P=100"]
    assert lines[2].split() == ["MMAC/s", "-", "3.00"]
    shown = lines[3].replace("[", " ").replace("]", " ").replace(",", " ").split()
    assert shown[0] == "PESQ-WB"
    assert np.allclose(
        [float(x) for x in shown[4:]], [2.525, interval.low, interval.high], atol=6e-4
    )
    assert not any("difference" in line for line in lines)


def test_differences_are_paired_with_the_first_model():
    lines = printed(NOISY, FULL, HALF)
    start = lines.index("difference to gru P=100 on the same clips")
    interval = paired_interval([1.9, 2.6, 2.0, 3.1], [2.0, 2.5, 2.1, 3.5])
    assert lines[start + 1].split() == ["gru", "P=50"]
    cell = f"{interval.mean:+.3f} [{interval.low:+7.3f}, {interval.high:+7.3f}]"
    assert lines[start + 2].endswith(cell)


def test_differences_take_the_clips_that_both_have():
    lines = printed(rows("a", [1.0, None, 3.0]), rows("b", [2.0, 9.0, 5.0]))
    (line,) = [line for line in lines if "+1.500" in line]
    assert line.startswith("PESQ-WB")
    lines = printed(rows("a", [1.0]), rows("b", [None]))
    assert not any("PESQ" in line for line in lines[lines.index("") :])


def test_means_over_fewer_clips_are_named():
    lines = printed(NOISY, rows("a", [1.0, None, 3.0, None]))
    start = lines.index("over fewer than the 4 clips, so not comparable with the rest:")
    assert lines[start + 1 : start + 3] == ["  PESQ-WB, a P=50: 2", ""]
    assert not any("fewer" in line for line in printed(NOISY, FULL))


@pytest.mark.parametrize(("width", "blocks"), [(1, 3), (13 + 28, 3), (13 + 2 * 28, 2), (500, 1)])
def test_what_does_not_fit_a_line_goes_below(width, blocks):
    lines = printed(NOISY, FULL, HALF, width=width)
    means = lines[: lines.index("difference to gru P=100 on the same clips")]
    assert sum(line.startswith("MMAC/s") for line in means) == blocks
    assert all(len(line) <= max(width, 41) for line in means)


def test_a_single_clip_has_no_interval():
    lines = printed(FULL[:1])
    assert "nan" not in "".join(lines) and math.isclose(float(lines[3].split()[1]), 2.0)


def test_a_long_name_does_not_run_into_its_neighbour():
    name = "a-model-whose-name-is-far-too-long"
    head = printed(NOISY, rows(name, [2.0] * 4), rows("b", [2.0] * 4))[1]
    assert head.split() == ["noisy", "...me-is-far-too-long", "P=50", "b", "P=50"]


def test_large_numbers_keep_all_their_digits():
    lines = printed(rows("a", [-26.73, -29.136], metric="lufs"))
    assert "-27.933 [-29.136, -26.730]" in "".join(lines)
