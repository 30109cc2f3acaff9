"""Writing and reading bundles that are in order; broken ones are in tests/hostile."""

import hashlib
import json
import struct

import numpy as np
import pytest
from bundles import gru_host, random_tensors, scanning_models

from wheesht.errors import BundleError, SpecError
from wheesht.spec.bundle import (
    BEST_MODEL,
    DEFAULT_MODEL,
    MAX_TENSOR_VALUE,
    bundle_path,
    read_bundle,
    shipped_models,
    write_bundle,
)

MODELS = {gate: gru_host((7, 33), gate) for gate in ("top_a", "threshold", "none")}
MODELS |= {name: spec for name, (spec, _) in scanning_models().items()}


@pytest.mark.parametrize("name", MODELS)
def test_a_bundle_that_was_written_reads_back_equal(tmp_path, name):
    spec, path = MODELS[name], tmp_path / "m.safetensors"
    tensors = random_tensors(spec)
    write_bundle(path, spec, tensors)
    bundle = read_bundle(path)
    assert bundle.spec == spec
    assert bundle.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(bundle.tensors) == list(spec.tensor_shapes())
    for name, tensor in tensors.items():
        assert np.array_equal(bundle.tensors[name], tensor)
        assert bundle.tensors[name].dtype == np.float32
        assert not bundle.tensors[name].flags.writeable


def test_the_container_is_readable_without_any_library(tmp_path):
    spec, path = gru_host((7,)), tmp_path / "m.safetensors"
    write_bundle(path, spec, random_tensors(spec))
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert json.loads(header["__metadata__"]["wheesht"]) == json.loads(json.dumps(spec.to_dict()))
    start, end = header["gru1.w_h"]["data_offsets"]
    stored = np.frombuffer(data[8 + length + start : 8 + length + end], "<f4").reshape(21, 7)
    assert np.array_equal(stored, random_tensors(spec)["gru1.w_h"])


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path):
    spec, path = gru_host((7,)), tmp_path / "m.safetensors"
    write_bundle(path, spec, random_tensors(spec, seed=0))
    write_bundle(path, spec, random_tensors(spec, seed=1))
    want = random_tensors(spec, seed=1)["gru1.w_h"]
    assert np.array_equal(read_bundle(path).tensors["gru1.w_h"], want)
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_target_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_bundle(tmp_path / "taken", gru_host((7,)), random_tensors(gru_host((7,))))
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def spoil(change):
    tensors = random_tensors(gru_host((7,)))
    change(tensors)
    return tensors


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.pop("gru1.b_h"), r"^tensor gru1\.b_h: missing"),
        (lambda t: t.update(other=np.ones(1)), r"^tensor 'other': unknown"),
        (lambda t: t.update({"gru1.b_h": np.ones(20)}), r"^tensor gru1\.b_h: got shape \(20,\)"),
        (lambda t: t.update({"gru1.b_h": np.full(21, 1e300)}), r"^tensor gru1\.b_h: holds NaN"),
        (lambda t: t["gru1.w_h"].fill(1.1e4), r"^tensor gru1\.w_h: holds a value of size 11000"),
    ],
    ids=["missing", "unknown", "shape", "overflow", "size"],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_tensors_that_do_not_fit_are_not_written(tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"precious")
    with pytest.raises(SpecError, match=message):
        write_bundle(path, gru_host((7,)), spoil(change))
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_values_at_the_limit_are_accepted(tmp_path):
    tensors = spoil(lambda t: t["gru1.w_h"].fill(-MAX_TENSOR_VALUE))
    write_bundle(tmp_path / "m.safetensors", gru_host((7,)), tensors)
    assert read_bundle(tmp_path / "m.safetensors").tensors["gru1.w_h"][0, 0] == -MAX_TENSOR_VALUE


def test_names_of_shipped_models_are_found_and_default_is_one_of_them():
    for name in shipped_models():
        assert bundle_path(name).is_file()
        assert read_bundle(name).spec.name
    if DEFAULT_MODEL in shipped_models():
        assert bundle_path("default") == bundle_path(DEFAULT_MODEL)


def test_best_names_a_shipped_model(monkeypatch):
    if BEST_MODEL in shipped_models():
        assert read_bundle("best").spec.name == BEST_MODEL
    monkeypatch.setattr("wheesht.spec.bundle.shipped_models", lambda: [])
    with pytest.raises(BundleError, match="'best': neither a file nor a shipped model"):
        bundle_path("best")


def test_an_unknown_name_lists_what_is_shipped():
    with pytest.raises(BundleError, match=r"'no-such-model': neither a file nor .* shipped are:"):
        bundle_path("no-such-model")
