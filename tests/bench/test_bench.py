"""The whole benchmark: what it promises, what it refuses, what it leaves as it was."""

import gc
import json
import os
from dataclasses import replace

import pytest

from wheesht.bench import field, stream
from wheesht.bench.stream import Conditions, bench
from wheesht.bench.timing import Clocks
from wheesht.engine import _ext
from wheesht.errors import GateError, MissingDependency, NoisyMachineError, ParameterError
from wheesht.spec.bundle import Bundle
from wheesht.spec.cost import macs_per_hop, strict_macs

# Any machine is quiet enough for these.
QUICK = Conditions(runs=3, hops=60, max_spread=1e9, processes=False)

PROMISED = {  # DESIGN.md, section 4
    "backend",
    "dtype",
    "isa",
    "update_percent",
    "us_hop_median",
    "us_hop_p99",
    "us_recurrent_median",
    "rtf",
    "executed_macs",
}
ADDED = {
    "model",
    "model_sha256",
    "update_fraction",
    "sample_rate",
    "hop_ms",
    "timed",
    "us_hop_worst",
    "us_network_median",
    "us_read_median",
    "weight_bytes_hop",
    "cpu_us_hop_median",
    "cpu_us_hop_p99",
    "cpu_us_hop_worst",
    "us_per_10ms",
    "ratio",
    "spread",
    "layers",
}


@pytest.fixture(scope="module")
def document(small_bundle):
    from wheesht.spec.bundle import read_bundle

    return bench(read_bundle(small_bundle), (100.0, 50.0), ("webrtc",), conditions=QUICK).to_dict()


def test_the_document_has_the_promised_keys_and_survives_json(document):
    assert json.loads(json.dumps(document)) == document
    assert set(document) == {
        "machine",
        "gate",
        "conditions",
        "slowest_run_over_fastest",
        "quiet",
        "skipped",
        "base",
        "rows",
        "cold_start",
        "memory",
        "instructions",
    }
    assert document["gate"]["passed"] and document["gate"]["error_db"] >= 100
    for row in document["rows"]:
        assert set(row) == PROMISED | ADDED
    assert set(document["conditions"]) >= {"runs", "hops", "threads", "signal", "core", "spread"}
    assert document["conditions"]["runs_made"] == 3
    assert document["cold_start"] is document["memory"] is None and document["instructions"] == []


def test_rows_of_the_engine_count_macs_as_the_spec_does(document, bundle):
    engine = document["rows"][:2]
    assert [row["update_percent"] for row in engine] == [100.0, 50.0]
    for row in engine:
        percent = row["update_percent"]
        assert row["executed_macs"] == strict_macs(bundle.spec, percent).total
        macs = [100 * count for count in macs_per_hop(bundle.spec, percent)]
        assert [layer["executed_macs"] for layer in row["layers"]] == [*macs, 0]
        assert row["model"] == "random" and row["model_sha256"] == bundle.sha256[:12]
        assert row["isa"] == _ext.isa_names()[-1] and row["hop_ms"] == 10
    assert engine[0]["update_fraction"] == 1 and 0.45 < engine[1]["update_fraction"] < 0.55


def test_figures_of_a_row_fit_each_other(document):
    for row in document["rows"]:
        assert 0 < row["us_hop_median"] <= row["us_hop_p99"] <= row["us_hop_worst"]
        assert row["rtf"] == pytest.approx(row["us_hop_median"] / 1e4, abs=2e-6)
        assert row["us_per_10ms"] == pytest.approx(row["us_hop_median"], abs=0.01)
        assert 0 <= row["cpu_us_hop_median"] <= row["cpu_us_hop_worst"]
    assert document["rows"][0]["ratio"] == 1
    assert document["base"] == {
        "backend": "wheesht",
        "model": "random",
        "isa": _ext.isa_names()[-1],
        "update_percent": 100.0,
    }


def test_a_rival_comes_after_the_engine_with_what_was_timed(document):
    row = document["rows"][2]
    assert (row["backend"], row["model"], row["dtype"]) == ("webrtc", "", "s16")
    assert "conversion" in row["timed"] and row["layers"] == []
    assert row["executed_macs"] is row["update_fraction"] is row["us_recurrent_median"] is None
    gated = document["gate"]["gated"]
    assert [found["backend"] for found in gated] == ["wheesht", "wheesht", "webrtc"]


def test_all_instruction_sets_come_fastest_first_and_all_are_gated(bundle):
    result = bench(bundle, (100.0, 50.0), isas=("all",), conditions=QUICK)
    places = [(row.isa, row.update_percent) for row in result.rows]
    assert places == [(isa, p) for isa in _ext.isa_names()[::-1] for p in (100.0, 50.0)]
    assert {(f["isa"], f["update_percent"]) for f in result.gated} == set(places)


def test_several_models_take_turns_and_keep_their_names(bundle, make_bundle):
    from wheesht.spec.bundle import read_bundle

    dense = read_bundle(make_bundle(hidden=(9,), gate="none"))
    result = bench({"a": bundle, "b": dense}, (50.0, 100.0), conditions=QUICK)
    assert [(row.model, row.update_percent) for row in result.rows] == [
        ("a", 50.0),
        ("a", 100.0),
        ("b", 100.0),
    ]
    assert result.skipped == ("update_percent: got 50, needs 100 to 100, the range of model 'b'",)
    with pytest.raises(ParameterError, match="needs 100 to 100, the range of model 'b'"):
        bench({"b": dense}, (50.0, 100.0), conditions=QUICK)


def test_a_busy_machine_gives_no_result(bundle):
    """A clock that runs ever faster makes every run slower than the one before."""
    now = [0.0, 1e6]

    def wall():
        now[1] *= 1.001
        now[0] += now[1]
        return round(now[0])

    restless = replace(QUICK, max_spread=1.1, clocks=Clocks(wall, None))
    with pytest.raises(NoisyMachineError, match="15 runs brought no 3 in a row"):
        bench(bundle, (100.0,), conditions=restless)


def test_a_steady_clock_gives_a_result_at_the_usual_limit(bundle):
    ticks = iter(range(0, 10**12, 1000))
    steady = Conditions(runs=3, hops=60, processes=False, clocks=Clocks(ticks.__next__, None))
    result = bench(bundle, (100.0, 50.0), conditions=steady)
    assert [(row.us_hop_median, row.ratio, row.spread) for row in result.rows] == 2 * [(1, 1, 1)]
    assert result.to_dict()["quiet"]


def test_a_wrong_kernel_gives_no_result(bundle, monkeypatch):
    broken = {name: t.copy() for name, t in bundle.tensors.items()}
    broken["gru1.w_h"][0, 0] += 0.5
    right = field.pack

    def pack_something_else(asked):
        return right(Bundle(asked.spec, broken, asked.sha256))

    monkeypatch.setattr(field, "pack", pack_something_else)
    with pytest.raises(GateError, match="not timed: random on"):
        bench(bundle, (100.0, 50.0), conditions=QUICK)
    with pytest.raises(GateError):
        bench(bundle, (100.0,), conditions=replace(QUICK, times=False))


def test_without_times_there_are_no_rows(bundle):
    result = bench(bundle, (100.0,), ("webrtc",), conditions=replace(QUICK, times=False)).to_dict()
    assert result["rows"] == [] and result["base"] is None and result["conditions"] == {}
    assert result["gate"]["passed"] and result["quiet"]


def test_fresh_processes_and_instructions_come_when_asked_for(bundle, monkeypatch):
    monkeypatch.setattr(stream, "measure_processes", lambda models: ({"of": [*models]}, {}))
    asked = {}

    def count(models, settings, isas):
        asked.update(settings=settings, isas=isas)
        return [], ["a note"]

    monkeypatch.setattr(stream, "count_instructions", count)
    how = Conditions(times=False, instructions=True)
    result = bench({"a": bundle}, (100.0, 50.0), isas=("scalar",), conditions=how)
    assert result.cold_start == {"of": ["a"]} and result.skipped == ("a note",)
    assert asked == {"settings": {"a": [100.0, 50.0]}, "isas": ["scalar"]}


def test_missing_valgrind_is_a_sentence(bundle, monkeypatch):
    def none(*_):
        raise MissingDependency("instruction counts need valgrind")

    monkeypatch.setattr(stream, "count_instructions", none)
    how = replace(QUICK, times=False, instructions=True)
    result = bench(bundle, (100.0,), conditions=how)
    assert result.skipped == ("instruction counts need valgrind",) and result.instructions == ()


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({"against": ("abacus",)}, "unknown rival 'abacus'; known are onnxruntime, torch"),
        ({"isas": ("abacus",)}, "no instruction set 'abacus' on this machine"),
        ({"conditions": replace(QUICK, hops=59)}, "hops: got 59, needs 60 or more"),
        ({"conditions": replace(QUICK, runs=0)}, "runs: got 0, needs 1 or more"),
        ({"conditions": replace(QUICK, max_spread=1.0)}, "max_spread: got 1, needs a factor"),
    ],
    ids=["rival", "isa", "hops", "runs", "spread"],
)
def test_wrong_use_is_named(bundle, settings, complaint):
    with pytest.raises(ParameterError, match=complaint):
        bench(bundle, (100.0,), **settings)


def test_every_known_rival_can_be_asked_for_at_once(bundle, monkeypatch):
    entered = []
    monkeypatch.setattr(
        field.Field, "enter_rival", lambda self, rival, models: entered.append(rival)
    )
    bench(bundle, (100.0,), ("all",), conditions=QUICK)
    assert entered == [
        *("onnxruntime", "torch", "webrtc", "speexdsp", "rnnoise"),
        *("dtln", "dtln_int8", "nsnet2", "gtcrn", "noisereduce"),
    ]


def test_rivals_look_for_their_files_in_the_folder_that_is_named(bundle, tmp_path):
    result = bench(bundle, (100.0,), ("gtcrn",), conditions=QUICK, rival_files=tmp_path)
    assert len(result.rows) == 1
    assert result.skipped[0].startswith(f"gtcrn needs gtcrn.onnx in {tmp_path}: ")


def test_the_process_is_left_as_it_was(bundle):
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    seen, steps = [], []

    def progress(step):
        steps.append(step)
        seen.append(gc.isenabled())

    bench(bundle, (100.0,), conditions=QUICK, progress=progress)
    assert steps == [1, 1, 1] and seen == 3 * [False]
    assert gc.isenabled()
    if cores is not None:
        assert os.sched_getaffinity(0) == cores
