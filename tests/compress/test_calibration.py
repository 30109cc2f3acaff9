"""Ranges of layers' inputs: those of the judge, and 1 where a layer cannot see more."""

from dataclasses import replace

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_bundle_of, scanning_models, speech_like

from wheesht.compress import traces
from wheesht.compress.calibration import input_ranges
from wheesht.errors import ParameterError
from wheesht.reference import runner
from wheesht.reference.layers import Layers
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.layers import LayerNorm, Residual

HOSTS = {
    "gru": (gru_host((7, 33)), 50.0),
    "gru-filter": (gru_host((9, 5), "none", n_fft=512, filter_order=2), 100.0),
    "gru-sigmoid": (gru_host((9, 5), "none", activation="sigmoid"), 100.0),
} | scanning_models()
TOLERANCE = 8e-6  # relative, between float32 and float64 (measured 8e-7)


def signals(seconds=0.3):
    """Three signals of different levels, the loudest in the middle."""
    return [
        gain * speech_like(seconds, seed).astype(np.float32)
        for seed, gain in enumerate((0.01, 1.0, 0.1))
    ]


@pytest.fixture
def judges_ranges(monkeypatch):
    """Run the judge over signals; return the largest input of every layer that is no residual."""
    seen = {}

    class Listening(Layers):
        def _plain(self, i, layer, x):
            note(layer, x)
            return super()._plain(i, layer, x)

        def _gru(self, i, layer, x, *rest):
            note(layer, x)
            return super()._gru(i, layer, x, *rest)

    def note(layer, x):
        seen[layer.name] = max(seen.get(layer.name, 0.0), np.max(np.abs(x)))

    def run(bundle, heard, percent):
        monkeypatch.setattr(runner, "Layers", Listening)
        hop = bundle.spec.front_end.hop_length
        for x in heard:
            ReferenceStream(bundle, percent).process(x[: len(x) // hop * hop])
        return seen

    return run


def bounded_layers(name):
    """Layers that see values below 1 in size, told from the design of the hosts in bundles.py."""
    spec, _ = HOSTS[name]
    kinds = [(la.name, la.type, getattr(la, "activation", "")) for la in spec.layers]
    found, layers = [], kinds[1:]
    for (_, kind, activation), (after, *_) in zip(kinds, layers, strict=False):
        if kind in ("gru", "band_synthesis") or activation in ("sigmoid", "tanh"):
            found.append(after)
    if name.startswith("bands"):  # there a ReLU is between a GRU and its linear layer
        found += [layer.name for layer in spec.layers if layer.name.startswith("fc")]
    return set(found)


@pytest.mark.parametrize("name", HOSTS)
def test_ranges_are_the_largest_inputs_that_the_judge_sees(name, judges_ranges):
    spec, percent = HOSTS[name]
    bundle, heard = random_bundle_of(spec), signals(0.3 if name.startswith("gru") else 0.08)
    got = input_ranges(bundle, heard, update_percent=percent)
    wanted = judges_ranges(bundle, heard, percent) | dict.fromkeys(bounded_layers(name), 1.0)
    assert list(got) == [layer.name for layer in spec.layers]
    for layer in spec.layers:
        if not isinstance(layer, Residual):
            assert got[layer.name] == pytest.approx(wanted[layer.name], rel=TOLERANCE), layer.name


@pytest.mark.parametrize("name", HOSTS)
def test_behind_what_is_bounded_the_range_is_exactly_one(name):
    bundle = random_bundle_of(HOSTS[name][0])
    got = input_ranges(bundle, signals(0.1))
    assert {layer for layer, reach in got.items() if reach == 1.0} == bounded_layers(name)


def test_a_relu_of_a_linear_layer_is_not_bounded():
    spec = gru_host((9,), activation="relu")
    loud = {"fc_in.weight": np.full((9, 160), 0.1, np.float32)}
    bundle = random_bundle_of(spec)
    bundle.tensors.update(loud)
    assert input_ranges(bundle, signals())["gru1"] > 1.0


@pytest.mark.parametrize("between", [Residual("sum", "gru1"), LayerNorm("norm", 7, affine=False)])
def test_what_adds_or_normalises_ends_the_bound(between):
    """A GRU's states are below 1 in size, twice of them and normalised ones are not."""
    spec = gru_host((7,), "none")
    layers = (*spec.layers[:2], between, *spec.layers[2:])
    bundle = random_bundle_of(replace(spec, layers=layers))
    got = input_ranges(bundle, signals())
    assert got[between.name] == 1.0 and got["fc_out"] > 1.1


@pytest.mark.parametrize("spec", [gru_host((7,)), band_host(), bin_host()], ids=lambda s: s.host)
def test_ranges_do_not_depend_on_the_pieces_that_are_heard(spec, monkeypatch):
    bundle, heard = random_bundle_of(spec), signals()
    whole = input_ranges(bundle, heard)
    monkeypatch.setattr(traces, "PIECE_HOPS", 7)
    assert input_ranges(bundle, heard) == whole


def test_the_inputs_of_layers_come_hop_by_hop():
    bundle = random_bundle_of(gru_host((7,)))
    (seen,) = traces.layer_inputs(bundle, np.ones(160 * 9 + 159))
    assert {name: x.shape for name, x in seen.items()} == {
        "fc_in": (9, 1, 160),
        "gru1": (9, 1, 7),
        "fc_out": (9, 1, 7),
    }


def test_ranges_are_those_at_the_percentage_that_is_asked_for():
    bundle = random_bundle_of(bin_host())
    default, low = (input_ranges(bundle, signals(), update_percent=p) for p in (None, 1.0))
    assert default == input_ranges(bundle, signals(), update_percent=50.0)
    assert default != low


def test_one_is_told_after_each_signal():
    told = []
    input_ranges(random_bundle_of(gru_host((7,))), signals(0.05), lambda: told.append(1))
    assert len(told) == 3


@pytest.mark.parametrize("heard", [[], [np.zeros(159)], [np.zeros(0), np.zeros(3)]], ids=len)
def test_nothing_to_listen_to_is_refused(heard):
    with pytest.raises(ParameterError, match="no signal of 160 samples or more; give recordings"):
        input_ranges(random_bundle_of(gru_host((7,))), heard)
