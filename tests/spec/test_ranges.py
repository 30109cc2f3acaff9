"""Models whose sums could overflow float32: every kind of layer is bounded, and is named."""

import dataclasses

import numpy as np
import pytest
from bundles import band_host, bin_host, random_bundle_of, scanning_models

from wheesht.errors import SpecError
from wheesht.reference.layers import Layers
from wheesht.reference.runner import ReferenceStream
from wheesht.spec import ranges
from wheesht.spec.front_end import MAX_SAMPLE
from wheesht.spec.layers import GRU, Conv, LayerNorm, Linear, Residual
from wheesht.spec.ranges import check_sums
from wheesht.spec.shapes import Shape


def constant_tensors(spec, values):
    """All tensors 0 but those given, which are filled with one value each."""
    shapes = spec.tensor_shapes()
    assert set(values) <= set(shapes)
    return {name: np.full(s, values.get(name, 0.0), np.float32) for name, s in shapes.items()}


def behind_large_values(*layers):
    """A spec with these layers behind eight linear ones, which `UPS` make as large as 1e33."""
    spec, shape = bin_host(n_bins=1, compression="none", gate="none"), Shape(1, 2)
    for layer in layers:
        shape = layer.output_shape(shape)
    ups = [Linear(f"up{i}", 2, 2, "none") for i in range(8)]
    last = Linear("fc_out", shape.channels, 2, "none")
    return dataclasses.replace(spec, layers=(*ups, *layers, last))


UPS = {f"up{i}.weight": 5e3 for i in range(8)}  # a feature is at most 10 of one bin: 10 (1e4)^8
DOUBLED = (Linear("y", 2, 2, "none"), Residual("x", "y"))


# Layers, their weights, and the sum that these can reach, by hand.
@pytest.mark.parametrize(
    "layers, weights, sentence",
    [
        ([Conv("x", 2, 2, 3)], {"x.weight": 5e3}, r"^tensor x\.weight: .* reach 3\.0e\+37"),
        ([LayerNorm("x", 2, False)], {}, r"^layer x: .* reach 8\.0e\+66"),
        ([LayerNorm("x", 2, True)], {}, r"^layer x: .* reach 8\.0e\+66"),
        (DOUBLED, {"y.weight": 4e3}, r"^layer x: .* reach 1\.6e\+37"),
        ([GRU("x", 2, 1, "none")], {"x.w_x": 1e4}, r"^tensor x\.w_x: .* reach 2\.0e\+37"),
        ([GRU("x", 2, 1, "none", "up")], {"x.w_x": 1e4}, r"^tensor x\.w_x: .* reach 2\.0e\+37"),
        ([GRU("x", 2, 1, "none", "both")], {"x.up.w_x": 1e4}, r"^tensor x\.up\.w_x: .*2\.0e\+37"),
        (
            [GRU("x", 2, 1, "none", "both")],
            {"x.down.w_x": 1e4},
            r"^tensor x\.down\.w_x: .* reach 2\.0e\+37",
        ),
    ],
    ids=["conv", "norm", "affine norm", "residual", "time", "up", "both, up", "both, down"],
)
def test_a_sum_beyond_float32_names_what_makes_it(layers, weights, sentence):
    spec = behind_large_values(*layers)
    with pytest.raises(SpecError, match=sentence):
        check_sums(constant_tensors(spec, UPS | weights), spec)
    if weights:
        check_sums(constant_tensors(spec, UPS | dict.fromkeys(weights, 1.0)), spec)


def test_a_slope_that_makes_values_overflow_is_named():
    spec = behind_large_values(Linear("x", 2, 2, "prelu"))
    small = UPS | {"x.weight": 1.0, "x.slope": 1.0}  # 2e33
    check_sums(constant_tensors(spec, small), spec)
    with pytest.raises(SpecError, match=r"^tensor x\.slope: .* reach 2\.0e\+37"):
        check_sums(constant_tensors(spec, small | {"x.slope": 1e4}), spec)


def test_bands_of_large_values_are_refused():
    spec = band_host((), gate="none")
    ups = [Linear(f"up{i}", 161, 161, "none") for i in range(6)]
    spec = dataclasses.replace(spec, layers=(*ups, *spec.layers))
    values = {"features.scale": 1.0} | {f"up{i}.weight": 1e4 for i in range(5)}  # 4e32
    check_sums(constant_tensors(spec, values | {"up5.weight": 1.0, "bands.weight": 0.1}), spec)
    with pytest.raises(SpecError, match=r"^tensor bands\.weight: "):
        check_sums(constant_tensors(spec, values | {"up5.weight": 1.0, "bands.weight": 1e4}), spec)


def test_bins_of_large_bands_are_refused():
    spec = band_host((), gate="none")
    ups = [Linear(f"up{i}", 5, 5, "none") for i in range(8)]
    spec = dataclasses.replace(spec, layers=(spec.layers[0], *ups, *spec.layers[1:]))
    values = {"features.scale": 1.0, "bands.weight": 0.01} | {
        f"up{i}.weight": 2e3 for i in range(8)
    }
    # About 100 after the bands, 1e34 after the linear layers; 2 bands of 5 channels meet in a bin.
    check_sums(constant_tensors(spec, values | {"bins.weight": 1.0}), spec)
    with pytest.raises(SpecError, match=r"^tensor bins\.weight: "):
        check_sums(constant_tensors(spec, values | {"bins.weight": 1e4}), spec)


def test_a_norm_ends_what_layers_before_it_made_large():
    norm, further = LayerNorm("x", 2, True), [Linear(f"z{i}", 2, 2, "none") for i in range(9)]
    spec = behind_large_values(norm, *further)
    small = {f"up{i}.weight": 5e3 for i in range(3)} | {f"up{i}.weight": 0.5 for i in range(3, 8)}
    values = small | {"x.weight": 1.0} | {f"z{i}.weight": 5e3 for i in range(9)}
    check_sums(constant_tensors(spec, values), spec)  # sqrt(2) (1e4)^9
    with pytest.raises(SpecError, match=r"^tensor z8\.weight: .* reach 1\.4e\+40"):
        check_sums(constant_tensors(spec, values | {"x.weight": 1e4}), spec)


@pytest.mark.parametrize("name", scanning_models())
def test_no_input_makes_a_value_larger_than_the_bound(name, monkeypatch):
    spec, percent = scanning_models()[name]
    bundle = random_bundle_of(spec, seed=4)
    seen, plain = [], Layers._plain

    def recorded(self, i, layer, x):
        y = plain(self, i, layer, x)
        seen.append(np.max(np.abs(y)))
        return y

    monkeypatch.setattr(Layers, "_plain", recorded)
    stream, hop = ReferenceStream(bundle, percent), spec.front_end.hop_length
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(hop), MAX_SAMPLE * rng.choice([-1.0, 1.0], 3 * hop)])
    stream.process(x)
    check_sums(bundle.tensors, spec)
    monkeypatch.setattr(ranges, "MAX_SUM", 0.999 * max(seen))
    with pytest.raises(SpecError, match="sums can reach"):
        check_sums(bundle.tensors, spec)
