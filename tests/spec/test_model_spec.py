"""The model spec: what it derives, what it refuses, and that its document is its inverse."""

import dataclasses
import json

import pytest
from bundles import gru_host

from wheesht.errors import SpecError
from wheesht.spec.document import MAX_JSON_DEPTH, shown
from wheesht.spec.heads import DeepFilter
from wheesht.spec.layers import GRU, Linear
from wheesht.spec.model_spec import ModelSpec, UpdatePercent, selected_units


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
@pytest.mark.parametrize("n_fft", [320, 512])
@pytest.mark.parametrize("order", [0, 1, 8])
def test_document_of_a_spec_gives_the_spec_back(gate, n_fft, order):
    spec = gru_host((7, 33), gate, n_fft, filter_order=order)
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_paper_host_has_the_published_parameters():
    spec = gru_host((320, 320), activation="relu")
    assert spec.params == 1_335_520
    assert gru_host((320, 320), activation="prelu").params == 1_335_521


@pytest.mark.parametrize("n_fft, delay, latency", [(320, 160, 320), (512, 256, 512)])
def test_delay_is_one_hop_and_latency_two(n_fft, delay, latency):
    spec = gru_host((7,), n_fft=n_fft)
    assert (spec.delay, spec.latency_samples) == (delay, latency)
    assert spec.frames_per_second == 16000 / delay


@pytest.mark.parametrize(
    "percent, hidden, want",
    [
        (100, 320, 320),
        (75, 320, 240),
        (50, 64, 32),
        (25, 24, 6),
        (50, 7, 4),  # 3.5 rounds up
        (25, 10, 3),  # 2.5 rounds up
        (24.9, 10, 2),
        (0.001, 320, 1),
        (100, 1, 1),
    ],
)
def test_selected_units_round_half_up_and_are_never_zero(percent, hidden, want):
    assert selected_units(percent, hidden) == want


def broken(**changes):
    return lambda: dataclasses.replace(gru_host((7, 33)), **changes)


def layers_with(i, **changes):
    layers = list(gru_host((7, 33)).layers)
    layers[i] = dataclasses.replace(layers[i], **changes)
    return tuple(layers)


@pytest.mark.parametrize(
    "build, message",
    [
        (broken(layers=()), r"^layers: got 0, needs 1 to 64"),
        (broken(layers=layers_with(2, input_size=8)), r"^layers\[2\]\.input_size: got 8, needs 7"),
        (broken(layers=layers_with(2, name="gru1")), r"^layers\[2\]\.name: got 'gru1'"),
        (broken(layers=layers_with(0, name="features")), r"^layers\[0\]\.name: got 'features'"),
        (broken(layers=layers_with(3, activation="tanh")), r"^layers\[3\]\.activation: got 'tanh'"),
        (
            broken(layers=layers_with(3, output_size=161)),
            r"^layers\[3\]\.output_size: got 161, needs 160",
        ),
        (broken(layers=layers_with(0)[:2]), r"^layers\[1\]\.type: got 'gru', needs a linear"),
        (broken(sample_rate=48000), r"^sample_rate: got 48000, needs 16000 Hz"),
        (broken(lookahead=1), r"^lookahead: got 1, needs 0"),
        (broken(format_version=5), r"^format_version: got 5, needs 1 to 4; a newer wheesht"),
        (broken(format_version=0), r"^format_version: got 0, needs 1 to 4$"),
        (broken(format_version="4"), r"^format_version: got '4', needs 1 to 4$"),
        (broken(provenance={"x": float("nan")}), r"^provenance\.x: got nan, needs a finite"),
        (broken(provenance={"x": [0, object()]}), r"^provenance\.x\[1\]: got <object"),
        (broken(provenance={1: 2}), r"^provenance: got 1, needs names that are strings"),
        (broken(provenance={"x": "\ud800"}), r"^provenance\.x: .* and lone surrogates"),
        (broken(provenance={"x": "\x1b[2J"}), r"^provenance\.x: .* without control characters"),
        (broken(provenance={"\x9b": 1}), r"^provenance: .* without control characters"),
        (broken(provenance={"x": 2**63}), r"^provenance\.x: .* needs an integer of 64 bits"),
        (lambda: Linear("A", 1, 1, "none"), r"^name: got 'A', needs a lower-case letter"),
        (lambda: GRU("a", 1, 4097, "none"), r"^hidden_size: got 4097, needs 1 to 4096"),
        (lambda: UpdatePercent(50, 60), r"^default: got 50, needs 60 to 100.0 percent"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field_named(build, message):
    with pytest.raises(SpecError, match=message):
        build()


def filtered(**changes):
    """A spec whose deep filter has other fields: 160 gains, 96 bins, order 5 before."""
    spec = gru_host((7,), filter_order=5)
    return lambda: dataclasses.replace(spec, mask=dataclasses.replace(spec.mask, **changes))


@pytest.mark.parametrize(
    "build, message",
    [
        (filtered(first_bin=-1), r"^first_bin: got -1, needs 0 or more"),
        (filtered(first_bin=2), r"^mask\.n_bins: got 160, needs first_bin \+ n_bins at most 161"),
        (filtered(n_bins=0), r"^n_bins: got 0, needs 1 to 4096"),
        (filtered(n_bins=95), r"^filter_bins: got 96, needs 1 to 95"),
        (filtered(n_bins=159), r"^layers\[2\]\.output_size: got 1120, needs 1119"),
        (filtered(filter_bins=0), r"^filter_bins: got 0, needs 1 to 160"),
        (filtered(filter_bins=161), r"^filter_bins: got 161, needs 1 to 160"),
        (filtered(filter_bins=95), r"^layers\[2\]\.output_size: got 1120, needs 1110"),
        (filtered(order=0), r"^order: got 0, needs 1 to 8 frames"),
        (filtered(order=9), r"^order: got 9, needs 1 to 8 frames"),
        (filtered(order=4), r"^layers\[2\]\.output_size: got 1120, needs 928"),
        (lambda: DeepFilter(0, 257, 240, 8), r"^filter_bins: got 240, needs 1 to 239 .* 4096"),
    ],
)
def test_a_filter_that_does_not_fit_is_refused_with_the_field_named(build, message):
    with pytest.raises(SpecError, match=message):
        build()


@pytest.mark.parametrize("order, activation", [(0, "none"), (5, "sigmoid")])
def test_the_last_layer_has_the_activation_that_its_head_needs(order, activation):
    spec = gru_host((7,), filter_order=order)
    last = dataclasses.replace(spec.layers[-1], activation=activation)
    with pytest.raises(SpecError, match=rf"^layers\[2\]\.activation: got '{activation}', needs "):
        dataclasses.replace(spec, layers=(*spec.layers[:-1], last))


@pytest.mark.parametrize("order", [0, 5])
def test_version_1_is_read_and_has_no_filter(order):
    document = gru_host((7,), filter_order=order).to_dict() | {"format_version": 1}
    if order == 0:
        assert ModelSpec.from_dict(document).format_version == 1
    else:
        with pytest.raises(SpecError, match=r"^format_version: got 1, needs 2 or more, for a mask"):
            ModelSpec.from_dict(document)


def test_a_filter_adds_its_rows_to_the_last_layer():
    spec = gru_host((7,), n_fft=512, filter_order=3)  # 256 gains, a filter of 153 bins
    assert spec.tensor_shapes()["fc_out.weight"] == (256 + 2 * 3 * 153, 7)


def test_a_dial_needs_a_gate():
    spec = gru_host((7,), "none")
    with pytest.raises(SpecError, match=r"^update_percent\.min: got 50\.0, needs 100"):
        dataclasses.replace(spec, update_percent=UpdatePercent(100.0, 50.0))


def test_a_newer_format_is_recognised_before_its_unknown_fields():
    document = gru_host((7,)).to_dict() | {"format_version": 5, "quantisation": {}}
    with pytest.raises(SpecError, match=r"^format_version: got 5, needs 1 to 4; a newer wheesht"):
        ModelSpec.from_dict(document)


def test_provenance_may_hold_any_readable_json():
    provenance = {"läuft": ["two\nlines\t", 1, 1.5, True, None, {"a": {}}], "b": (1, 2)}
    assert broken(provenance=provenance)().provenance == provenance


@pytest.mark.parametrize("levels", [MAX_JSON_DEPTH, MAX_JSON_DEPTH + 1])
def test_provenance_has_a_limited_depth(levels):
    nested = 0
    for _ in range(levels):
        nested = {"n": nested}
    if levels <= MAX_JSON_DEPTH:
        assert broken(provenance=nested)().provenance == nested
    else:
        with pytest.raises(SpecError, match=r"^provenance(\.n)*: .* levels of nesting"):
            broken(provenance=nested)()


@pytest.mark.parametrize(
    "value", ["x" * 10**6, 10**5000, [[[]]] * 10**5], ids=["string", "integer", "list"]
)
def test_refused_values_are_shortened_in_messages(value):
    assert len(shown(value)) < 100


def test_an_integer_too_large_for_float64_is_refused_not_raised():
    document = gru_host((7,)).to_dict()
    document["features"]["floor"] = 10**400
    with pytest.raises(SpecError, match=r"^features\.floor: .* needs a finite number"):
        ModelSpec.from_dict(document)
