"""Broken and hostile bundles of integers: `BundleError`, with the tensor or field named."""

import json
import re

import numpy as np
import pytest
from bundles import band_host, gru_host, random_bundle_of
from safetensors.numpy import save

from wheesht.compress.quantize import integer_layers, quantize_bundle
from wheesht.errors import BundleError, SpecError
from wheesht.spec.bundle import read_bundle, write_bundle


def integers_of(spec):
    bundle = random_bundle_of(spec)
    names = [layer.name for layer in spec.layers]
    return quantize_bundle(
        bundle, dict.fromkeys(names, 2.0), dict.fromkeys(integer_layers(bundle), "s8")
    )


VALID = integers_of(gru_host((3, 2), n_bins=4))
BANDS = integers_of(band_host((("both", 2),), n_bins=8, n_bands=2))


@pytest.fixture
def refused(tmp_path):
    """Write tensors and a document as they are, read them, and return why that is refused."""

    def read(tensors, document=None):
        path = tmp_path / "m.safetensors"
        document = VALID.spec.to_dict() if document is None else document
        path.write_bytes(save(tensors, metadata={"wheesht": json.dumps(document)}))
        with pytest.raises(BundleError) as caught:
            read_bundle(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ") and len(message) < 1000
        return message.removeprefix(f"{path}: ")

    return read


def changed(name, tensor, valid=VALID):
    """The tensors of a valid bundle, one replaced; None takes it away."""
    tensors = {**valid.tensors, name: tensor}
    return {key: value for key, value in tensors.items() if value is not None}


def spoiled(name, value, valid=VALID):
    """The tensors of a valid bundle with one value of one of them replaced."""
    tensor = valid.tensors[name].copy()
    tensor.flat[-1] = value
    return changed(name, tensor, valid)


INTEGERS = [name for name, t in VALID.tensors.items() if t.dtype == np.int8]
SCALES = [name for name in VALID.tensors if name.endswith("_scale")]


def test_the_starting_point_is_valid_and_has_every_kind_of_tensor(tmp_path):
    for valid in (VALID, BANDS):
        path = tmp_path / "m.safetensors"
        path.write_bytes(
            save(valid.tensors, metadata={"wheesht": json.dumps(valid.spec.to_dict())})
        )
        assert read_bundle(path).spec == valid.spec
    assert len(INTEGERS) == 6 and len(SCALES) == 10


@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_without_an_opposite_is_refused(refused, name):
    message = refused(spoiled(name, -128))
    assert message == f"tensor {name}: holds -128, needs -127 to 127"


@pytest.mark.parametrize("name", INTEGERS)
def test_neighbours_whose_products_would_not_fit_are_refused(refused, name):
    tensor = VALID.tensors[name].copy()
    tensor[0] = 0
    tensor[0, :2] = 64, -65
    message = refused(changed(name, tensor, VALID))
    needed = "two neighbours (columns 2k and 2k + 1) add up to 129 in size, needs at most 128"
    assert message == f"tensor {name}: {needed}"


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, np.float32(1e-20) / 2])
@pytest.mark.parametrize("name", SCALES)
def test_a_scale_that_is_not_well_above_zero_is_refused(refused, name, value):
    assert refused(spoiled(name, value)) == f"tensor {name}: needs values of 1e-20 or more"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", SCALES)
def test_a_scale_that_is_no_number_is_refused(refused, name, value):
    assert refused(spoiled(name, value)).startswith(f"tensor {name}: holds NaN or Inf")


@pytest.mark.parametrize("name", SCALES)
def test_a_huge_scale_is_refused(refused, name):
    message = refused(spoiled(name, 1.1e4))
    assert message.startswith(f"tensor {name}: holds a value of size 11000")


@pytest.mark.parametrize("name", INTEGERS)
def test_floats_where_integers_belong_are_refused(refused, name):
    message = refused(changed(name, VALID.tensors[name].astype(np.float32)))
    assert message == f"tensor {name}: got F32, needs I8"


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.float16])
def test_other_integers_are_refused(refused, dtype):
    message = refused(changed("gru1.w_h", np.abs(VALID.tensors["gru1.w_h"]).astype(dtype)))
    assert re.fullmatch(r"tensor gru1\.w_h: got [UIF]\d+, needs I8", message)


@pytest.mark.parametrize("name", ["fc_in.bias", "fc_in.slope", "gru1.b_h", *SCALES])
def test_integers_where_floats_belong_are_refused(refused, name):
    message = refused(changed(name, np.ones(VALID.tensors[name].shape, np.int8)))
    assert message == f"tensor {name}: got I8, needs F32"


@pytest.mark.parametrize("name", [*INTEGERS, *SCALES])
def test_a_missing_tensor_is_refused(refused, name):
    assert refused(changed(name, None)) == f"tensor {name}: missing"


@pytest.mark.parametrize("name", [*INTEGERS, *SCALES])
def test_a_wrong_shape_is_refused(refused, name):
    message = refused(changed(name, VALID.tensors[name][..., np.newaxis].copy()))
    assert message.startswith(f"tensor {name}: got shape ")


def test_a_scale_of_a_tensor_without_integers_is_refused(refused):
    message = refused(changed("fc_in.bias_scale", np.ones(3, np.float32)))
    assert message == "tensor 'fc_in.bias_scale': unknown to this spec"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_format_cannot_hold_integers(refused, version):
    document = VALID.spec.to_dict() | {"format_version": version}
    message = refused(VALID.tensors, document)
    assert message == f"format_version: got {version}, needs 4 or more, for layers[0].dtype s8"


def test_a_description_of_floats_does_not_fit_tensors_of_integers(refused):
    document = VALID.spec.to_dict()
    document["layers"] = [layer | {"dtype": "f32"} for layer in document["layers"]]
    assert "unknown to this spec" in refused(VALID.tensors, document)


@pytest.mark.parametrize(
    "kind, place, dtype, known",
    [
        ("gru", 1, "s16", "f32, s8"),
        ("gru", 0, "S8", "f32, s8, s16"),
        ("bands", 0, "s8", "f32"),
        ("gru", 0, 8, "f32, s8, s16"),
    ],
)
def test_a_type_that_a_layer_cannot_have_is_refused(refused, kind, place, dtype, known):
    valid = {"gru": VALID, "bands": BANDS}[kind]
    document = json.loads(json.dumps(valid.spec.to_dict()))
    document["layers"][place]["dtype"] = dtype
    message = refused(valid.tensors, document)
    assert message == f"layers[{place}].dtype: got {dtype!r}, needs one of {known}"


def test_sums_that_overflow_are_refused_with_what_integers_stand_for(refused):
    """Every number is allowed alone; ten linear layers of them are too much."""
    document = VALID.spec.to_dict()
    first, last = document["layers"][0], document["layers"][-1]
    wide = first | {"input_size": 3, "activation": "none"}
    document["layers"] = [first | {"activation": "none"}]
    document["layers"] += [wide | {"name": f"fc{i}", "dtype": "f32"} for i in range(9)]
    document["layers"] += [last | {"input_size": 3}]
    document["update_percent"] = {"default": 100.0, "min": 100.0, "max": 100.0}
    tensors = {k: t for k, t in VALID.tensors.items() if k.startswith(("features", "fc_in"))}
    tensors.pop("fc_in.slope")
    tensors["fc_in.weight"] = np.full((3, 4), 64, np.int8)
    tensors["fc_in.weight_scale"] = np.full(3, 100, np.float32)
    for i in range(9):
        tensors[f"fc{i}.weight"] = np.full((3, 3), 1e4, np.float32)
        tensors[f"fc{i}.bias"] = np.zeros(3, np.float32)
    for own, shape in (("weight", (4, 3)), ("weight_scale", 4), ("bias", 4), ("input_scale", 1)):
        kind = np.int8 if own == "weight" else np.float32
        tensors[f"fc_out.{own}"] = np.ones(shape, kind)
    message = refused(tensors, document)
    assert re.match(r"tensor fc7\.weight: with the layers before it sums can reach", message)


def test_integers_of_another_type_are_not_written(tmp_path):
    tensors = changed("gru1.w_h", VALID.tensors["gru1.w_h"].astype(np.int16))
    with pytest.raises(SpecError, match=r"^tensor gru1\.w_h: got int16, needs int8"):
        write_bundle(tmp_path / "m.safetensors", VALID.spec, tensors)
    assert list(tmp_path.iterdir()) == []
