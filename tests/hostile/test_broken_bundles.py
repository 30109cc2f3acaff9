"""Broken and hostile bundles: always `BundleError`, with the file and the field named."""

import dataclasses
import json
import math
import os
import re
import struct

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_tensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from wheesht.errors import BundleError
from wheesht.spec import bundle as bundle_module
from wheesht.spec.bundle import read_bundle, write_bundle

SPEC = gru_host((3, 2), "threshold", n_bins=4, filter_order=2)
SPECS = {  # together they have every kind of tensor and field
    "gru": SPEC,
    "bands": band_host((("both", 2),), "threshold", n_bins=8, n_bands=2, affine=True, order=1),
    "bins": bin_host((("down", 3),), "none", n_bins=4),
}
SLOW_DISK = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def container(document, tensors=None, model="gru"):
    """Bytes of a safetensors file with a spec as its metadata."""
    own = random_tensors(SPECS[model]) if tensors is None else tensors
    return container_of_text(json.dumps(document), own)


def container_of_text(text, tensors=None, key="wheesht"):
    """Bytes of a safetensors file with any text as its metadata."""
    return save(random_tensors(SPEC) if tensors is None else tensors, metadata={key: text})


def valid_document(model="gru"):
    return json.loads(json.dumps(SPECS[model].to_dict()))


def raw_container(header, body=b"", length=None):
    """Bytes with any header, and any length claimed for it."""
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if length is None else length) + header + body


@pytest.fixture
def refused(tmp_path):
    """Write bytes to a file, read it as a bundle, and return the sentence of the refusal."""

    def read(data):
        path = tmp_path / "m.safetensors"
        path.write_bytes(data)
        with pytest.raises(BundleError) as caught:
            read_bundle(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert len(message) < 1000, "a refusal is a sentence"
        return message.removeprefix(f"{path}: ")

    return read


@pytest.mark.parametrize("model", SPECS)
def test_the_starting_point_of_these_tests_is_valid(tmp_path, model):
    path = tmp_path / "m.safetensors"
    path.write_bytes(container(valid_document(model), model=model))
    assert read_bundle(path).spec == SPECS[model]


# Every field of the document, one by one. The lists of cases are made from a valid document, so
# that a new field is covered as soon as it exists.


def places(value, path=()):
    """Every (path, value) below and including `value`, free JSON left out."""
    yield path, value
    if path and path[-1] == "provenance":
        return
    items = {dict: lambda: value.items(), list: lambda: enumerate(value)}
    for key, item in items.get(type(value), list)():
        yield from places(item, (*path, key))


def dotted(path):
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def replaced(model, path, value):
    """A valid document with the value at `path` replaced."""
    document = valid_document(model)
    if not path:
        return value
    at(document, path[:-1])[path[-1]] = value
    return document


def at(document, path):
    for key in path:
        document = document[key]
    return document


PLACES = [(model, p, v) for model in SPECS for p, v in places(valid_document(model))]
FIELDS = [(model, p) for model, p, _ in PLACES if p and isinstance(p[-1], str)]
OBJECTS = [(m, p) for m, p, v in PLACES if isinstance(v, dict) and (not p or p[-1] != "provenance")]
WRONG_TYPES = {
    bool: [None, 1, 1.5, "1", [], {}],
    int: [None, True, 1.5, "1", [], {}],
    float: [None, True, "1", [], {}],
    str: [None, True, 1, [], {}],
    list: [None, True, 1, "x", {}],
    dict: [None, True, 1, "x", []],
}
OUT_OF_RANGE = {
    int: [-1, -(2**63), 10**9, 10**30],
    float: [-1.0, 1e9, 10**400, math.nan, math.inf, -math.inf],
    str: ["", "NO", "x" * 10**5, "ünï", "a\u0000b", "\ud800"],
}


def kind_of(value):
    return next(kind for kind in WRONG_TYPES if type(value) is kind)


def case_id(case):
    model, path, value = case
    shown = repr(value) if not isinstance(value, int | str) else type(value).__name__
    return f"{model}-{dotted(path) or 'document'}-{shown[:12]}-{str(value)[:6]}"


def place_id(place):
    return f"{place[0]}-{dotted(place[1]) or 'document'}"


def cases(table):
    found = [(m, p, bad) for m, p, v in PLACES for bad in table.get(kind_of(v), [])]
    return [pytest.param(*case, id=case_id(case)) for case in found]


@pytest.mark.parametrize("place", FIELDS, ids=place_id)
def test_a_missing_field_is_named(refused, place):
    model, path = place
    document = valid_document(model)
    del at(document, path[:-1])[path[-1]]
    assert refused(container(document)) == f"{dotted(path)}: missing"


@pytest.mark.parametrize("place", OBJECTS, ids=place_id)
def test_an_unknown_field_is_named(refused, place):
    model, path = place
    message = refused(container(replaced(model, (*path, "surprise"), 1)))
    assert message.startswith(f"{dotted((*path, 'surprise'))}: unknown field; known are ")


@pytest.mark.parametrize("model, path, bad", cases(WRONG_TYPES))
def test_a_wrong_type_is_named(refused, model, path, bad):
    message = refused(container(replaced(model, path, bad)))
    where = dotted(path) or "spec"
    assert message.startswith(f"{where}: got ")
    assert ", needs " in message


SIZES = ("_size", "_bins", "_bin", "_bands", "order", "width")


@pytest.mark.parametrize("model, path, bad", cases(OUT_OF_RANGE))
def test_a_value_out_of_range_names_a_field(refused, model, path, bad):
    message = refused(container(replaced(model, path, bad)))
    found = re.match(r"([a-z_]+(\[\d+\])?(\.[a-z_]+)*): got .*, needs ", message)
    if isinstance(bad, int) and len(path) > 1 and path[-1].endswith(SIZES):
        # Sizes must agree with their neighbours: the field named may be the next one.
        assert found and found[1] in {dotted(p) for m, p in FIELDS if m == model}
        assert found[1].split(".")[0].split("[")[0] in ("layers", "features", "mask")
    else:
        assert found and found[1] == dotted(path)


@pytest.mark.parametrize(
    "place", [(m, ("layers", i)) for m in SPECS for i in range(len(SPECS[m].layers))], ids=place_id
)
def test_a_layer_of_another_type_is_refused(refused, place):
    (model, path), others = place, "linear, conv, gru, "
    message = refused(container(replaced(model, (*path, "type"), "lstm")))
    assert message.startswith(f"{dotted(path)}.type: got 'lstm', needs one of {others}")


# The metadata.


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "metadata.wheesht: not JSON"),
        ("{", "metadata.wheesht: not JSON"),
        ("[" * 10**5, "metadata.wheesht: not JSON"),
        ('{"a":' * 10**5, "metadata.wheesht: not JSON"),
        ('{"name": 1' + "0" * 5000 + "}", "metadata.wheesht: not JSON"),
        ('{"name": 1, "name": 2}', "metadata.wheesht: field 'name' is there twice"),
        ("null", "spec: got NoneType, needs an object"),
        ("[]", "spec: got list, needs an object"),
        ('"' + "x" * 10**6 + '"', "spec: got str, needs an object"),
        ('{"' + "x" * 10**6 + '": 1}', "xxx"),
        ('{"\\u001b[2J": 1}', "'\\x1b[2J': unknown field"),
    ],
    ids=[
        "empty", "cut", "deep list", "deep object", "long integer", "twice", "null", "list",
        "string", "long key", "terminal codes",
    ],
)  # fmt: skip
def test_metadata_that_is_no_spec_is_refused(refused, text, sentence):
    assert refused(container_of_text(text)).startswith(sentence)


def test_a_safetensors_file_of_another_program_is_refused(refused):
    assert refused(container_of_text("{}", key="format")).startswith("metadata: no 'wheesht' entry")
    assert refused(save(random_tensors(SPEC))).startswith("metadata: no 'wheesht' entry")


def test_provenance_deeper_than_its_limit_is_refused(refused):
    nested = "0"
    for _ in range(300):
        nested = f'{{"n": {nested}}}'
    document = json.dumps(valid_document()).replace('{"data": ["none"], "seed": 0}', nested)
    assert "levels of nesting" in refused(container_of_text(document))


# The tensors.


def tensors_with(name, change, model="gru"):
    tensors = random_tensors(SPECS[model])
    tensors[name] = change(tensors[name])
    return tensors


def filled(value):
    def change(tensor):
        tensor = tensor.copy()
        tensor.flat[-1] = value
        return tensor

    return change


TENSORS = [(model, name) for model in SPECS for name in SPECS[model].tensor_shapes()]
CHANGES = {
    "flat": (lambda t: t.reshape(-1, 1, 1), "got shape"),
    "longer": (lambda t: np.concatenate([t, t]), "got shape"),
    "empty": (lambda t: t[:0], "got shape"),
    "float16": (lambda t: t.astype(np.float16), "got F16, needs F32"),
    "float64": (lambda t: t.astype(np.float64), "got F64, needs F32"),
    "int32": (lambda t: t.astype(np.int32), "got I32, needs F32"),
    "bool": (lambda t: t.astype(bool), "got BOOL, needs F32"),
    "nan": (filled(np.nan), "holds NaN or Inf"),
    "inf": (filled(np.inf), "holds NaN or Inf"),
    "minus inf": (filled(-np.inf), "holds NaN or Inf"),
    "huge": (filled(-1.01e4), "holds a value of size 10100, needs at most 10000"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("model, name", TENSORS)
def test_a_wrong_tensor_is_named(refused, model, name, change):
    make, sentence = CHANGES[change]
    message = refused(container(valid_document(model), tensors_with(name, make, model)))
    assert message.startswith(f"tensor {name}: {sentence}")


@pytest.mark.parametrize("model, name", TENSORS)
def test_a_missing_tensor_is_named(refused, model, name):
    tensors = random_tensors(SPECS[model])
    del tensors[name]
    assert refused(container(valid_document(model), tensors)) == f"tensor {name}: missing"


def test_an_unknown_tensor_is_named(refused):
    tensors = random_tensors(SPEC) | {"gru1.extra": np.ones(1, np.float32)}
    assert refused(container(valid_document(), tensors)).startswith("tensor 'gru1.extra': unknown")


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5])
@pytest.mark.parametrize(
    "model, name", [("gru", "gru2.threshold"), ("bands", "gru1.down.threshold")]
)
def test_a_threshold_outside_its_range_is_named(refused, model, name, value):
    tensors = tensors_with(name, filled(value), model)
    message = refused(container(valid_document(model), tensors))
    assert message == f"tensor {name}: needs values between 0 and 1, exclusive"


def test_layers_whose_sums_could_overflow_are_refused(tmp_path):
    # Each value is allowed, the product of ten such layers is not: 4e4 ** 10 is beyond float32.
    spec = gru_host((4,), "none", n_bins=4)
    linear = [dataclasses.replace(spec.layers[0], name=f"l{i}") for i in range(10)]
    document = spec.to_dict()
    document["layers"] = [vars(layer) for layer in (*linear, spec.layers[-1])]
    tensors = {}
    for layer in (*linear, spec.layers[-1]):
        for name, shape in layer.tensor_shapes().items():
            tensors[f"{layer.name}.{name}"] = np.full(shape, 1e4, np.float32)
    tensors |= {f"features.{n}": np.ones(4, np.float32) for n in ("mean", "scale")}
    path = tmp_path / "m.safetensors"
    path.write_bytes(container(document, tensors))
    with pytest.raises(BundleError, match=r"tensor l\d\.weight: .* sums can reach .*float32"):
        read_bundle(path)


# The container.


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(refused, share):
    data = container(valid_document())
    assert "not a readable bundle" in refused(data[: int(share * len(data))])


def test_a_file_with_bytes_to_spare_is_refused(refused):
    assert "not a readable bundle" in refused(container(valid_document()) + b"\0")


@pytest.mark.parametrize("length", [0, 1, 7, 2**31, 2**63, 2**64 - 1])
def test_a_header_length_that_lies_is_refused(refused, length):
    data = container(valid_document())
    assert "not a readable bundle" in refused(struct.pack("<Q", length) + data[8:])


@pytest.mark.parametrize("off", [-1, 1])
def test_a_header_length_that_is_off_by_one_is_refused(refused, off):
    data = container(valid_document())
    (length,) = struct.unpack("<Q", data[:8])
    assert "not a readable bundle" in refused(struct.pack("<Q", length + off) + data[8:])


@pytest.mark.parametrize(
    "header",
    [
        "[" * 10**6,
        '{"a":' * 10**5,
        "null",
        "[]",
        "{}",
        b"\xff\xfe" * 50,
        '{"__metadata__": {"wheesht": 1}}',
        '{"__metadata__": [1]}',
        '{"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        '{"t": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}',
        '{"t": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}',
        '{"t": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
        '{"t": {"dtype": "F99", "shape": [0], "data_offsets": [0, 0]}}',
        '{"t": {"dtype": "F32", "shape": [0], "data_offsets": [0, 18446744073709551616]}}',
    ],
    ids=lambda h: str(h)[:60],
)
def test_a_hostile_header_is_refused(refused, header):
    assert refused(raw_container(header))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0" * 4096, b"RIFF" + b"\0" * 100, os.urandom(4096)]
)
def test_garbage_is_refused(refused, data):
    assert "not a readable bundle" in refused(data)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(BundleError, match="a folder, needs a file"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", ["missing.safetensors", "x" * 5000, "a\0b", "", "missing/deep"])
def test_what_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(BundleError, match="^model "):
        read_bundle(os.path.join(tmp_path, name) if name else name)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match="neither a file nor a shipped model"):
        read_bundle(tmp_path / "pipe")


def test_a_file_beyond_the_size_limit_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    write_bundle(path, SPEC, random_tensors(SPEC))
    monkeypatch.setattr(bundle_module, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(BundleError, match=r"\d+ bytes, needs at most \d+"):
        read_bundle(path)


# Fuzzing: whatever the bytes, a valid bundle or a `BundleError`.


def survives(path, data):
    path.write_bytes(data)
    try:
        bundle = read_bundle(path)
    except BundleError:
        return
    for name, shape in bundle.spec.tensor_shapes().items():
        assert bundle.tensors[name].shape == shape
        assert np.all(np.isfinite(bundle.tensors[name]))
    assert len(bundle.spec.layer_shapes) == len(bundle.spec.layers)
    assert all(units > 0 for units in bundle.spec.unit_counts)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW_DISK)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_survived(tmp_path, data):
    survives(tmp_path / "m.safetensors", data)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW_DISK)
@given(data=st.binary(max_size=300))
def test_random_headers_are_survived(tmp_path, data):
    survives(tmp_path / "m.safetensors", raw_container(data))


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW_DISK)
@given(
    model=st.sampled_from(list(SPECS)),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_flipped_bytes_are_survived(tmp_path, model, edits):
    data = bytearray(container(valid_document(model), model=model))
    for place, byte in edits:
        data[min(int(place * len(data)), len(data) - 1)] = byte
    survives(tmp_path / "m.safetensors", bytes(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW_DISK)
@given(place=st.sampled_from([(m, p) for m, p, _ in PLACES]), value=JSON)
def test_any_json_in_any_place_is_survived(tmp_path, place, value):
    model, path = place
    data = container(replaced(model, path, value), model=model)
    survives(tmp_path / "m.safetensors", data)
