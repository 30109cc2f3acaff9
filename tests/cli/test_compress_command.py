"""`wheesht compress`: the bundle it writes, what it says about it, and what it refuses."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from bundles import band_host, gru_host, random_tensors
from running import command_line, heed_signals

from wheesht.cli.main import run
from wheesht.compress import post_training
from wheesht.engine.enhancer import enhance
from wheesht.spec.bundle import read_bundle, write_bundle
from wheesht.spec.cost import weight_bytes

KEYS = [
    "output",
    "name",
    "sha256",
    "source",
    "update_percent",
    "calibration",
    "weight_bytes",
    "layers",
    "below_db",
    "report_seconds",
]
LAYER_KEYS = [
    "name",
    "type",
    "dtype",
    "tried",
    "bytes_before",
    "bytes_after",
    "input_range",
    "below_db",
    "beyond_range",
]


@pytest.fixture
def model(small_bundle):
    return small_bundle  # layers fc_in, gru1, gru2, fc_out


@pytest.fixture
def recordings(tmp_path):
    """A folder of two recordings, of two rates."""
    folder, rng = tmp_path / "noisy", np.random.default_rng(0)
    folder.mkdir()
    for name, rate in (("a.wav", 16000), ("b.flac", 44100)):
        soundfile.write(folder / name, 0.1 * rng.standard_normal(3 * rate), rate)
    return folder


@pytest.fixture
def compress(model, recordings, tmp_path, capsys):
    """Run the command on recordings, which is quicker; return its status, output and errors."""

    def go(*options, target="m.safetensors", source=model):
        words = ["compress", source, "--int8", "-o", tmp_path / target, "--calibrate", recordings]
        status = run([*map(str, words), *map(str, options)])
        return status, *capsys.readouterr()

    return go


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "noisy")


def test_a_smaller_model_is_written_that_enhances_nearly_the_same(compress, model, tmp_path):
    assert compress()[0] == 0
    assert left_in(tmp_path) == ["m.safetensors"]
    old, new = read_bundle(model), read_bundle(tmp_path / "m.safetensors")
    assert new.spec.name == "random-int8" and new.spec.dtype == "s8"
    assert weight_bytes(new.spec) < 0.4 * weight_bytes(old.spec)
    x = 0.1 * np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    wanted = enhance(x, 16000, old)
    error = enhance(x, 16000, new) - wanted
    assert 0 < np.sum(error**2) < 0.1 * np.sum(wanted**2)


def test_provenance_is_kept_and_says_how_the_integers_came_about(compress, model, tmp_path):
    assert compress("--layer", "gru2=f32", "--update-percent", "25")[0] == 0
    provenance = read_bundle(tmp_path / "m.safetensors").spec.provenance
    note = provenance.pop("quantisation")
    assert provenance == read_bundle(model).spec.provenance
    assert note["source"] == {"name": "random", "sha256": read_bundle(model).sha256}
    assert note["dtypes"] == {"fc_in": "s8", "gru1": "s8", "fc_out": "s8"}
    assert note["calibration"] == {"signals": "recordings", "files": 2, "seconds": 5.4}
    assert note["update_percent"] == 25 and note["method"].startswith("post-training")
    assert str(tmp_path) not in json.dumps(note)


def test_json_has_the_documented_keys_and_the_numbers_of_the_file(compress, model, tmp_path):
    status, out, err = compress("--json", "--layer", "fc_in=s16", "--layer", "gru1=f32")
    facts = json.loads(out)
    assert (status, err, list(facts)) == (0, "", KEYS)
    path = tmp_path / "m.safetensors"
    assert facts["output"] == str(path)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    old, new = read_bundle(model), read_bundle(path)
    sizes = {"before": weight_bytes(old.spec), "after": weight_bytes(new.spec)}
    assert facts["weight_bytes"] == sizes
    assert [list(row) for row in facts["layers"]] == [LAYER_KEYS] * 4
    assert [row["dtype"] for row in facts["layers"]] == ["s16", "f32", "s8", "s8"]
    assert [row["tried"] for row in facts["layers"]] == ["s16", "s8", "s8", "s8"]
    saved = sum(row["bytes_before"] - row["bytes_after"] for row in facts["layers"])
    assert saved == sizes["before"] - sizes["after"]
    reach = new.tensors["gru2.input_scale"][0] * 127
    assert facts["layers"][2]["input_range"] == pytest.approx(reach) == 1.0
    assert all(0 < row["below_db"] < 200 for row in facts["layers"])
    assert facts["report_seconds"] == pytest.approx(0.6, abs=0.02)


def test_text_has_a_row_for_each_layer_the_worst_first_and_says_what_to_do_next(
    compress, model, tmp_path
):
    status, out, err = compress()
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[0].startswith(f"{tmp_path / 'm.safetensors'}: random-int8, ")
    assert "times fewer than random" in lines[0]
    assert lines[1].startswith("Calibrated on 5.4 s of recordings (2 files) at P = 50; ")
    start = next(i for i, line in enumerate(lines) if line.startswith("layer"))
    rows = [line.split() for line in lines[start + 1 : start + 6]]
    assert sorted(row[0] for row in rows[:4]) == ["fc_in", "fc_out", "gru1", "gru2"]
    assert rows[4][0] == "together"
    below = [float(row[5]) for row in rows[:4]]
    assert below == sorted(below)
    evaluate = f"wheesht evaluate {model} {tmp_path / 'm.safetensors'} --testset PATH"
    assert lines[-1] == f"Now compare them: {evaluate}"
    assert "\x1b" not in out


def test_without_recordings_signals_are_made(model, tmp_path, capsys):
    arguments = ["compress", str(model), "--int8", "-o", str(tmp_path / "m.safetensors"), "--json"]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calibration"] == {"signals": "synthesised", "seconds": 25.0}
    assert err == ""  # no progress where there is no terminal


def test_the_same_command_gives_the_same_bytes(compress, tmp_path):
    assert compress(target="a.safetensors")[0] == compress(target="b.safetensors")[0] == 0
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_network_that_scans_frequency_is_made_of_integers_too(compress, tmp_path):
    spec = band_host((("both", 4),), n_bins=31, n_bands=5)
    write_bundle(tmp_path / "bands.safetensors", spec, random_tensors(spec))
    status, out, _ = compress("--json", source=tmp_path / "bands.safetensors")
    assert status == 0
    assert [row["name"] for row in json.loads(out)["layers"]] == ["gru1", "fc1", "bins", "fc_out"]
    assert read_bundle(tmp_path / "m.safetensors").spec.dtype == "s8+f32"


def test_minutes_limit_what_is_heard(compress):
    status, out, _ = compress("--json", "--minutes", "0.05")
    assert status == 0
    assert json.loads(out)["calibration"]["seconds"] == pytest.approx(2.7)


def test_a_name_may_be_given(compress, tmp_path):
    assert compress("--name", "tiny")[0] == 0
    assert read_bundle(tmp_path / "m.safetensors").spec.name == "tiny"


def test_an_existing_file_is_replaced_only_when_that_is_asked_for(compress, tmp_path):
    target = tmp_path / "m.safetensors"
    target.write_bytes(b"precious")
    status, out, err = compress()
    assert (status, out) == (1, "") and "exists already" in err
    assert target.read_bytes() == b"precious"
    assert compress("--overwrite")[0] == 0
    assert read_bundle(target).spec.dtype == "s8"
    assert left_in(tmp_path) == ["m.safetensors"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--layer", "gru3=s8"], "layer: got 'gru3', needs one of fc_in, gru1, gru2, fc_out"),
        (["--layer", "gru1=s16"], "--layer gru1=s16: a gru layer is f32 or s8."),
        (["--layer", "gru1=int8"], "'gru1=int8' is not NAME=f32, NAME=s8 or NAME=s16"),
        (["--layer", "=s8"], "'=s8' is not NAME=f32"),
        (["--layer", "gru1"], "'gru1' is not NAME=f32"),
        (["--layer", "gru1=s8", "--layer", "gru1=f32"], "layer 'gru1' is there twice"),
        (
            [w for n in ("fc_in", "gru1", "gru2", "fc_out") for w in ("--layer", f"{n}=f32")],
            "layers: all would stay f32",
        ),
        (["--name", "No Name"], "--name: got 'No Name', needs a lower-case letter"),
        (["--update-percent", "0.5"], "update_percent: got 0.5, needs 1 to 100"),
        (["--update-percent", "nan"], "update_percent: got nan, needs 1 to 100"),
        (["--minutes", "0"], "Invalid value for '--minutes'"),
        (["--minutes", "nan"], "minutes: got nan, needs a number above 0"),
        (["--minutes", "inf"], "minutes: got inf, needs a number above 0"),
        (["--minutes", "0.0001"], "calibration: got no signal of 160 samples or more"),
        (["--calibrate", "nowhere"], "Path 'nowhere' does not exist."),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else "",
)
def test_wrong_use_is_one_sentence_and_leaves_nothing(compress, tmp_path, options, message):
    status, out, err = compress(*options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("wheesht: ") and message in err
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "words, message",
    [
        (["-o", "m.safetensors"], "nothing to do: say how, with --int8."),
        (["--int8"], "Missing option '-o'"),
        (["--int8", "-o", "m", "--minutes", "1"], "--minutes is about recordings"),
        (["--int8", "-o", "-"], "'-' cannot hold a bundle; give -o a file's name."),
        (["--int8", "-o", "/dev/null"], "'/dev/null' cannot hold a bundle"),
        (["--int8", "-o", "."], "File '.' is a directory."),
    ],
    ids=" ".join,
)
def test_what_is_missing_is_told(model, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(["compress", str(model), *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and message in err
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_integers_is_refused(compress, tmp_path):
    assert compress()[0] == 0
    status, _, err = compress(source=tmp_path / "m.safetensors", target="again.safetensors")
    assert status == 2
    assert err.startswith("wheesht: model 'random-int8': its layers are s8, needs f32; give the")
    assert left_in(tmp_path) == ["m.safetensors"]


def test_failures_leave_nothing(compress, recordings, tmp_path):
    status, _, err = compress(source="no-such-model")
    assert status == 1 and "neither a file nor a shipped model" in err
    (recordings / "c.wav").write_text("no audio")
    status, _, err = compress()
    assert status == 1 and "c.wav: cannot be read as audio" in err and err.count("\n") == 1
    assert left_in(tmp_path) == []


def test_the_model_itself_is_not_overwritten(compress, model, tmp_path):
    source = tmp_path / "source.safetensors"
    source.write_bytes(model.read_bytes())
    status, _, err = compress("--overwrite", source=source, target="source.safetensors")
    assert status == 2 and "is MODEL, whose floats would be lost" in err
    assert source.read_bytes() == model.read_bytes()


def test_an_empty_name_is_refused(compress, tmp_path):
    status, _, err = compress("--name", "")
    assert status == 2 and "--name" in err and left_in(tmp_path) == []


@pytest.mark.parametrize(
    "told, named",
    [
        ({}, ""),
        ({"quantisation": "per tensor"}, ""),
        ({"quantisation": {"source": None}}, ""),
        ({"quantisation": {"source": {"name": 5}}}, ""),
        ({"initial_bundle": {"quantisation": {"source": {"name": "b"}}}}, ", b"),
    ],
)
def test_a_provenance_of_any_shape_is_read(compress, tmp_path, told, named):
    bundle = read_bundle("small-int8")
    path = tmp_path / "noisy" / "other.safetensors"
    write_bundle(path, replace(bundle.spec, provenance=told), bundle.tensors)
    status, _, err = compress(source=path)
    assert status == 2 and err.rstrip().endswith(f"that it was made from{named}")


def test_a_model_of_integers_is_refused_with_what_it_was_made_from(compress, tmp_path):
    status, _, err = compress(source="small-int8")
    assert status == 2 and err.rstrip().endswith(
        "give the model of floats that it was made from, small"
    )


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_silence_is_nothing_to_calibrate_on(compress, recordings, tmp_path, value):
    for path in recordings.iterdir():
        path.unlink()
    soundfile.write(recordings / "a.wav", np.full(48000, value), 16000, subtype="FLOAT")
    status, _, err = compress()
    assert (status, left_in(tmp_path)) == (2, [])
    assert "calibrate: nothing but silence; give recordings of noisy speech" in err


def test_errors_are_not_measured_on_a_silent_end(compress, recordings):
    for path in recordings.iterdir():
        path.unlink()
    x = np.zeros(64000)
    x[:48000] = 0.1 * np.random.default_rng(0).standard_normal(48000)
    soundfile.write(recordings / "a.wav", x, 16000)
    status, out, _ = compress()
    assert status == 0 and "errors not measured: the part kept for them is silent" in out
    assert out.count("not measured") == 10 and "no error" not in out
    facts = json.loads(compress("--json", "--overwrite")[1])
    assert facts["report_seconds"] == 0 and facts["below_db"] is None


def test_a_pipe_is_no_recording(compress, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    status, _, err = compress("--calibrate", tmp_path / "pipe.wav")
    assert status == 2 and "pipe.wav is no regular file" in err


def test_a_layer_that_stays_float_is_explained(compress):
    lines = compress("--layer", "fc_in=f32")[1].splitlines()
    assert "f32 (s8): the layer stays float; the error is what integers would do to it." in lines
    assert not any("f32 (s8)" in line for line in compress("--overwrite")[1].splitlines())


def test_a_full_disk_is_told_by_the_name_of_the_file(compress, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("wheesht.cli.compress.write_bundle", full)
    status, _, err = compress()
    assert (status, left_in(tmp_path)) == (1, [])
    assert err.strip().endswith("m.safetensors: cannot be written (No space left on device)")


@pytest.mark.parametrize("place", ["layer_errors", "input_ranges", "bundle_digest"])
def test_an_interruption_leaves_nothing(compress, tmp_path, monkeypatch, place):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(post_training, place, interrupted)
    status, out, err = compress()
    assert (status, out, err.strip()) == (130, "", "wheesht: interrupted")
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing(tmp_path, number, status):
    """The model is large enough for the work to last while the partial file is there."""
    spec = gru_host((700, 700))
    write_bundle(tmp_path / "big.safetensors", spec, random_tensors(spec))
    out = tmp_path / "out"
    words = command_line("compress", tmp_path / "big.safetensors", "--int8", "-o", out / "m")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heed_signals}
    with subprocess.Popen(words, **options) as process:
        deadline = time.monotonic() + 60
        while not list(out.glob(".*.part")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == status
    assert list(out.iterdir()) == []
