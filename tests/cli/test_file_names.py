"""Names of files that are not text, and faults that belong to one file of many."""

import json
import os

import pytest
import soundfile
from running import run_wheesht

import wheesht.cli._run as run_module
from wheesht.cli.main import run

NOT_UTF8 = os.fsdecode(b"k\xff")


@pytest.fixture
def odd(tmp_path, noise):
    """A folder with a sound whose name is not valid UTF-8, between two ordinary ones."""
    root = tmp_path / "in"
    root.mkdir()
    for name in ("a", NOT_UTF8, "z"):
        with open(root / f"{name}.wav", "wb") as file:
            soundfile.write(file, noise(0.2)[0], 16000, format="WAV")
    return root


def frames(path):
    with open(path, "rb") as file:
        return soundfile.info(file).frames


def test_one_file_with_a_name_that_is_not_utf8(odd, open_bundle):
    done = run_wheesht("enhance", odd / f"{NOT_UTF8}.wav", "--model", open_bundle)
    assert (done.returncode, done.stderr) == (0, "")
    assert "k\ufffd.wav -> " in done.stdout
    assert frames(odd / f"{NOT_UTF8}_clean.wav") == 3200


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_name_that_is_not_utf8_does_not_stop_a_folder(odd, open_bundle, tmp_path, jobs, form):
    options = ["--jobs", jobs, "--model", open_bundle, *form]
    done = run_wheesht("enhance", odd, "-o", tmp_path / "out", *options)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("a", NOT_UTF8, "z"):
        assert frames(tmp_path / "out" / f"{name}.wav") == 3200
    if form:
        files = json.loads(done.stdout)["files"]
        assert [os.path.basename(file["input"]) for file in files][1] == f"{NOT_UTF8}.wav"


def test_the_failure_of_a_file_with_such_a_name_is_printed(odd, open_bundle, tmp_path):
    (odd / f"{NOT_UTF8}.wav").write_bytes(b"no audio")
    done = run_wheesht("enhance", odd, "-o", tmp_path / "out", "--model", open_bundle)
    assert done.returncode == 1
    assert "k\ufffd.wav: cannot be read as audio" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_without_unicode_gets_a_stand_in(odd, open_bundle):
    (odd / "a.wav").rename(odd / "ü.wav")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run_wheesht("enhance", odd / "ü.wav", "--model", open_bundle, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "?.wav -> " in done.stdout


def test_an_unforeseen_fault_is_that_of_one_file(odd, open_bundle, tmp_path, monkeypatch, capsys):
    right = run_module.enhance_file

    def faulty(source, *rest):
        if source.endswith("a.wav"):
            raise ZeroDivisionError("division by zero")
        return right(source, *rest)

    monkeypatch.setattr(run_module, "enhance_file", faulty)
    out = tmp_path / "out"
    assert run(["enhance", str(odd), "-o", str(out), "--model", str(open_bundle)]) == 1
    err = capsys.readouterr().err
    assert "1 of 3 files failed:" in err
    assert f"{odd / 'a.wav'}: failed unexpectedly (ZeroDivisionError: division by zero)" in err
    assert len(list(out.iterdir())) == 2
