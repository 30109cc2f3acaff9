"""The files of a study: one writer at a time, rows that outlive it, one step at the end."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from wheesht.errors import StudyError
from wheesht.evaluation.ledger import Ledger, write_whole
from wheesht.evaluation.study import Row, read_study

FACTS = {"format": 1}
ROW = Row("set", "c0", "noisy", None, "", "", "a" * 12, 1.5, "", "", None, None, {"si_sdr": 0.5})
OTHER = replace(ROW, clip="c1", scores={"si_sdr": -1.0})


def write(folder, *rows, metrics=("si_sdr",)):
    with Ledger(folder) as ledger:
        ledger.begin(FACTS, metrics)
        ledger.add(rows)
        ledger.finish(lambda row: row.clip)


def test_rows_are_on_disk_as_soon_as_they_are_added(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.begin(FACTS, ["si_sdr"])
        assert read_study(tmp_path).rows == ()
        ledger.add([OTHER])
        assert read_study(tmp_path).rows == (OTHER,)
        ledger.add([ROW])
        assert read_study(tmp_path).rows == (OTHER, ROW)
        ledger.finish(lambda row: row.clip)
        assert read_study(tmp_path).rows == (ROW, OTHER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv", "study.json"]


def test_what_is_there_is_found_again_and_can_be_changed(tmp_path):
    write(tmp_path / "deep" / "study", ROW, OTHER)
    with Ledger(tmp_path / "deep" / "study") as ledger:
        assert (ledger.rows, ledger.metrics, ledger.facts) == ([ROW, OTHER], ["si_sdr"], FACTS)
        assert list(ledger.rows_of("set", "c1").values()) == [OTHER]
        assert ledger.rows_of("other", "c1") == {}
        ledger.retain(lambda row: row.clip == "c1")
        ledger.begin(FACTS, ["pesq_wb", "si_sdr"])
        better = replace(OTHER, scores={"pesq_wb": 2.0, "si_sdr": 1.0})
        ledger.add([better])
    assert read_study(tmp_path / "deep" / "study").rows == (better,)


def test_a_row_that_is_known_is_not_written_again(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.begin(FACTS, ["si_sdr"])
        ledger.add([ROW])
        size = (tmp_path / "scores.csv").stat().st_size
        ledger.add([ROW])
        assert (tmp_path / "scores.csv").stat().st_size == size


def test_a_torn_end_is_gone_before_more_is_added(tmp_path):
    write(tmp_path, ROW)
    with open(tmp_path / "scores.csv", "a") as file:
        file.write("set,c1,noi")
    with Ledger(tmp_path) as ledger:
        ledger.begin(FACTS, ["si_sdr"])
        ledger.add([OTHER])
    assert read_study(tmp_path).rows == (ROW, OTHER)


def test_overwriting_forgets_the_study_and_nothing_else(tmp_path):
    write(tmp_path, ROW)
    for name in ("summary.csv", "bench.json", "report.html"):
        (tmp_path / name).touch()
    with Ledger(tmp_path, overwrite=True) as ledger:
        assert (ledger.rows, ledger.metrics, ledger.facts) == ([], [], {})
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path):
    with Ledger(tmp_path):
        with pytest.raises(StudyError, match=f"process {os.getpid()} is at work on it"):
            Ledger(tmp_path, overwrite=True)
    with Ledger(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


HOLD = """
import sys, time
from pathlib import Path
from wheesht.evaluation.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_lock_of_another_process_holds_until_it_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StudyError, match=f"process {other.pid} is at work on it"):
            Ledger(tmp_path)
        other.kill()
    assert (tmp_path / ".lock").exists()
    with Ledger(tmp_path):
        pass
    assert not (tmp_path / ".lock").exists()


def test_the_lock_is_left_when_the_study_cannot_be_read(tmp_path):
    (tmp_path / "scores.csv").write_text("something,else\n")
    for _ in range(2):
        with pytest.raises(StudyError, match="its columns are something,else"):
            Ledger(tmp_path)


def test_a_lock_file_that_vanishes_is_made_anew(tmp_path, monkeypatch):
    import wheesht.folder_lock as module

    real, tries = module._lock, []

    def vanishing(descriptor):
        tries.append(descriptor)
        if len(tries) == 1:  # its owner ended between our opening and locking it
            (tmp_path / ".lock").unlink()
        if len(tries) == 2:  # and another one came and went
            (tmp_path / ".lock").unlink()
            (tmp_path / ".lock").touch()
        real(descriptor)

    monkeypatch.setattr(module, "_lock", vanishing)
    with Ledger(tmp_path):
        assert len(tries) == 3
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match=r"cannot be used for results \(.*\); name another"):
        Ledger(tmp_path / place)


def test_a_full_disk_is_one_sentence(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with Ledger(tmp_path) as ledger:
        ledger.begin(FACTS, ["si_sdr"])
        ledger._file.close()
        ledger._file = open("/dev/full", "w")  # noqa: SIM115
        with pytest.raises(StudyError, match=r"scores.csv: cannot be written \(No space left"):
            ledger.add([ROW])
        ledger._file = None


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_whole(path, "before")
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(30, "no")))
    with pytest.raises(StudyError, match=r"x.json: cannot be written \(Read-only file system\)"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_facts_are_written_for_people(tmp_path):
    write(tmp_path, ROW)
    text = (tmp_path / "study.json").read_text()
    assert json.loads(text) == FACTS and text == '{\n  "format": 1\n}\n'


def test_a_place_that_is_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "x.json").mkdir()
    with pytest.raises(StudyError) as refused:
        write_whole(tmp_path / "x.json", "text")
    assert str(refused.value) == f"{tmp_path / 'x.json'}: is a folder; name a file in it"
