"""Command lines that make no sense: status 2, one sentence, nothing written."""

import os
import re
import subprocess

import pytest
import soundfile
from running import command_line

from wheesht.cli.main import run


@pytest.fixture
def here(tmp_path, monkeypatch, noise):
    """A working folder with two sounds, a folder of sounds, and an empty one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sounds").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "nothing").mkdir()
    for name in ("a.wav", "b.wav", "sounds/a.wav", "other/a.wav"):
        soundfile.write(name, noise(0.1)[0], 16000)
    os.symlink("/dev/null", "null.wav")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Missing argument 'IN...'"),
        ("a.wav b.wav", "need a folder for the results"),
        ("sounds", "need a folder"),
        ("a.wav b.wav -o a.wav", "cannot go into 'a.wav'"),
        ("a.wav b.wav -o -", "cannot go into '-'"),
        ("sounds -o b.wav", "cannot go into 'b.wav'"),
        ("nothing -o out", "no audio files in nothing; looked for .wav"),
        ("sounds/a.wav other/a.wav -o out", "would both become out/a.wav"),
        ("- a.wav -o out", "cannot be combined with other inputs"),
        ("- -o sounds", "'sounds' is a folder"),
        ("a.wav -o - --json", "cannot share standard output"),
        ("a.wav --update-percent much", "not a valid float"),
        ("a.wav --strength -3", "needs 0 dB"),
        ("a.wav --jobs -1", "not in the range"),
        ("a.wav --rate 16000", "add --raw"),
        ("a.wav --raw s16le", "needs --rate"),
        ("a.wav --raw s17le --rate 16000", "is not one of 'u8', 's16le'"),
        ("a.wav --raw s16le --rate 7000", "not in the range 8000<=x<=192000"),
        ("a.wav --raw s16le --rate 16000 --channels 65", "not in the range"),
        ("a.wav --nonsense", r"No such option '--nonsense'.*enhance --help'\.$"),
        ("-x.wav", r"No such option.* If -x\.wav is a file, write \./-x\.wav\.$"),
        ("--x.wav", r"No such option.* If --x\.wav is a file, write \./--x\.wav\.$"),
    ],
)
def test_wrong_use_is_explained_and_nothing_is_written(
    here, open_bundle, arguments, message, capsys
):
    before = sorted(here.rglob("*"))
    assert run(["enhance", *arguments.split(), "--model", str(open_bundle)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("wheesht: ")
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err), captured.err
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("c.wav", "c.wav: no such file"),
        ("a.wav -o b.wav", "b.wav: exists already"),
        ("a.wav -o out.xyz", r"cannot tell the format from the extension '.xyz'"),
        ("a.wav -o a.wav/b.wav", "its folder cannot be made"),
        ("a.wav -o null.wav --overwrite", "is not a regular file"),
        ("a.wav -o out.wav --model nowhere", "neither a file nor a shipped model"),
        ("a.wav -o out.wav --model sounds", "'sounds': a folder, needs a file"),
        ("a.wav -o out.wav --model b.wav", "not a readable bundle"),
        ("sounds -o out --model nowhere", "neither a file nor a shipped model"),
        ("sounds other -o out --jobs 2 --model nowhere", "neither a file nor a shipped model"),
    ],
)
def test_what_cannot_be_done_is_status_1_in_one_sentence(
    here, open_bundle, arguments, message, capsys
):
    before = sorted(here.rglob("*"))
    model = [] if "--model" in arguments else ["--model", str(open_bundle)]
    assert run(["enhance", *arguments.split(), *model]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert sorted(here.rglob("*")) == before


def test_audio_is_not_poured_into_a_terminal(here, open_bundle):
    leader, follower = os.openpty()
    command = command_line("enhance", "a.wav", "-o", "-", "--model", open_bundle)
    done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, timeout=60)
    os.close(follower)
    os.close(leader)
    assert done.returncode == 2
    assert b"standard output is a terminal" in done.stderr


@pytest.mark.parametrize("name", ["-x.wav", "a b.wav", "ü€.wav", "new\nline.wav", "%s.wav"])
def test_odd_file_names_are_ordinary(here, open_bundle, noise, name):
    soundfile.write(here / name, noise(0.1)[0], 16000)
    assert run(["enhance", "--model", str(open_bundle), "--", name]) == 0
    assert soundfile.info(here / f"{name[:-4]}_clean.wav").frames == 1600
