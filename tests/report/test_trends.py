"""The paper's trends: planted differences come out as the verdicts that they call for."""

import numpy as np
import pytest
from synthetic_study import rows_of, values, write_study
from tables import markdown_tables

from wheesht.evaluation.study import read_study
from wheesht.report.document import Document, Items
from wheesht.report.material import Options, read_material
from wheesht.report.page import to_markdown
from wheesht.report.sections.trends import paper_trends

HOSTS = ("gru", "mpt", "dprnn")
SYSTEMS = ("noisy", *(f"{host}:{p}" for host in HOSTS for p in (100, 75, 50, 25)))
# Gains as in the paper's table: DPRNN over MPT over GRU, P = 25 lower, P = 75 higher for GRU.
AS_THE_PAPER = (
    {f"{host}:{p}": 0.2 * i for i, host in enumerate(HOSTS) for p in (100, 75, 50)}
    | {f"{host}:25": 0.2 * i - 0.12 for i, host in enumerate(HOSTS)}
    | {"gru:75": 0.04}
)
LOW_SNR = AS_THE_PAPER | {"gru:75": 0.0}  # on a par
LEVELS = (-5.0, 0.0, 5.0)
CAPTION = "The comparisons behind the verdicts"


def study_of(
    tmp_path, systems=SYSTEMS, offsets=AS_THE_PAPER, low=LOW_SNR, hosts=None, low_clips=30
):
    """Write scores of 30 clips at many SNRs and of as many at the paper's three."""
    choices = {"systems": systems, "metrics": ("pesq_wb",)}
    rows = rows_of("mixed", 30, snrs=(0.0, 3.0, 9.0), offsets=offsets, **choices)
    rows += rows_of("lowsnr", low_clips, snrs=LEVELS, offsets=low, seed=1, **choices)
    facts = {"noisy": {"kind": "noisy"}}
    for row in rows:
        if row["update_percent"]:
            sha256 = row["system"].ljust(12, "0")
            host = (hosts or {}).get(row["system"], row["system"])
            row["model_sha256"] = sha256
            facts[row["system"]] = {"kind": "model", "sha256": sha256 * 5, "host": host}
    return rows, write_study(tmp_path / "study", rows, ("pesq_wb",), systems=facts)


def section_of(folder, **options):
    return paper_trends(read_material([read_study(folder)], Options(**options)))


def verdicts(section):
    """Return the verdict that each sentence ends with."""
    (items,) = (block for block in section.blocks if isinstance(block, Items))
    return [text.rsplit(": ", 1)[1].split(" (")[0] for text in items.items]


def table_of(section):
    return markdown_tables(to_markdown(Document("", (section,))))[CAPTION]


def test_scores_as_the_papers_confirm_every_trend(tmp_path):
    section = section_of(study_of(tmp_path)[1])
    assert verdicts(section) == ["confirmed"] * 5
    counts = [
        sum(group == f"Trend {i}" for group, _ in table_of(section).rows) for i in range(1, 6)
    ]
    # Hosts; those that fall; hosts; steps between hosts at 4 P; hosts at 2 P and 3 levels.
    assert counts == [3, 2, 3, 8, 18]


@pytest.mark.parametrize(
    "changes, low_changes, want",
    [
        ({"mpt:50": 0.05}, {}, {1: "contradicted"}),  # 0.15 below its P = 100
        ({"gru:25": 0.0}, {}, {2: "contradicted"}),  # shown equal, so it did not fall
        ({"mpt:25": 0.2}, {}, {}),  # the paper's MPT did not fall beyond chance either
        ({"gru:75": -0.04, "mpt:75": 0.1, "dprnn:75": 0.3}, {}, {3: "contradicted"}),
        ({"gru:75": -0.04, "mpt:75": 0.1}, {}, {3: "undecided"}),  # dprnn's are equal
        ({"mpt:25": 0.5}, {}, {4: "contradicted"}),  # above dprnn at one P is enough
        ({}, {"dprnn:75": 0.2}, {5: "contradicted"}),
    ],
)
def test_what_differs_from_the_paper_is_contradicted(tmp_path, changes, low_changes, want):
    _, folder = study_of(tmp_path, offsets=AS_THE_PAPER | changes, low=LOW_SNR | low_changes)
    assert verdicts(section_of(folder)) == [want.get(i, "confirmed") for i in range(1, 6)]


def test_a_wider_margin_makes_a_loss_equal(tmp_path):
    _, folder = study_of(tmp_path, offsets=AS_THE_PAPER | {"mpt:50": 0.05})
    assert verdicts(section_of(folder, margin=0.3))[0] == "confirmed"


def test_a_handful_of_clips_decides_nothing(tmp_path):
    _, folder = study_of(tmp_path, low_clips=27)  # 9 at each SNR
    assert verdicts(section_of(folder)) == ["confirmed"] * 4 + ["undecided"]


def test_differences_are_those_of_the_scores_with_the_papers_beside(tmp_path):
    rows, folder = study_of(tmp_path)
    table = table_of(section_of(folder))
    ours, theirs = (
        next(i for i, head in enumerate(table.heads) if head.startswith(start))
        for start in ("Difference", "The paper")
    )
    systems = {f"{host}, P = {p}": f"{host}:{p}" for host in HOSTS for p in (100, 75, 50, 25)}
    seen = {}
    for trend, cells in table.rows:
        testset, _, level = cells[2].partition(", ")
        clips = {
            row["clip"]
            for row in rows
            if row["testset"] == testset and level in ("", f"{row['snr_db']} dB")
        }
        first, second = (values(rows, testset, systems[cell], "pesq_wb") for cell in cells[:2])
        want = np.mean([first[clip] - second[clip] for clip in clips])
        assert float(cells[ours].split()[0]) == pytest.approx(want, abs=6e-4)
        assert cells[3] == str(len(clips))
        seen[trend, cells[0], cells[1]] = cells[theirs]
    assert seen["Trend 1", "dprnn, P = 100", "dprnn, P = 50"] == "+0.03"
    assert seen["Trend 3", "gru, P = 100", "gru, P = 75"] == "-0.04"
    assert seen["Trend 4", "mpt, P = 25", "gru, P = 25"] == "+0.12"
    assert seen["Trend 5", "mpt, P = 100", "mpt, P = 50"] == "-"  # the paper only draws it


def test_a_trend_without_scores_is_said_not_to_be_judged(tmp_path):
    _, folder = study_of(tmp_path, systems=("noisy", "gru:100", "gru:50", "dprnn:50"))
    want = "not judged, the study has no scores that bear on it."
    assert verdicts(section_of(folder)) == ["confirmed", want, want, want, "confirmed"]


@pytest.mark.parametrize("hosts", [{"mpt": "gru"}, {"mpt": "own"}])
def test_fewer_than_two_of_the_papers_hosts_have_no_such_section(tmp_path, hosts):
    systems = ("noisy", "gru:100", "gru:50", "mpt:100", "mpt:50")
    _, folder = study_of(tmp_path, systems=systems, hosts=hosts)
    assert section_of(folder) is None
