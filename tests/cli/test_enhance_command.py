"""`wheesht enhance` on files and folders."""

import json

import numpy as np
import pytest
import soundfile

import wheesht
from wheesht.cli.main import run

# One step of 16 bits: the file is rounded once, and its samples lie on the grid already.
STEP_16 = 2.0**-15


@pytest.fixture
def noisy(tmp_path, noise):
    """A 16 kHz 16-bit WAV file of 0.7 s."""
    path = tmp_path / "noisy.wav"
    soundfile.write(path, noise(0.7)[0], 16000, "PCM_16")
    return path


def enhance(*arguments):
    return run(["enhance", *map(str, arguments)])


def test_one_file_becomes_clean_wav_beside_it(noisy, small_bundle, capsys):
    assert enhance(noisy, "--model", small_bundle) == 0
    target = noisy.with_name("noisy_clean.wav")
    assert f"{noisy} -> {target}: 0.7 s in" in capsys.readouterr().out
    got, rate = soundfile.read(target, dtype="float32")
    assert rate == 16000
    x = soundfile.read(noisy, dtype="float32")[0]
    want = wheesht.enhance(x, 16000, model=small_bundle)
    assert np.abs(got - want).max() <= STEP_16 / 2


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"])
def test_the_output_names_its_format(noisy, open_bundle, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    assert enhance(noisy, "-o", target, "--model", open_bundle) == 0
    info = soundfile.info(target)
    assert (info.frames, info.samplerate) == (11200, 16000)


def test_a_folder_given_as_output_receives_the_file(noisy, open_bundle, tmp_path):
    for folder in (tmp_path / "there", tmp_path / "new"):
        if folder.name == "there":
            folder.mkdir()
        assert enhance(noisy, "-o", f"{folder}/", "--model", open_bundle) == 0
        assert [p.name for p in folder.iterdir()] == ["noisy_clean.wav"]


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 192000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_strength_0_at_16_khz_and_above_gives_the_same_samples(
    tmp_path, small_bundle, noise, rate, channels
):
    path, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(path, noise(0.3, rate, channels).T, rate, "PCM_16")
    assert enhance(path, "-o", target, "--strength", 0, "--model", small_bundle) == 0
    x, y = (soundfile.read(p, dtype="int16", always_2d=True)[0] for p in (path, target))
    assert x.shape == y.shape
    if rate >= 16000:
        np.testing.assert_array_equal(x, y)


def test_the_dial_is_passed_on(noisy, small_bundle, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert enhance(noisy, "-o", out, "--model", small_bundle, "--update-percent", 25) == 0
    assert "24 % of units updated" in capsys.readouterr().out  # 5 of 21 and 8 of 33
    x = soundfile.read(noisy, dtype="float32")[0]
    want = wheesht.enhance(x, 16000, model=small_bundle, update_percent=25)
    assert np.abs(soundfile.read(out)[0] - want).max() <= STEP_16 / 2


@pytest.mark.parametrize("dial", [0, 0.5, 101, "nan"])
def test_a_dial_out_of_range_is_wrong_use(noisy, small_bundle, dial, capsys):
    assert enhance(noisy, "--model", small_bundle, "--update-percent", dial) == 2
    assert "needs 1 to 100 percent" in capsys.readouterr().err
    assert [p.name for p in noisy.parent.iterdir()] == ["noisy.wav"]


def test_a_dial_that_moves_and_a_governor_are_passed_on(noisy, small_bundle, capsys):
    target, outputs = noisy.with_name("out.wav"), {}
    for given in ([], ["--dial", "flux"], ["--max-rtf", "1e-9"]):
        options = ["-o", target, "--overwrite", "--model", small_bundle, "--json", *given]
        assert enhance(noisy, *options) == 0
        fraction = json.loads(capsys.readouterr().out)["files"][0]["update_fraction"]
        outputs[" ".join(given)] = soundfile.read(target)[0], fraction
    assert not np.array_equal(outputs[""][0], outputs["--dial flux"][0])
    assert outputs["--dial flux"][1] == pytest.approx(outputs[""][1], abs=0.05)
    assert outputs["--max-rtf 1e-9"][1] < 0.2 < outputs[""][1]  # every hop is late


@pytest.mark.parametrize("percent", [1, 1.5, 50, 99, 100])
def test_a_dial_that_cannot_move_is_warned_about(noisy, small_bundle, tmp_path, percent, capsys):
    outputs = {}
    for dial in ("fixed", "level"):
        options = ["-o", tmp_path / f"{dial}.wav", "--model", small_bundle, "--dial", dial]
        assert enhance(noisy, *options, "--update-percent", percent) == 0
        outputs[dial] = soundfile.read(tmp_path / f"{dial}.wav")[0]
    stands = percent in (1, 100)
    warning = f"--dial level has no effect: its mean, P = {percent}, is a limit of this model"
    err = capsys.readouterr().err
    assert (warning in err) == stands and err.count("\n") == stands
    if stands:
        assert np.array_equal(outputs["fixed"], outputs["level"])


@pytest.mark.parametrize(
    "given",
    [["--dial", "top_a"], *(["--max-rtf", x] for x in ("0", "-0.5", "1.5", "2", "nan", "much"))],
)
def test_a_dial_or_deadline_that_does_not_exist_is_wrong_use(noisy, given, capsys):
    assert enhance(noisy, *given) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"wheesht: Invalid value for '{given[0]}': ") and given[1] in err
    assert not noisy.with_name("noisy_clean.wav").exists()


def test_late_hops_are_reported_where_there_is_a_deadline(noisy, small_bundle, capsys):
    for given, late, said in (
        ([], None, "updated\n"),
        (["--max-rtf", "1e-9"], 71, ", 71 hops late\n"),
    ):
        options = [noisy, "--model", small_bundle, "--overwrite", *given]
        assert enhance(*options) == 0
        assert capsys.readouterr().out.endswith(said)
        assert enhance(*options, "--json") == 0
        assert json.loads(capsys.readouterr().out)["files"][0]["late_hops"] == late  # one to flush


def test_nothing_is_overwritten_unless_asked(noisy, open_bundle, tmp_path, capsys):
    target = tmp_path / "out.wav"
    target.write_bytes(b"precious")
    assert enhance(noisy, "-o", target, "--model", open_bundle) == 1
    assert "exists already; choose another name or allow --overwrite" in capsys.readouterr().err
    assert target.read_bytes() == b"precious"
    assert enhance(noisy, "-o", target, "--overwrite", "--model", open_bundle) == 0
    assert soundfile.info(target).frames == 11200


def test_the_input_is_replaced_only_when_asked(noisy, small_bundle):
    before = noisy.read_bytes()
    assert enhance(noisy, "-o", noisy, "--model", small_bundle) == 1
    assert noisy.read_bytes() == before
    assert enhance(noisy, "-o", noisy, "--overwrite", "--model", small_bundle) == 0
    assert noisy.read_bytes() != before
    assert soundfile.info(noisy).frames == 11200


def test_one_file_as_json(noisy, small_bundle, capsys):
    assert enhance(noisy, "--model", small_bundle, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] == []
    (report,) = document["files"]
    assert report["input"] == str(noisy)
    assert report["output"] == str(noisy.with_name("noisy_clean.wav"))
    assert (report["sample_rate"], report["channels"], report["seconds"]) == (16000, 1, 0.7)
    assert report["update_fraction"] == pytest.approx((11 + 17) / 54)
    assert 0 < report["rtf"] < 1
    assert report["warnings"] == []


@pytest.mark.parametrize(("frames", "timed"), [(1, False), (1599, False), (1600, True)])
def test_audio_too_short_to_be_timed_has_no_real_time_factor(
    tmp_path, small_bundle, noise, frames, timed, capsys
):
    path = tmp_path / "short.wav"
    soundfile.write(path, noise(0.1)[0, :frames], 16000)
    assert enhance(path, "--model", small_bundle) == 0
    assert ("rtf" in capsys.readouterr().out) == timed
    assert enhance(path, "--model", small_bundle, "--overwrite", "--json") == 0
    (report,) = json.loads(capsys.readouterr().out)["files"]
    assert (report["rtf"] is not None) == timed


@pytest.fixture
def tree(tmp_path, noise):
    """Three good files in two formats and folders, one bad one, and what is no audio."""
    root = tmp_path / "in"
    (root / "deep" / "er").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name, rate in (("b.wav", 16000), ("deep/a.flac", 48000), ("deep/er/c.WAV", 8000)):
        soundfile.write(root / name, noise(0.2, rate)[0], rate)
    soundfile.write(root / ".hidden" / "d.wav", noise(0.2)[0], 16000)
    (root / "deep" / "bad.wav").write_bytes(b"no audio")
    (root / "notes.txt").write_text("hello")
    return root


def names_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_keeps_its_tree_and_survives_a_bad_file(tree, open_bundle, tmp_path, jobs, capsys):
    out = tmp_path / "out"
    assert enhance(tree, "-o", out, "--model", open_bundle, "--jobs", jobs) == 1
    assert names_below(out) == ["b.wav", "deep/a.flac", "deep/er/c.WAV"]
    captured = capsys.readouterr()
    assert captured.out.count(" -> ") == 3
    assert "1 of 4 files failed:" in captured.err
    assert f"{tree / 'deep' / 'bad.wav'}: cannot be read as audio" in captured.err
    x, y = (soundfile.read(folder / "deep" / "a.flac")[0] for folder in (tree, out))
    np.testing.assert_array_equal(x, y)


def test_a_folder_run_as_json_lists_failures(tree, open_bundle, tmp_path, capsys):
    assert enhance(tree, "-o", tmp_path / "out", "--model", open_bundle, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert [file["sample_rate"] for file in document["files"]] == [16000, 48000, 8000]
    assert [failure["input"] for failure in document["failed"]] == [str(tree / "deep" / "bad.wav")]


def test_results_do_not_depend_on_the_number_of_processes(tree, small_bundle, tmp_path):
    (tree / "deep" / "bad.wav").unlink()
    for jobs in (1, 2):
        model = ["--model", small_bundle]
        assert enhance(tree, "-o", tmp_path / str(jobs), *model, "--jobs", jobs) == 0
    for name in names_below(tmp_path / "1"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_subfolders_can_be_left_out(tree, open_bundle, tmp_path):
    assert enhance(tree, "-o", tmp_path / "out", "--no-recursive", "--model", open_bundle) == 0
    assert names_below(tmp_path / "out") == ["b.wav"]


def test_results_inside_the_input_folder_are_not_enhanced_again(tree, open_bundle):
    (tree / "deep" / "bad.wav").unlink()
    for _ in range(2):
        out = tree / "out"
        assert enhance(tree, "-o", out, "--overwrite", "--model", open_bundle) == 0
        assert names_below(out) == ["b.wav", "deep/a.flac", "deep/er/c.WAV"]


def test_several_files_and_folders_go_into_one_folder(tree, noisy, open_bundle, tmp_path):
    (tree / "deep" / "bad.wav").unlink()
    out = tmp_path / "out"
    assert enhance(noisy, tree, "-o", out, "--model", open_bundle) == 0
    assert names_below(out) == ["in/b.wav", "in/deep/a.flac", "in/deep/er/c.WAV", "noisy.wav"]


def test_a_folder_into_itself_needs_overwrite(tree, open_bundle, capsys):
    (tree / "deep" / "bad.wav").unlink()
    assert enhance(tree, "-o", tree, "--model", open_bundle) == 1
    assert capsys.readouterr().err.count("exists already") == 3
    assert enhance(tree, "-o", tree, "--overwrite", "--model", open_bundle) == 0


def test_a_bar_is_drawn_only_on_a_terminal(noisy, open_bundle, capsys, monkeypatch):
    assert enhance(noisy, "--model", open_bundle) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert enhance(noisy, "--overwrite", "--model", open_bundle) == 0
    assert "100%" in capsys.readouterr().err
