"""The paper's table with our rows: counts of the bundle, changes of the CSV."""

import json
from dataclasses import replace

import numpy as np
import pytest
from bundles import gru_host, random_tensors
from synthetic_study import rows_of, values, write_study
from tables import markdown_tables

from wheesht.evaluation.study import read_study
from wheesht.report.document import Document
from wheesht.report.material import Options, read_material
from wheesht.report.page import to_markdown
from wheesht.report.sections.paper_table import paper_table
from wheesht.spec.bundle import read_bundle, write_bundle

SETTINGS = (100, 75, 50, 25)
# Of the GRU host at its published size, as `wheesht cost` prints them: MMAC/s and percent.
COUNTED = {100: ["124.95", "135.29", "100.0"], 50: ["83.30", "93.64", "69.2"]}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four settings of a model of the published size, lower ones a little worse; their times."""
    folder = tmp_path_factory.mktemp("paper")
    trained = {"updates": 1600, "audio_hours_seen": 1.78}
    spec = replace(gru_host((320, 320)), provenance=trained)
    write_bundle(folder / "m.safetensors", spec, random_tensors(spec))
    sha256 = read_bundle(folder / "m.safetensors").sha256
    systems = ("noisy", *(f"gru:{p}" for p in SETTINGS))
    rows = rows_of(n=15, systems=systems, offsets={"gru:75": 0.03, "gru:50": -0.02, "gru:25": -0.2})
    for row in rows:
        row["model_sha256"] = row["model_sha256"] and sha256[:12]
    gru = {"kind": "model", "path": str(folder / "m.safetensors"), "sha256": sha256, "host": "gru"}
    facts = {"systems": {"noisy": {"kind": "noisy"}, "gru": gru}}
    write_study(folder / "study", rows, **facts)
    timed = [
        {
            "backend": "wheesht",
            "model_sha256": sha256[:12],
            "update_percent": p,
            "us_hop_median": 20.0 + p,
            "us_recurrent_median": p + 5.0,
            "rtf": (20.0 + p) / 10_000,
        }
        for p in SETTINGS
    ]
    (folder / "study" / "bench.json").write_text(json.dumps({"machine": "A", "rows": timed}))
    return rows, folder / "study"


@pytest.fixture(scope="module")
def tables(study):
    section = paper_table(read_material([read_study(study[1])], Options()))
    return markdown_tables(to_markdown(Document("", (section,))))


def test_our_macs_are_counted_in_the_papers_way(tables):
    table = tables["MACs in the paper's counting, and mean scores"]
    ours = {cells[1]: cells for group, cells in table.rows if group.startswith("This study")}
    for percent, want in COUNTED.items():
        cells = ours[str(percent)]
        assert cells[table.column("Parameters")] == "1.336"
        assert cells[table.column("non-GRU")] == "10.34"
        assert [cells[table.column(name)] for name in ("GRU", "all", "of P = 100")] == want


def test_the_papers_rows_are_as_printed(tables):
    table = tables["MACs in the paper's counting, and mean scores"]
    theirs = [cells for group, cells in table.rows if group.startswith("The paper")]
    assert len(theirs) == 13
    assert theirs[0] == ["noisy", *"------", "1.58", "81", "9.23", "2.48"]
    assert theirs[3] == "GRU 50 1.34 10.34 83.31 93.65 69 2.58 90 15.59 3.20".split()
    assert theirs[-1] == "DPRNN 25 0.35 811.02 2439.18 3250.19 57 2.72 91 17.28 3.24".split()


def test_estoi_is_in_percent_as_in_the_paper(study, tables):
    table = tables["MACs in the paper's counting, and mean scores"]
    noisy = np.mean(list(values(study[0], "pairs", "noisy", "estoi").values()))
    assert table.rows[0][1][table.column("ESTOI")] == f"{100 * noisy:.1f}"


def test_changes_stand_beside_those_of_the_paper(study, tables):
    table = tables["Change of the mean when P is turned down from 100, here and in the paper"]
    dense = values(study[0], "pairs", "gru:100", "pesq_wb")
    assert [cells[0] for _, cells in table.rows] == ["75", "50", "25"]
    for _, cells in table.rows:
        lower = values(study[0], "pairs", f"gru:{cells[0]}", "pesq_wb")
        change = np.mean([lower[clip] - dense[clip] for clip in dense])
        assert cells[1].split()[0] == f"{change:+.3f}"
    assert [cells[2] for _, cells in table.rows] == ["+0.04", "0.00", "-0.13"]
    assert [cells[-1] for _, cells in table.rows] == ["0.00", "-0.02", "-0.07"]


def test_training_and_times_stand_beside_every_row(tables):
    table = tables["Beside every row what the paper does not print: training, and measured time"]
    assert [cells[1] for _, cells in table.rows] == ["100", "75", "50", "25"]
    half = table.rows[2][1]
    assert half[2:5] == [f"{10.24 + 122.88 * 2 / 3:.2f}", "1.8", "1600"]
    # 70 of 120 us in all, and 55 of 105 us in the GRU layers.
    assert half[5:] == ["70.0", "58", "55.0", "52", "0.0070"]


def test_a_study_without_models_has_no_such_table(tmp_path):
    folder = write_study(tmp_path, rows_of(n=3, systems=("noisy", "mine")))
    assert paper_table(read_material([read_study(folder)], Options())) is None


def test_a_model_that_is_gone_is_named(tmp_path):
    folder = write_study(tmp_path, rows_of(n=3))
    section = paper_table(read_material([read_study(folder)], Options()))
    text = " ".join(getattr(block, "text", "") for block in section.blocks)
    assert "The MACs of gru, P = 100 and gru, P = 50 are missing" in text
