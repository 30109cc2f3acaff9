"""A study on disk: rows read back as written, damage is met, torn ends are dropped."""

import dataclasses
import json

import pytest

from wheesht.errors import StudyError
from wheesht.evaluation.study import (
    COLUMNS,
    Row,
    Study,
    cells_of,
    csv_line,
    header,
    key_of,
    read_scores,
    read_study,
)

METRICS = ["pesq_wb", "si_sdr"]
ROW = Row(
    testset="set",
    clip="c0",
    system="gru",
    update_percent=62.5,
    backend="engine",
    model_sha256="0123456789ab",
    audio_sha256="ba9876543210",
    snr_db=-2.5,
    noise_kind="bus",
    speaker="p232",
    executed_macs=92160000.0,
    update_fraction=0.5,
    scores={"pesq_wb": 1.234567, "si_sdr": -0.5},
)
NOISY = dataclasses.replace(
    ROW, system="noisy", update_percent=None, backend="", model_sha256="", executed_macs=None,
    update_fraction=None, snr_db=None, noise_kind="", speaker="",
)  # fmt: skip


def lines(*rows, metrics=METRICS):
    cells = [header(metrics), *(cells_of(row, metrics) for row in rows)]
    return "".join(map(csv_line, cells)).encode("utf-8", "surrogateescape")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"format": 1, "machine": "m"}))
    return tmp_path


def test_a_study_reads_back_as_it_was_written(folder):
    (folder / "scores.csv").write_bytes(lines(NOISY, ROW))
    assert read_study(str(folder)) == Study(folder, (NOISY, ROW), {"format": 1, "machine": "m"})


def test_the_columns_are_those_that_others_read(folder):
    head = lines(ROW).decode().split("\n")[0]
    assert head == (
        "testset,clip,system,update_percent,backend,model_sha256,audio_sha256,snr_db,noise_kind,"
        "speaker,executed_macs,update_fraction,pesq_wb,si_sdr,error"
    )
    assert lines(ROW).decode().split("\n")[1] == (
        "set,c0,gru,62.5,engine,0123456789ab,ba9876543210,-2.5,bus,p232,92160000,0.500000,"
        "1.234567,-0.500000,"
    )
    assert len(COLUMNS) == 13


def test_a_score_that_is_missing_is_absent(folder):
    row = dataclasses.replace(ROW, scores={"si_sdr": 0.0}, error="pesq_wb: too short")
    (folder / "scores.csv").write_bytes(lines(row))
    assert read_study(folder).rows == (row,)


@pytest.mark.parametrize(
    "clip", ["a,b", 'say "x"', "two\nlines", "back\rslash", "\u2028", "k\udcff", " x ", "é"]
)
def test_odd_names_survive(folder, clip):
    row = dataclasses.replace(ROW, clip=clip)
    (folder / "scores.csv").write_bytes(lines(row, NOISY))
    assert read_study(folder).rows == (row, NOISY)


def test_an_error_of_several_lines_becomes_one(folder):
    row = dataclasses.replace(ROW, error="first\nsecond")
    (folder / "scores.csv").write_bytes(lines(row))
    assert read_study(folder).rows[0].error == "first second"


@pytest.mark.parametrize("cut", [1, 5, 60])
@pytest.mark.parametrize("clip", ["c1", "with\nbreak"])
def test_a_last_line_that_was_cut_off_is_dropped(folder, cut, clip):
    last = dataclasses.replace(ROW, clip=clip)
    (folder / "scores.csv").write_bytes(lines(NOISY, last)[:-cut])
    assert read_study(folder).rows == (NOISY,)


def test_a_name_with_a_break_that_was_cut_off_behind_it_is_dropped(folder):
    last = dataclasses.replace(ROW, clip="with\nbreak")
    whole = lines(NOISY, last)
    (folder / "scores.csv").write_bytes(whole[: whole.index(b"break")])
    assert read_study(folder).rows == (NOISY,)


def test_of_rows_about_one_thing_the_last_counts(folder):
    again = dataclasses.replace(ROW, scores={"si_sdr": 7.0})
    (folder / "scores.csv").write_bytes(lines(ROW, NOISY, again))
    rows, metrics = read_scores(folder / "scores.csv")
    assert {key_of(row): row for row in rows} == {key_of(NOISY): NOISY, key_of(ROW): again}
    assert len(rows) == 2 and metrics == METRICS


def test_a_file_without_rows_is_a_study_without_rows(folder):
    for content in (b"", b"testset,cl", lines()):
        (folder / "scores.csv").write_bytes(content)
        assert read_study(folder).rows == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"62.5", b"many"),
        (b",bus,", b","),
        (b"1.234567", b"x"),
        (b"1.234567", b"1e400"),
        (b"p232", b"a,b"),
    ],
)
def test_a_line_in_the_middle_that_is_damaged_is_named(folder, old, new):
    (folder / "scores.csv").write_bytes(lines(ROW, NOISY).replace(old, new, 1))
    with pytest.raises(StudyError, match=r"scores.csv, line 2: is damaged"):
        read_study(folder)


def test_another_table_is_refused(folder):
    (folder / "scores.csv").write_text("peer,file,pesq_wb\nx,y,1\n")
    with pytest.raises(StudyError, match=r"scores.csv: its columns are peer,file,pesq_wb, needs"):
        read_study(folder)


@pytest.mark.parametrize("missing", ["scores.csv", "study.json"])
def test_a_missing_file_is_named_and_how_a_study_is_made(folder, missing):
    (folder / "scores.csv").write_bytes(lines(ROW))
    (folder / missing).unlink()
    with pytest.raises(StudyError, match=rf"{missing}: cannot be read .* wheesht evaluate"):
        read_study(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2}', "{}"])
def test_facts_of_another_format_are_refused(folder, content):
    (folder / "scores.csv").write_bytes(lines(ROW))
    (folder / "study.json").write_text(content)
    with pytest.raises(StudyError, match=r"study.json: is (damaged|not of format 1)"):
        read_study(folder)
