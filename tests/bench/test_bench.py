"""The benchmark: it times only what is right, and reports what DESIGN promises."""

import json

import numpy as np
import pytest
from bundles import gru_host, random_tensors

from wheesht.bench import rivals, stream
from wheesht.errors import GateError, ParameterError
from wheesht.spec.bundle import Bundle, read_bundle
from wheesht.spec.cost import strict_macs

ROW_KEYS = {
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


@pytest.fixture
def bundle(small_bundle):
    return read_bundle(small_bundle)


def quick(bundle, **settings):
    return stream.bench(bundle, (100.0, 50.0), runs=5, hops=50, **settings)


def test_report_has_the_promised_keys_and_counts_macs_as_the_spec_does(bundle):
    document = quick(bundle).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["gate"]["passed"] and document["gate"]["error_db"] >= 100
    for row in document["rows"]:
        assert set(row) == ROW_KEYS
        assert row["executed_macs"] == strict_macs(bundle.spec, row["update_percent"]).total
        assert 0 < row["us_recurrent_median"] < row["us_hop_median"] <= row["us_hop_p99"]
        assert row["rtf"] == pytest.approx(row["us_hop_median"] / 1e4, abs=1e-5)


@pytest.mark.parametrize("name", sorted(rivals.RIVALS))
def test_a_rival_on_the_same_weights_gets_a_row(name, bundle):
    pytest.importorskip({"onnxruntime": "onnxruntime", "torch": "torch"}[name])
    rows = quick(bundle, against=(name,)).rows
    assert [row.backend for row in rows] == ["wheesht", "wheesht", name]


def test_a_missing_rival_is_skipped_with_the_install_command(bundle, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = quick(bundle, against=("onnxruntime",))
    assert len(result.rows) == 2 and "pip install 'wheesht[bench]'" in result.skipped[0]


def test_a_wrong_engine_is_not_timed(bundle, monkeypatch):
    broken = {name: t.copy() for name, t in bundle.tensors.items()}
    broken["gru1.w_h"][0, 0] += 0.5
    right = stream.pack

    def pack_something_else(asked):
        return right(Bundle(asked.spec, broken, asked.sha256))

    monkeypatch.setattr(stream, "pack", pack_something_else)
    with pytest.raises(GateError, match="not timed: the engine"):
        quick(bundle)


def test_a_wrong_rival_is_not_timed(bundle, monkeypatch):
    pytest.importorskip("onnxruntime")

    def without_the_complement(tensors, name):
        weights = rivals_weights(tensors, name)
        return weights | {"W": -weights["W"]}

    rivals_weights = rivals.onnx_gru_weights
    monkeypatch.setattr(rivals, "onnx_gru_weights", without_the_complement)
    with pytest.raises(GateError, match="not timed: onnxruntime"):
        quick(bundle, against=("onnxruntime",))


def test_an_unknown_rival_is_named(bundle):
    with pytest.raises(ParameterError, match="unknown runtime 'abacus'"):
        quick(bundle, against=("abacus",))


def test_every_instruction_set_may_be_asked_for(bundle):
    from wheesht.engine import _ext

    isas = tuple(_ext.isa_names())
    assert [row.isa for row in quick(bundle, isas=isas).rows[::2]] == list(isas)


def test_onnx_weights_are_reordered_and_the_update_gate_complemented():
    spec = gru_host(hidden=(3,), n_bins=4)
    tensors = random_tensors(spec)
    parts = rivals.onnx_gru_weights(tensors, "gru1")
    r, z, c = np.split(tensors["gru1.w_x"], 3)
    assert np.array_equal(parts["W"][0], np.concatenate([-z, r, c]))
    assert parts["R"].shape == (1, 9, 3) and parts["B"].shape == (1, 18)
