"""Every number on the page equals one computed anew from the study's own CSV."""

import csv
import re

import numpy as np
import pytest
from synthetic_study import values
from tables import html_tables, markdown_tables

from wheesht.evaluation.study import read_study
from wheesht.evaluation.summary import summarise
from wheesht.metrics import METRICS
from wheesht.statistics import mean_interval

SYSTEMS = {("noisy", "-"): "noisy", ("gru", "100"): "gru:100", ("gru", "50"): "gru:50"}
PLACES = {"dB": 2, "LUFS": 2}
NAMES = {
    m.label if not m.name.startswith("dnsmos") else f"DNSMOS {m.label}": m for m in METRICS.values()
}
SPLIT = re.compile(r"[-+]?\d+\.?\d*")


@pytest.fixture(scope="module", params=["html", "markdown"])
def tables(request, html, markdown):
    return html_tables(html) if request.param == "html" else markdown_tables(markdown)


@pytest.fixture(scope="module")
def csv_rows(study):
    with open(study / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def expected(found, metric):
    """Mean and interval as text, from plain numbers."""
    places = PLACES.get(metric.unit, 3)
    interval = mean_interval(found)
    numbers = (float(np.mean(found)), interval.low, interval.high)
    return [f"{number:.{places}f}" for number in numbers]


CAPTIONS = (
    "Cost and quality: mean and 95 % interval",
    "Overall quality, compared with the clean speech",
    "Intelligibility and fidelity of the signal",
    "Judged without the clean speech",
)


@pytest.mark.parametrize("caption", CAPTIONS)
def test_means_and_intervals_are_those_of_the_csv(caption, tables, csv_rows):
    table, checked = tables[caption], 0
    heads = [head.split(",")[0] for head in table.heads]
    for group, cells in table.rows:
        testset = group.split(",")[0]
        system = SYSTEMS[cells[0].strip("*"), cells[1]]
        for head, cell in zip(heads, cells, strict=True):
            if head not in NAMES:
                continue
            found = list(values(csv_rows, testset, system, NAMES[head].name).values())
            shown = SPLIT.findall(cell.replace("*", ""))
            assert shown[:3] == expected(found, NAMES[head]), (testset, system, head)
            whole = len({row["clip"] for row in csv_rows if row["testset"] == testset})
            assert shown[3:] == ([] if len(found) == whole else [str(len(found))])
            checked += 1
    assert checked == 2 * 3 * sum(head in NAMES for head in heads)


def test_headline_metrics_are_on_the_first_table(tables):
    heads = [head.split(",")[0] for head in tables[CAPTIONS[0]].heads]
    assert heads[-4:] == ["PESQ-WB", "ESTOI", "SI-SDR", "DNSMOS OVRL"]


def test_means_are_those_of_the_summary(study, tables):
    """The other half of the package that computes means from rows agrees to the last digit."""
    table = tables[CAPTIONS[0]]
    shown = {
        (group.split(",")[0], cells[0].strip("*"), cells[1]): SPLIT.findall(
            cells[table.column("PESQ-WB")]
        )[:3]
        for group, cells in table.rows
    }
    summaries = summarise(read_study(study).rows, ("pesq_wb",))
    assert len(summaries) == len(shown) == 6
    for one in summaries:
        percent = "-" if one.update_percent is None else f"{one.update_percent:g}"
        interval = one.metrics["pesq_wb"]
        numbers = (interval.mean, interval.low, interval.high)
        assert shown[one.testset, one.system, percent] == [f"{x:.3f}" for x in numbers]


def test_macs_and_their_share_are_those_of_the_csv(tables, csv_rows):
    table = tables[CAPTIONS[0]]
    for group, cells in table.rows:
        if cells[1] == "-":
            continue
        counts = {
            percent: float(row["executed_macs"])
            for percent in ("100", "50")
            for row in csv_rows
            if row["testset"] == group.split(",")[0] and row["update_percent"] == percent
        }
        assert cells[table.column("MMAC/s")] == f"{counts[cells[1]] / 1e6:.2f}"
        assert cells[table.column("Of dense")] == f"{100 * counts[cells[1]] / counts['100']:.1f}"
        assert cells[table.column("Parameters")] == "1.34"


def test_pairs_hold_the_differences_and_p_values_of_the_csv(tables, csv_rows):
    stats = pytest.importorskip("scipy.stats")
    table = tables["Every pair of settings: difference and p-values"]
    assert len(table.rows) == 2
    for group, cells in table.rows:
        testset = group.split(" on ")[1].split(",")[0]
        high, low = (values(csv_rows, testset, f"gru:{p}", "pesq_wb") for p in (100, 50))
        clips = sorted(set(high) & set(low))
        a, b = (np.array([one[clip] for clip in clips]) for one in (high, low))
        assert cells[0] == "100-50" and cells[1] == str(len(clips))
        assert cells[2].split()[0] == f"{np.mean(a - b):+.3f}"
        want = [
            stats.mannwhitneyu(a, b).pvalue,
            stats.mannwhitneyu(a, b, alternative="greater").pvalue,
            stats.wilcoxon(a, b).pvalue,
            stats.wilcoxon(a, b).pvalue,  # one pair: nothing to correct
        ]
        assert [float(cell.strip("*")) for cell in cells[3:7]] == pytest.approx(want, abs=5e-4)
        assert cells[table.column("The paper")] == "0.508"


def test_gains_by_noise_are_those_of_the_csv(tables, csv_rows):
    table, order = tables["Gain by kind of noise, best first"], {}
    for group, cells in table.rows:
        testset = group.split(":")[0]
        gains = []
        for percent, cell in zip((100, 50), cells[3:], strict=True):
            noisy = values(csv_rows, testset, "noisy", "pesq_wb")
            after = values(csv_rows, testset, f"gru:{percent}", "pesq_wb")
            kind = {r["clip"] for r in csv_rows if r["noise_kind"] == cells[0]}
            found = [after[clip] - noisy[clip] for clip in after if clip in kind]
            assert cells[1] == str(len(found))
            assert cell.split()[0] == f"{np.mean(found):+.3f}"
            gains.append(np.mean(found))
        order.setdefault(testset, []).append(np.mean(gains))
    assert all(found == sorted(found, reverse=True) for found in order.values())
    assert set(order) == {"pairs", "steps"}


@pytest.mark.parametrize("caption", CAPTIONS)
def test_bold_is_what_the_paired_test_finds_best(caption, tables, csv_rows):
    stats = pytest.importorskip("scipy.stats")
    table = tables[caption]
    for testset in ("pairs", "steps"):
        lines = [cells for group, cells in table.rows if group.split(",")[0] == testset]
        systems = [SYSTEMS[cells[0], cells[1]] for cells in lines]
        for k, head in enumerate(head.split(",")[0] for head in table.heads):
            if head not in NAMES:
                continue
            bold = [s for s, cells in zip(systems, lines, strict=True) if "**" in cells[k]]
            by_clip = [values(csv_rows, testset, s, NAMES[head].name) for s in systems]
            clips = set.intersection(*map(set, by_clip))
            scores = [np.array([one[c] for c in sorted(clips)]) for one in by_clip]
            top = int(np.argmax([x.mean() for x in scores]))
            others = [stats.wilcoxon(scores[top], x).pvalue for x in scores if x is not scores[top]]
            supported = max(min(others) * 2, max(others)) < 0.05 and NAMES[head].better
            assert bold == ([systems[top]] if supported else []), (testset, head)


def test_something_is_bold(tables):
    """Else the test above would say nothing."""
    cells = [cell for caption in CAPTIONS for _, row in tables[caption].rows for cell in row]
    assert any("**" in cell for cell in cells)


def test_worst_clips_are_those_of_the_csv(tables, csv_rows):
    caption = next(name for name in tables if name.startswith("Smallest gain"))
    percent = int(caption.rsplit(" ", 1)[1])
    gains = {}
    for testset in ("pairs", "steps"):
        noisy = values(csv_rows, testset, "noisy", "pesq_wb")
        after = values(csv_rows, testset, f"gru:{percent}", "pesq_wb")
        gains |= {clip: after[clip] - noisy[clip] for clip in after}
    table = tables[caption]
    shown = [(cells[0], cells[table.column("Gain")]) for _, cells in table.rows]
    want = sorted(gains, key=gains.__getitem__)[:10]
    assert shown == [(clip, f"{gains[clip]:+.3f}") for clip in want]


def test_both_forms_hold_the_same_tables(html, markdown):
    first, second = html_tables(html), markdown_tables(markdown)
    assert list(first) == list(second)
    for caption, table in first.items():
        assert table.rows == second[caption].rows, caption
