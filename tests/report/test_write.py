"""The files: the same every time, complete or untouched."""

import errno
import os
from pathlib import Path

import pytest
from synthetic_study import rows_of, write_study

from wheesht.errors import AudioFileError
from wheesht.report import write
from wheesht.report.material import Options
from wheesht.report.write import write_report, write_texts


def test_the_same_study_gives_the_same_page(tmp_path):
    folder = write_study(tmp_path / "study", rows_of(n=5))
    texts = []
    for name in ("one", "two"):
        written = write_report([folder], tmp_path / name)
        texts.append((written.html.read_bytes(), written.markdown.read_bytes()))
    assert texts[0] == texts[1]


def test_the_page_goes_into_the_first_study_by_default(tmp_path):
    first, second = (
        write_study(tmp_path / name, rows_of(name, n=2), commands=[f"command {name}"])
        for name in ("a", "b")
    )
    written = write_report([first, second], options=Options(has_audio=False))
    assert written.html == first / "report.html" and written.markdown == first / "report.md"
    text = written.markdown.read_text()
    assert "command a" in text and "command b" in text
    assert "# Evaluation of gru on a and b" in text
    assert sorted(p.name for p in second.iterdir()) == ["scores.csv", "study.json"]


def test_times_of_the_study_are_found(tmp_path):
    folder = write_study(tmp_path, rows_of(n=2))
    (folder / "bench.json").write_text(
        '{"machine": "M", "rows": [{"backend": "wheesht", "update_percent": 50, "rtf": 0.0049,'
        ' "us_hop_median": 49.0, "executed_macs": 92160000}]}'
    )
    text = write_report([folder], options=Options(has_audio=False)).markdown.read_text()
    assert "| gru | 50 | 1.34 | 92.16 | 69.2 | 49.0 | 0.0049 |" in text
    assert "Measured times, one thread" in text and "**RTF**" in text


def test_a_failure_leaves_both_files_as_they_were(tmp_path, monkeypatch):
    folder = write_study(tmp_path / "study", rows_of(n=2))
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.html", "report.md"):
        (out / name).write_text("before")

    def fail(document):
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "to_markdown", fail)
    with pytest.raises(KeyboardInterrupt):
        write_report([folder], out)
    assert {p.name: p.read_text() for p in out.iterdir()} == {
        "report.html": "before",
        "report.md": "before",
    }


def test_nothing_unfinished_stays_behind(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(AudioFileError, match="b: is a folder"):
        write_texts({tmp_path / "a": "text", tmp_path / "b": "text"})
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_full_disk_is_an_error_that_names_the_file(step, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((Path, step) if step == "write_text" else (os, step)), fail)
    with pytest.raises(AudioFileError, match=r"report\.html: cannot be written \(No space left"):
        write_texts({tmp_path / "report.html": "text"})
    assert list(tmp_path.iterdir()) == []


def test_text_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_texts({tmp_path / "a": "fine", tmp_path / "b": "\udcff"})
    assert list(tmp_path.iterdir()) == []
