"""The summary in words says what the numbers say, and no more."""

import re

import numpy as np
import pytest
from synthetic_study import METRICS, rows_of, values, write_study

from wheesht.errors import ParameterError
from wheesht.evaluation.study import read_study
from wheesht.report.document import Items, Paragraph
from wheesht.report.material import Options, read_material
from wheesht.report.sections.overview import main_table, overview
from wheesht.report.sections.paper_table import paper_table

CLEAN = ("pesq_wb", "estoi", "si_sdr", "si_snr")  # measures that need clean speech


def without(rows, metrics, but=""):
    """Rows that lack scores of some metrics."""
    return [row | {m: "" for m in metrics if m != but} for row in rows]


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
        ({}, "the two are equal within 0.05 MOS-LQO on pairs", ": equal within 0.05 MOS-LQO."),
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


def test_a_measure_that_was_never_scored_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"got metric 'sdr', .* it has pesq_wb, estoi, si_sdr"):
        summary(tmp_path, rows_of(n=5), Options(metric="sdr"))


def test_without_a_wish_the_first_measure_of_the_study_stands_for_all(tmp_path):
    rows = without(rows_of(n=9), METRICS, but="si_sdr")
    paragraphs, (item,) = summary(tmp_path, rows)
    text = " ".join((*paragraphs, item))
    assert "it is SI-SDR (dB)" in text and "SI-SDR is higher in all 2" in text
    assert "PESQ" not in text and item.endswith(": equal within 0.5 dB.")


def test_gains_are_counted_by_the_measure_that_each_set_is_judged_by(tmp_path):
    street = without(rows_of("street", n=9, seed=1), CLEAN)
    paragraphs, items = summary(tmp_path, rows_of(n=9) + street)
    assert "it is PESQ-WB (MOS-LQO), but on street, where no clip has it, DNSMOS" in paragraphs[0]
    assert "PESQ-WB on pairs is higher in all 2" in paragraphs[1]
    assert "DNSMOS OVRL on street is higher in all 2" in paragraphs[1]
    assert "and by PESQ-WB the two are equal within 0.05 MOS-LQO on pairs; by" in paragraphs[1]
    assert "; by DNSMOS OVRL P = 50 is better on street." in paragraphs[1]
    assert items[1].startswith("street (9 clips): DNSMOS OVRL ")


def test_a_set_with_clean_speech_is_not_judged_by_another_measure_than_the_one_asked_for(tmp_path):
    rows = rows_of(n=5) + without(rows_of("more", n=5), METRICS, but="si_sdr")
    paragraphs, items = summary(tmp_path, rows, Options(metric="pesq_wb"))
    assert "Nothing is said below of PESQ-WB on more, where no clip has it." in paragraphs[0]
    assert len(items) == 1 and items[0].startswith("pairs ")


@pytest.mark.parametrize(
    "metric, margin", [("pesq_wb", 0.05), ("si_sdr", 0.5), ("estoi", 0.01), ("dnsmos_ovrl", 0.05)]
)
def test_the_margin_follows_the_unit_unless_it_is_given(metric, margin, tmp_path):
    study = read_study(write_study(tmp_path, rows_of(n=2)))
    assert read_material([study], Options(metric=metric)).margin_of(metric) == margin
    assert read_material([study], Options(metric=metric, margin=0.2)).margin_of(metric) == 0.2
    other = "estoi" if metric == "si_sdr" else "si_sdr"  # a number of dB says nothing of a share
    assert read_material([study], Options(metric=metric, margin=0.2)).margin_of(other) != 0.2


def test_not_every_clip_is_said_to_have_every_measure(tmp_path):
    paragraphs, _ = summary(tmp_path, rows_of(n=3) + without(rows_of("street", n=3), CLEAN))
    assert "Up to 6 measures score a clip;" in paragraphs[0]


def test_means_over_fewer_clips_say_over_how_many(tmp_path):
    rows = rows_of(n=8, systems=("noisy", "gru:100", "mine"))
    rows = [r for r in rows if r["system"] != "mine" or r["clip"] < "pairs003"]
    _, (item,) = summary(tmp_path, rows)
    assert re.search(r"with mine over 3 clips \(gain \S+ \[.*?\] over the 3 clips that both", item)
    assert re.search(r"higher than \S.* over the 3 clips that both have \(p ", item)
    assert "with gru at P = 100 (gain" in item


@pytest.mark.parametrize("second", ['{"machine": "B", ', '{"machine": "M", '])
def test_times_of_two_documents_are_not_divided_by_each_other(second, tmp_path):
    row = '"rows": [{"backend": "wheesht", "model": "gru", "update_percent": %d, "rtf": 0.00%d}]}'
    paths = (tmp_path / "a.json", tmp_path / "b.json")
    paths[0].write_text('{"machine": "M", ' + row % (100, 8))
    paths[1].write_text(second + row % (50, 2))
    paragraphs, _ = summary(tmp_path, rows_of(n=5), Options(bench=paths))
    assert "of the time" not in paragraphs[1]


def test_the_main_table_holds_times_of_one_machine_and_names_it(tmp_path):
    row = '{"backend": "wheesht", "model": "gru", "update_percent": %d, "rtf": 0.00%d}'
    paths = (tmp_path / "a.json", tmp_path / "b.json")
    paths[0].write_text(
        '{"machine": "Slow", "rows": [' + row % (100, 8) + ", " + row % (50, 6) + "]}"
    )
    paths[1].write_text('{"machine": "Fast", "rows": [' + row % (50, 2) + "]}")
    study = read_study(write_study(tmp_path / "study", rows_of(n=5)))
    table = main_table(read_material([study], Options(bench=paths)))
    (rtf,) = (i for i, column in enumerate(table.columns) if column.title == "RTF")
    assert [row[rtf].text for row in table.groups[0].rows] == ["", "0.0080", "0.0060"]
    assert "Times are those on Slow, one of 2 machines;" in table.notes[0]


def test_cells_over_fewer_clips_than_the_set_has_say_so_also_where_rows_are_missing(tmp_path):
    rows = rows_of(n=8, systems=("noisy", "gru:100", "mine"))
    rows = [r for r in rows if r["system"] != "mine" or r["clip"] < "pairs003"]
    study = read_study(write_study(tmp_path, rows))
    material = read_material([study], Options())
    for table in (main_table(material), paper_table(material).blocks[-1]):
        cells = {row[0].text: row[-1] for row in table.groups[0].rows}
        assert cells["mine"].interval.endswith("(n = 3)")
        assert "(n" not in cells["gru"].interval


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
    assert re.search(r"Of 4 rivals, gru at P = \d+, its best setting on these clips, is", item)
    assert "is better than 2, worse than 1, and not shown to be different from 1." in item
