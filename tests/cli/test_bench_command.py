"""`wheesht bench`: what it prints, and what it refuses."""

import json

import pytest

from wheesht.bench import stream
from wheesht.cli.main import run
from wheesht.engine import _ext

QUICK = ("--runs", "5", "--hops", "60", "--no-processes")
ANY_MACHINE = (*QUICK, "--max-spread", "1e9")


@pytest.mark.parametrize("asked", ["foo", "scalar,foo", "AVX2"])
def test_an_instruction_set_that_is_not_there_is_wrong_use(small_bundle, asked, capsys):
    assert run(["bench", str(small_bundle), "--isa", asked]) == 2
    out, err = capsys.readouterr()
    name = asked.split(",")[-1]
    known = ", ".join(_ext.isa_names())
    assert out == ""
    assert err == (f"wheesht: bench: no instruction set {name!r} on this machine; it has {known}\n")


@pytest.mark.parametrize("json_too", [(), ("--json",)], ids=["text", "json"])
def test_a_busy_machine_prints_no_number_and_fails(small_bundle, json_too, capsys):
    """No machine is so quiet that its runs agree to a part in 10^12."""
    strict = (*QUICK, "--max-spread", "1.000000000001", *json_too)
    assert run(["bench", str(small_bundle), *strict]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("wheesht: bench: the machine is too busy to time anything: the runs of ")
    assert "stop other programs and repeat" in err and err.count("\n") == 1


@pytest.mark.parametrize("limit", ["1", "0.5", "x"])
def test_a_limit_that_no_run_can_keep_is_wrong_use(small_bundle, limit, capsys):
    assert run(["bench", str(small_bundle), *QUICK, "--max-spread", limit]) == 2
    assert "max-spread" in capsys.readouterr().err


def test_a_folder_of_rivals_that_is_none_is_wrong_use(small_bundle, tmp_path, capsys):
    absent = str(tmp_path / "absent")
    assert run(["bench", str(small_bundle), *QUICK, "--rival-files", absent]) == 2
    assert absent in capsys.readouterr().err


def test_rivals_look_for_their_files_in_the_folder(small_bundle, tmp_path, capsys):
    asked = ("--against", "dtln,gtcrn", "--rival-files", str(tmp_path))
    assert run(["bench", str(small_bundle), *ANY_MACHINE, *asked]) == 0
    err = capsys.readouterr().err
    assert f"skipped: dtln needs dtln_1.onnx and dtln_2.onnx in {tmp_path}: " in err
    assert f"skipped: gtcrn needs gtcrn.onnx in {tmp_path}: " in err


def test_json_is_one_document_on_standard_output(small_bundle, capsys):
    asked = ("--update-percent", "100,50", "--against", "webrtc", "--isa", "all", "--json")
    assert run(["bench", str(small_bundle), *ANY_MACHINE, *asked]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["conditions"]["max_spread"] == 1e9
    rows = [(row["isa"], row["update_percent"]) for row in document["rows"]]
    engine = [(isa, p) for isa in _ext.isa_names()[::-1] for p in (100.0, 50.0)]
    assert rows == [*engine, ("", 100.0)]


def test_text_is_aligned_and_holds_rows_and_layers(small_bundle, make_bundle, capsys):
    models = [str(small_bundle), str(make_bundle(hidden=(9,), seed=3))]
    asked = ("--update-percent", "100,50", "--against", "webrtc")
    assert run(["bench", *models, *ANY_MACHINE, *asked]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    head = next(line for line in lines if "us/hop" in line)
    rows = [line for line in lines if line.startswith(("wheesht ", "webrtc "))]
    assert len(rows) == 5 and {len(row) for row in rows} == {len(head)}
    assert sum(line.startswith("us per hop in ") for line in lines) == 2
    layers = [line for line in lines if line.startswith("  ")][1:]
    assert [line.split(":")[0].strip() for line in layers] == [
        *("fc_in", "gru1", "gru2", "fc_out", "rest"),
        *("fc_in", "gru1", "fc_out", "rest"),
    ]
    assert len({len(line) for line in layers[:5]}) == len({len(line) for line in layers[5:]}) == 1
    assert all(line.count("%") == 2 for line in layers)
    assert max(map(len, lines)) - len(models[1]) <= 100
    # Two files hold models of one name, so one of them goes by its file.
    assert "wheesht random" in rows[0] and models[1] in rows[2]


@pytest.mark.parametrize(
    "gate, percents", [("top_a", [100.0, 75.0, 50.0, 25.0]), ("none", [100.0])]
)
def test_left_alone_the_dial_goes_to_the_usual_places_that_a_model_has(
    make_bundle, gate, percents, capsys
):
    model = str(make_bundle(hidden=(9,), gate=gate))
    assert run(["bench", model, *ANY_MACHINE, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["update_percent"] for row in rows] == percents
    assert run(["bench", model, *ANY_MACHINE, "--update-percent", "0.5"]) == 2
    assert "needs" in capsys.readouterr().err


def test_sentences_go_to_standard_error(small_bundle, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "webrtc_noise_gain", None)
    asked = ("--update-percent", "100", "--against", "webrtc", "--json")
    assert run(["bench", str(small_bundle), *ANY_MACHINE, *asked]) == 0
    out, err = capsys.readouterr()
    sentence = "webrtc needs: pip install 'wheesht[rivals]'"
    assert json.loads(out)["skipped"] == [sentence]
    assert f"skipped: {sentence}\n" in err


def test_fresh_processes_and_instructions_have_their_lines(small_bundle, monkeypatch, capsys):
    from wheesht.bench.result import Instructions

    cold = {
        "starts": 7,
        "python_ms": 10.4,
        "numpy_ms": 60.6,
        "rows": [{"model": "random", "first_hop_ms": 90.0, "own_ms": 29.4}],
    }
    memory = {"rows": [{"model": "random", "peak_bytes": 45_000_000, "own_bytes": 15_000_000}]}
    monkeypatch.setattr(stream, "measure_processes", lambda models: (cold, memory))
    counts = [Instructions("random", "avx2", 50.0, 1234567.5, 1000000, ())]
    monkeypatch.setattr(stream, "count_instructions", lambda *_: (counts, []))
    assert run(["bench", str(small_bundle), "--no-times", "--instructions"]) == 0
    out, err = capsys.readouterr()
    assert "fresh process, median of 7: python 10 ms, with numpy 61 ms\n" in out
    assert "random: first hop of output after 90 ms (29 ms on top of numpy)" in out
    assert "peak of memory 45.0 MB (15.0 MB on top of numpy)" in out
    assert "random avx2" in out and "1,234,568" in out and "1.235" in out
    assert "us/hop" not in out and err == ""
