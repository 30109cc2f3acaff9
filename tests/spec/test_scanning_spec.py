"""Specs of networks that scan frequency: what the layers make of shapes, and what is refused."""

import dataclasses
import json

import pytest
from bundles import band_host, bin_host, gru_host, scanning_models

from wheesht.errors import SpecError
from wheesht.spec import model_spec
from wheesht.spec.front_end import LogPower, ScaledSpectrum
from wheesht.spec.heads import MagnitudeFilter, Mapping
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec
from wheesht.spec.shapes import Shape

MODELS = {name: spec for name, (spec, _) in scanning_models().items()}


@pytest.mark.parametrize("name", MODELS)
def test_document_of_a_spec_gives_the_spec_back(name):
    spec = MODELS[name]
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_positions_and_channels_follow_the_layers():
    shapes = dict(
        zip([la.name for la in band_host().layers], band_host().layer_shapes, strict=True)
    )
    assert [shapes[n] for n in ("bands", "gru1", "fc1", "gru3", "bins", "fc_out")] == [
        (11, 5), (11, 8), (11, 5), (11, 9), (161, 4), (161, 10),
    ]  # fmt: skip
    assert band_host().unit_counts == (11 * 8, 11 * 7, 11 * 9, 11 * 3)
    assert bin_host().unit_counts == (23 * 10, 23 * 6)


def test_both_directions_have_tensors_of_their_own():
    shapes = band_host(gate="threshold").tensor_shapes()
    own = {name: shape for name, shape in shapes.items() if name.startswith("gru1.")}
    one = {"w_x": (12, 5), "w_h": (12, 4), "b_x": (12,), "b_h": (12,), "threshold": (4,)}
    assert own == {f"gru1.{d}.{t}": shape for d in ("up", "down") for t, shape in one.items()}
    assert "features.mean" not in bin_host().tensor_shapes()


def at(spec, name, **changes):
    """Build a spec again with fields of one layer changed."""

    def build():
        layers = [
            dataclasses.replace(la, **changes) if la.name == name else la for la in spec.layers
        ]
        return dataclasses.replace(spec, layers=tuple(layers))

    return build


def without(spec, name):
    layers = tuple(layer for layer in spec.layers if layer.name != name)
    return lambda: dataclasses.replace(spec, layers=layers)


def of_part(spec, part, **changes):
    """Build a spec again with fields of its features or its head changed."""
    changed = dataclasses.replace(getattr(spec, part), **changes)
    return lambda: dataclasses.replace(spec, **{part: changed})


BANDS, BINS = band_host(), bin_host()


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Conv("c", 2, 0, 3), r"^output_size: got 0, needs 1 to 4096"),
        (lambda: Conv("c", 0, 2, 3), r"^input_size: got 0, needs 1 to 4096"),
        (lambda: Conv("c", 2, 2, 2), r"^kernel_size: got 2, needs an odd number from 1 to 15"),
        (lambda: Conv("c", 2, 2, 17), r"^kernel_size: got 17, needs an odd number from 1 to 15"),
        (lambda: Conv("c", 2, 2, -1), r"^kernel_size: got -1, needs an odd"),
        (lambda: LayerNorm("n", 0, True), r"^input_size: got 0, needs 1 to 4096"),
        (lambda: Rectifier("N"), r"^name: got 'N', needs a lower-case letter"),
        (lambda: Residual("N", "a"), r"^name: got 'N', needs a lower-case letter"),
        (lambda: GRU("g", 1, 2049, "none", "both"), r"^hidden_size: got 2049, needs at most 2048"),
        (lambda: BandAnalysis("b", 0, 2, 3), r"^input_size: got 0, needs 1 to 4096"),
        (lambda: BandAnalysis("b", 161, 2, 0), r"^output_size: got 0, needs 1 to 4096"),
        (lambda: BandAnalysis("b", 161, 1, 3), r"^n_bands: got 1, needs 2 to half of 161 bins"),
        (lambda: BandAnalysis("b", 161, 81, 3), r"^n_bands: got 81, needs 2 to half of 161 bins"),
        (lambda: BandAnalysis("b", 161, 60, 3), r"^n_bands: got 60, needs fewer: some mel bands"),
        (lambda: BandSynthesis("b", 5, 0, 2, 3), r"^n_bins: got 0, needs 1 to 4096"),
        (lambda: BandSynthesis("b", 5, 161, 1, 3), r"^n_bands: got 1, needs 2 to half"),
        (lambda: BandSynthesis("b", 5, 161, 9, 0), r"^output_size: got 0, needs 1 to 4096"),
        (lambda: BandSynthesis("b", 0, 161, 9, 3), r"^input_size: got 0, needs 1 to 4096"),
        (lambda: ScaledSpectrum(-1, 9, 1e-8, "none"), r"^first_bin: got -1, needs 0 or more"),
        (lambda: ScaledSpectrum(0, 0, 1e-8, "none"), r"^n_bins: got 0, needs 1 to 4096"),
        (lambda: ScaledSpectrum(0, 9, 2.0, "none"), r"^floor: got 2\.0, needs 1e-20 to 1"),
        (lambda: MagnitudeFilter(0, 9, 0, 3), r"^order: got 0, needs 1 to 8 frames"),
        (lambda: MagnitudeFilter(0, 9, 9, 3), r"^order: got 9, needs 1 to 8 frames"),
        (lambda: MagnitudeFilter(0, 9, 5, 2), r"^width: got 2, needs an odd number of bins"),
        (lambda: MagnitudeFilter(0, 9, 5, 9), r"^width: got 9, needs an odd number of bins, 1 to"),
        (lambda: MagnitudeFilter(0, 0, 5, 3), r"^n_bins: got 0, needs 1 to 4096"),
        (lambda: Mapping(-1, 9), r"^first_bin: got -1, needs 0 or more"),
        (at(BANDS, "bands", input_size=160), r"^layers\[0\]\.input_size: got 160, needs 161"),
        (at(BINS, "conv_in", input_size=3), r"^layers\[0\]\.input_size: got 3, needs 2, what"),
        (at(BANDS, "norm1", input_size=6), r"^layers\[5\]\.input_size: got 6, needs 5, what"),
        (at(BANDS, "fc1", input_size=4), r"^layers\[3\]\.input_size: got 4, needs 8, what"),
        (at(BANDS, "bins", n_bands=12), r"^layers\[21\]\.n_bands: got 12, needs 11, the positions"),
        (at(BANDS, "sum1", source="sum1"), r"^layers\[4\]\.source: got 'sum1', needs the name of"),
        (at(BANDS, "sum1", source="fc2"), r"^layers\[4\]\.source: got 'fc2', needs the name of"),
        (at(BANDS, "sum1", source="gru1"), r"an earlier layer that gives 11 x 5"),
        (at(BANDS, "sum1", source="features"), r"^layers\[4\]\.source: got 'features'"),
        (at(BANDS, "bins", n_bins=160), r"^layers\[22\]\.output_size: got 160 x 10, needs 161 x"),
        (at(BINS, "fc_out", output_size=3), r"^layers\[9\]\.output_size: got 23 x 3, needs 23 x 2"),
        (at(BINS, "fc_out", activation="tanh"), r"^layers\[9\]\.activation: got 'tanh', needs"),
        (without(BINS, "fc_out"), r"^layers\[8\]\.type: got 'residual', needs a linear layer"),
        (without(BANDS, "bins"), r"^layers\[21\]\.input_size: got 4, needs 5"),
        (of_part(BANDS, "mask", order=4), r"output_size: got 161 x 10, needs 161 x 13, .* of k"),
        (of_part(BANDS, "mask", width=1), r"output_size: got 161 x 10, needs 161 x 4, .* of kind"),
        (of_part(BANDS, "mask", first_bin=1), r"^mask\.n_bins: got 161, needs first_bin \+ n_bins"),
        (of_part(BINS, "features", first_bin=139), r"^features\.n_bins: got 23, needs first_bin"),
        (of_part(BINS, "mask", first_bin=2), r"^mask\.n_bins: got '23 from 2 on', needs 23 from 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_field_named(build, message):
    with pytest.raises(SpecError, match=message):
        build()


def test_bands_are_made_of_one_position():
    layers = (Linear("l", 2, 161, "none"), BandAnalysis("bands", 161, 9, 3))
    with pytest.raises(SpecError, match=r"^layers\[1\]\.input_size: .* needs one position, a chan"):
        dataclasses.replace(BINS, layers=layers)


def test_a_mapping_needs_the_scale_of_its_features():
    spec = gru_host((7,), n_bins=1)
    layers = (*spec.layers[:-1], Linear("fc_out", 7, 2, "none"))
    with pytest.raises(SpecError, match=r"^features\.kind: got 'log_power', needs scaled_spectrum"):
        dataclasses.replace(spec, layers=layers, mask=Mapping(1, 1))


def test_values_between_layers_are_limited():
    most = model_spec.MAX_VALUES
    layers = (Conv("c", 2, 1 + most // 160, 1), Linear("l", 1 + most // 160, 2, "none"))
    with pytest.raises(SpecError, match=r"^layers\[0\]: got 160 x 1639, needs at most 262144"):
        dataclasses.replace(bin_host(n_bins=160), layers=layers)


def lone(*layers, **changes):
    """The smallest spec of a mask with layers before its last."""
    spec = gru_host((7,), "none")
    return dataclasses.replace(spec, layers=(*layers, *spec.layers), **changes)


PARTS = {
    "conv": lone(Conv("x", 160, 160, 1)),
    "layer_norm": lone(LayerNorm("x", 160, True)),
    "relu": lone(Rectifier("x")),
    "residual": lone(Linear("x", 160, 160, "none"), Residual("y", "x")),
    "scan up": lone(GRU("x", 160, 160, "none", "up")),
    "scan down": lone(GRU("x", 160, 160, "none", "down")),
    "scan both": lone(GRU("x", 160, 80, "none", "both")),
    "band_analysis": band_host(),
    "scaled_spectrum": dataclasses.replace(
        gru_host((7,), n_bins=1),
        features=ScaledSpectrum(1, 1, 1e-8, "none"),
        layers=(GRU("x", 2, 7, "top_a"), Linear("y", 7, 1, "sigmoid")),
    ),
    "magnitude_filter": dataclasses.replace(
        gru_host((7,), n_bins=1),
        layers=(GRU("x", 1, 7, "top_a"), Linear("y", 7, 10, "none")),
        mask=MagnitudeFilter(1, 1, 3, 3),
    ),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("part", PARTS)
def test_parts_that_version_3_added_are_refused_in_older_files(part, version):
    document = PARTS[part].to_dict()
    assert ModelSpec.from_dict(document | {"format_version": 3}).format_version == 3
    named = part.removeprefix("scan ")
    sentence = rf"^format_version: got {version}, needs 3 or more, for .* {named}$"
    with pytest.raises(SpecError, match=sentence):
        ModelSpec.from_dict(document | {"format_version": version})


@pytest.mark.parametrize("order, least", [(0, 1), (5, 2)])
def test_older_models_keep_their_version(order, least):
    document = gru_host((7,), filter_order=order).to_dict()
    for version in range(least, 4):
        spec = ModelSpec.from_dict(document | {"format_version": version})
        assert spec.format_version == version


def test_shapes_are_written_as_a_reader_expects():
    assert (str(Shape(160, 64)), str(Shape(1, 320)), Shape(3, 4).size) == ("160 x 64", "320", 12)
    assert LogPower(1, 160, 1e-8).output_shape == (1, 160)
    assert ScaledSpectrum(1, 160, 1e-8, "root").output_shape == (160, 2)
