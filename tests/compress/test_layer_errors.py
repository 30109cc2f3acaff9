"""Which layer's integers hurt: errors of the output layer by layer, and inputs beyond the range."""

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_bundle_of, speech_like

from wheesht.compress.calibration import input_ranges
from wheesht.compress.layer_errors import (
    MAX_MACS,
    ErrorReport,
    LayerError,
    affordable_seconds,
    below_db,
    layer_errors,
    n_runs,
)
from wheesht.compress.quantize import integer_layers, quantize_bundle
from wheesht.errors import ParameterError, SpecError
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.cost import layer_bytes, macs_per_hop

TOLERANCE_DB = 0.05  # between engine and exact judge (measured 0.005, half of the last digit given)
HOSTS = {
    "gru": gru_host((7, 13), "none"),
    "bands": band_host((("both", 4), ("time", 7)), "none", n_bins=31, n_bands=5),
    "bins": bin_host(gate="none", n_bins=11),
}


def heard(seconds=0.25):
    return [g * speech_like(seconds, seed).astype(np.float32) for seed, g in ((0, 1.0), (1, 0.1))]


def ranges_of(bundle):
    return input_ranges(bundle, heard())


def all_of(bundle):
    return dict.fromkeys(integer_layers(bundle), "s8")


def judged(bundle, signals, percent=None):
    """Outputs of the judge that rounds as the engine does."""
    hop = bundle.spec.front_end.hop_length
    return [
        ReferenceStream(bundle, percent, exact=True).process(x[: len(x) // hop * hop])
        for x in signals
    ]


def by_hand(wanted, got):
    shares = [np.sum((a - b) ** 2) / np.sum(a**2) for a, b in zip(wanted, got, strict=True)]
    return -10 * np.log10(np.mean(shares))


@pytest.mark.parametrize("name", HOSTS)
def test_errors_are_those_of_the_judge(name):
    bundle, signals = random_bundle_of(HOSTS[name]), heard(0.25 if name == "gru" else 0.06)
    ranges = ranges_of(bundle)
    report = layer_errors(bundle, ranges, all_of(bundle), signals)
    wanted = judged(bundle, signals)
    assert [error.name for error in report.layers] == integer_layers(bundle)
    for error in report.layers:
        alone = quantize_bundle(bundle, ranges, {error.name: "s8"})
        want = by_hand(wanted, judged(alone, signals))
        assert error.below_db == pytest.approx(want, abs=TOLERANCE_DB), error.name
    together = quantize_bundle(bundle, ranges, all_of(bundle))
    want = by_hand(wanted, judged(together, signals))
    assert report.below_db == pytest.approx(want, abs=TOLERANCE_DB)


@pytest.mark.parametrize("name", HOSTS)
def test_a_layer_whose_range_is_far_too_small_is_told_first(name):
    bundle = random_bundle_of(HOSTS[name])
    for spoilt in integer_layers(bundle):
        ranges = ranges_of(bundle) | {spoilt: 1e-3}
        report = layer_errors(bundle, ranges, all_of(bundle), heard())
        assert report.worst_first()[0].name == spoilt
        beyond = {error.name for error in report.layers if error.beyond_range > 0}
        assert beyond == {spoilt}


@pytest.mark.parametrize("percent", [100.0, 30.0])
def test_the_share_beyond_the_range_is_counted_at_the_percentage_asked_for(percent):
    bundle, (signal, _) = random_bundle_of(gru_host((7,))), heard()
    stream = ReferenceStream(bundle, percent)
    states = []  # what the last layer sees, of both signs
    for hop in signal.reshape(-1, 160):
        stream.process_hop(hop)
        states.extend(stream.hidden)
    limit = 1.001 * float(np.quantile(np.abs(states), 0.75))  # states that stay repeat
    ranges = ranges_of(bundle) | {"fc_out": limit}
    last = layer_errors(bundle, ranges, {"fc_out": "s8"}, [signal], percent).layers[-1]
    share = np.count_nonzero(np.abs(states) > limit) / len(states)
    assert last.beyond_range == pytest.approx(share, abs=1.5 / len(states))
    assert last.input_range == limit


def test_finer_inputs_are_tried_where_they_are_chosen():
    bundle = random_bundle_of(gru_host((7, 13), "none"))
    ranges, chosen = ranges_of(bundle), {"fc_in": "s16", "gru1": "s8"}
    report = layer_errors(bundle, ranges, chosen, heard())
    assert [(e.dtype, e.tried) for e in report.layers] == [
        ("s16", "s16"),
        ("s8", "s8"),
        ("f32", "s8"),
        ("f32", "s8"),
    ]
    coarse = layer_errors(bundle, ranges, chosen | {"fc_in": "s8"}, heard())
    assert report.layers[0].below_db > coarse.layers[0].below_db
    assert report.layers[1:] == coarse.layers[1:]


def test_layers_that_stay_floats_are_no_part_of_the_whole_error():
    bundle = random_bundle_of(gru_host((7, 13), "none"))
    report = layer_errors(bundle, ranges_of(bundle), {"gru1": "s8"}, heard())
    assert report.below_db == report.layers[1].below_db
    assert report.layers[0].below_db != report.below_db


def test_bytes_are_those_before_and_after():
    bundle = random_bundle_of(gru_host((7, 13)))
    chosen = {"fc_in": "s8", "gru1": "s8"}
    made = quantize_bundle(bundle, ranges_of(bundle), chosen)
    for error in layer_errors(bundle, ranges_of(bundle), chosen, heard()).layers:
        assert error.bytes_before == layer_bytes(bundle.spec)[error.name]
        assert error.bytes_after == layer_bytes(made.spec)[error.name]
        assert (error.bytes_after < error.bytes_before) == (error.name in chosen)


def test_both_models_run_at_the_percentage_that_is_asked_for():
    bundle = random_bundle_of(gru_host((21, 33)))
    ranges, chosen = ranges_of(bundle), all_of(bundle)
    low, default = (layer_errors(bundle, ranges, chosen, heard(), p) for p in (10.0, None))
    assert (low.update_percent, default.update_percent) == (10.0, 50.0)
    assert low.below_db != default.below_db
    same = layer_errors(bundle, ranges, chosen, heard(), 50.0)
    assert same == default


def test_the_report_says_how_much_it_heard_and_tells_after_each_run():
    bundle, told = random_bundle_of(gru_host((7,))), []
    report = layer_errors(
        bundle, ranges_of(bundle), all_of(bundle), heard(), after_run=lambda: told.append(1)
    )
    assert report.seconds == pytest.approx(0.5)
    assert len(told) == n_runs(bundle) == 3 + 3


def test_runs_of_affordable_signals_execute_at_most_so_many_macs():
    bundle = random_bundle_of(bin_host())
    seconds = affordable_seconds(bundle, 50.0)
    runs = n_runs(bundle) * seconds * 100 * sum(macs_per_hop(bundle.spec, 50.0))
    assert runs == pytest.approx(MAX_MACS)
    assert affordable_seconds(bundle, 25.0) > seconds == affordable_seconds(bundle)


@pytest.mark.parametrize("signals", [[], [np.zeros(159)]], ids=["none", "short"])
def test_nothing_to_measure_on_is_refused(signals):
    bundle = random_bundle_of(gru_host((7,)))
    with pytest.raises(ParameterError, match="errors of layers: got no signal of 160 samples"):
        layer_errors(bundle, ranges_of(bundle), all_of(bundle), signals)


def test_a_type_that_a_layer_cannot_have_is_refused():
    bundle = random_bundle_of(gru_host((7,)))
    with pytest.raises(SpecError, match=r"layers\[1\]\.dtype"):
        layer_errors(bundle, ranges_of(bundle), {"gru1": "s16"}, heard())


@pytest.mark.parametrize(
    "wanted, got, below",
    [
        ([[1, -1]], [[1.1, -0.9]], 20.0),
        ([[1, -1], [100, 100]], [[1.1, -0.9], [110, 90]], 20.0),
        ([[1, -1], [0, 0]], [[1.1, -0.9], [1, 1]], 20.0),
        ([[1, 0], [1, 0]], [[1, 0], [0, 0]], 3.01),
        ([[1, -1]], [[1, -1]], None),
        ([[0, 0]], [[1, 1]], None),
        ([], [], None),
    ],
    ids=["one", "each-by-its-level", "silence", "mean", "equal", "nothing-wanted", "none"],
)
def test_errors_in_decibels(wanted, got, below):
    arrays = [[np.array(x, np.float32) for x in signals] for signals in (wanted, got)]
    assert below_db(*arrays) == below


def test_a_report_puts_layers_without_any_error_last():
    layers = [
        LayerError(f"fc{i}", "linear", "s8", "s8", 4, 1, 1.0, below, 0.0)
        for i, below in enumerate((None, 30.0, 20.0, None))
    ]
    report = ErrorReport(tuple(layers), 19.0, 50.0, 1.0)
    assert [error.name for error in report.worst_first()] == ["fc2", "fc1", "fc0", "fc3"]


def test_integers_that_change_nothing_have_no_error():
    bundle = random_bundle_of(gru_host((7,)))
    bundle.tensors["fc_out.weight"][:] = 0.0  # what the last layer gives depends on nothing
    report = layer_errors(bundle, ranges_of(bundle), all_of(bundle), heard())
    assert report.below_db is None
    assert [error.below_db for error in report.layers] == [None] * 3
