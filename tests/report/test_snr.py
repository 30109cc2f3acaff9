"""Gains by input SNR: the paper's levels, and steps of 5 dB."""

import numpy as np
import pytest
from synthetic_study import rows_of, values, write_study
from tables import markdown_tables

from wheesht.evaluation.study import read_study
from wheesht.report.document import Document, Figure
from wheesht.report.material import Options, read_material
from wheesht.report.page import to_markdown
from wheesht.report.sections.snr import snr

EXACT = "Gain at exactly -5, 0 and 5 dB, as in Figure 2 of the paper"
STEPS = "Gain in steps of 5 dB"
HOSTS = ("gru", "mpt", "dprnn")


def section_of(folder):
    return snr(read_material([read_study(folder)], Options()))


def titles(section):
    return [p.title for block in section.blocks if isinstance(block, Figure) for p in block.panels]


def test_gains_stand_by_system_and_level(tmp_path):
    rows = rows_of(n=10)
    section = section_of(write_study(tmp_path, rows))
    table = markdown_tables(to_markdown(Document("", (section,))))[EXACT]
    assert table.heads[2:] == ["-5 dB", "0 dB", "5 dB"] and titles(section) == ["pairs"]
    lines = {(cells[0], cells[1]): cells[2:] for _, cells in table.rows}
    assert lines.pop(("clips", "-")) == ["4", "3", "3"]
    before = values(rows, "pairs", "noisy", "pesq_wb")
    level = {row["clip"]: row["snr_db"] for row in rows}

    def mean(scores, snr_db):
        return np.mean([score for clip, score in scores.items() if level[clip] == snr_db])

    unprocessed = lines.pop(("score unprocessed", "-"))
    assert sorted(lines) == [("gru", "100"), ("gru", "50")]
    for i, snr_db in enumerate(("-5", "0", "5")):
        assert float(unprocessed[i]) == pytest.approx(mean(before, snr_db), abs=6e-4)
        for (name, percent), cells in lines.items():
            after = values(rows, "pairs", f"{name}:{percent}", "pesq_wb")
            gain = mean(after, snr_db) - mean(before, snr_db)
            assert float(cells[i].split()[0]) == pytest.approx(gain, abs=6e-4)


def test_steps_of_sets_that_differ_share_a_table(tmp_path):
    rows = rows_of("low", 4, snrs=(-7.6, 2.5)) + rows_of("high", 3, snrs=(2.5, 17.4))
    section = section_of(write_study(tmp_path, rows))
    table = markdown_tables(to_markdown(Document("", (section,))))[STEPS]
    assert table.heads[2:] == ["-12.5 to -7.5 dB", "2.5 to 7.5 dB", "12.5 to 17.5 dB"]
    counts = [cells[2:] for _, cells in table.rows if cells[0] == "clips"]
    assert counts == [["2", "2", "-"], ["-", "2", "1"]]


def test_more_lines_than_one_drawing_can_show_get_one_for_each_system(tmp_path):
    systems = ("noisy", *(f"{host}:{p}" for host in HOSTS for p in (100, 75, 50, 25)))
    section = section_of(write_study(tmp_path, rows_of(n=6, systems=systems)))
    assert titles(section) == [f"pairs, {host}" for host in HOSTS]
    (figure,) = (block for block in section.blocks if isinstance(block, Figure))
    for host, panel in zip(HOSTS, figure.panels, strict=True):
        assert all(f"{host}, P = {p}" in panel.alt for p in (100, 75, 50, 25))
