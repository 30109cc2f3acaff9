"""The model spec: what it derives, what it refuses, and that its document is its inverse."""

import dataclasses
import json

import pytest
from bundles import gru_host

from wheesht.errors import SpecError
from wheesht.spec.document import MAX_JSON_DEPTH, shown
from wheesht.spec.model_spec import GRU, Linear, ModelSpec, UpdatePercent, selected_units


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
@pytest.mark.parametrize("n_fft", [320, 512])
def test_document_of_a_spec_gives_the_spec_back(gate, n_fft):
    spec = gru_host((7, 33), gate, n_fft)
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
        (broken(layers=layers_with(3, output_size=161)), r"^mask\.n_bins: got 160, needs 161"),
        (broken(layers=layers_with(0)[:2]), r"^layers\[1\]\.type: got 'gru', needs a linear"),
        (broken(sample_rate=48000), r"^sample_rate: got 48000, needs 16000 Hz"),
        (broken(lookahead=1), r"^lookahead: got 1, needs 0"),
        (broken(format_version=2), r"^format_version: got 2, needs 1; a newer wheesht"),
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


def test_a_dial_needs_a_gate():
    spec = gru_host((7,), "none")
    with pytest.raises(SpecError, match=r"^update_percent\.min: got 50\.0, needs 100"):
        dataclasses.replace(spec, update_percent=UpdatePercent(100.0, 50.0))


def test_a_newer_format_is_recognised_before_its_unknown_fields():
    document = gru_host((7,)).to_dict() | {"format_version": 2, "quantisation": {}}
    with pytest.raises(SpecError, match=r"^format_version: got 2, needs 1; a newer wheesht"):
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
