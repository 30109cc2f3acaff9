"""The judge itself: properties that follow from the equations, not from another program."""

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of, speech_like

from wheesht.errors import ParameterError, ShapeError
from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.reference import ops
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.cost import macs_per_hop
from wheesht.spec.model_spec import selected_units

# float64 round trip through two transforms and two windows: measured 2e-16 of full scale.
RECONSTRUCTION_TOLERANCE = 2e-15


def with_mask_of_one(spec, seed=0):
    """A bundle whose last layer saturates: sigmoid(9999) is 1 in float64."""
    bundle = random_bundle_of(spec, seed)
    last = spec.layers[-1].name
    bundle.tensors[f"{last}.weight"][:] = 0.0
    bundle.tensors[f"{last}.bias"][:] = 9999.0
    return bundle


def test_outputs_are_what_the_head_is_given():
    x = speech_like(0.05)
    stream = ReferenceStream(random_bundle_of(gru_host((7, 5)), seed=1), min_gain=0.3)
    assert stream.outputs.shape == (0, 1, 160)
    stream.process(x)
    assert stream.outputs.shape == (5, 1, 160) and stream.outputs.min() < 0.3
    assert np.array_equal(np.maximum(stream.outputs[:, 0], 0.3), stream.masks)
    mapping = ReferenceStream(random_bundle_of(dprnn_host_spec("d", hidden_size=4), seed=1))
    mapping.process(x)
    assert mapping.outputs.shape == (5, 160, 2)


def test_a_clone_remembers_its_own_level():
    bundle, x = random_bundle_of(dprnn_host_spec("d", hidden_size=3), seed=1), speech_like(0.1)
    stream = ReferenceStream(bundle)
    stream.process(x[:800])
    twin = stream.clone()
    stream.process(100.0 * x[:800])
    want = ReferenceStream(bundle).process(x)[800:]
    assert np.array_equal(twin.process(x[800:]), want)
    assert len(twin.outputs) == 10


@pytest.mark.parametrize("n_fft", [320, 512])
def test_a_mask_of_one_reconstructs_the_input_after_the_delay(n_fft):
    stream = ReferenceStream(with_mask_of_one(gru_host((5,), n_fft=n_fft)))
    x = np.random.default_rng(0).uniform(-1, 1, 20 * n_fft)
    y = stream.process(x)
    delay = stream.spec.delay
    assert delay == n_fft // 2
    assert np.max(np.abs(y[delay:] - x[:-delay])) < RECONSTRUCTION_TOLERANCE
    assert np.max(np.abs(y[:delay])) < RECONSTRUCTION_TOLERANCE


def test_a_mask_of_zero_is_silent_and_min_gain_lifts_it():
    bundle = with_mask_of_one(gru_host((5,)))
    bundle.tensors["fc_out.bias"][:] = -9999.0
    x = np.random.default_rng(0).uniform(-1, 1, 1600)
    assert np.all(ReferenceStream(bundle).process(x) == 0.0)
    quiet = ReferenceStream(bundle, min_gain=0.25).process(x)
    assert np.max(np.abs(quiet[160:] - 0.25 * x[:-160])) < RECONSTRUCTION_TOLERANCE


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
def test_hop_by_hop_equals_one_call(gate):
    bundle = random_bundle_of(gru_host((7, 33), gate))
    x = speech_like(0.2)
    whole, parts = ReferenceStream(bundle), ReferenceStream(bundle)
    y = np.concatenate([parts.process_hop(hop) for hop in x.reshape(-1, 160)])
    assert np.array_equal(whole.process(x), y)
    assert np.array_equal(whole.hidden, parts.hidden)
    assert np.array_equal(whole.update_masks, parts.update_masks)


def test_given_masks_that_the_gate_would_choose_change_nothing():
    bundle = random_bundle_of(gru_host((7, 33)))
    x = speech_like(0.2)
    free, given = ReferenceStream(bundle, 25), ReferenceStream(bundle, 25)
    y = free.process(x)
    assert np.array_equal(given.process(x, free.update_masks), y)
    assert np.array_equal(given.update_masks, free.update_masks)


@pytest.mark.parametrize("update_percent", [1, 25, 50, 99, 100])
def test_exactly_a_units_are_updated_and_the_others_keep_their_state(update_percent):
    bundle = random_bundle_of(gru_host((7, 33)))
    stream = ReferenceStream(bundle, update_percent)
    for hop in speech_like(0.1).reshape(-1, 160):
        before = stream.hidden
        stream.process_hop(hop)
        update_mask = stream.update_masks[-1]
        assert np.array_equal(before[~update_mask], stream.hidden[~update_mask])
        counts = [update_mask[:7].sum(), update_mask[7:].sum()]
        assert counts == [selected_units(update_percent, h) for h in (7, 33)]


def test_all_units_updated_equals_the_gru_without_a_gate():
    x = speech_like(0.2)
    outputs = [
        ReferenceStream(random_bundle_of(gru_host((7, 33), gate)), 100).process(x)
        for gate in ("top_a", "none")
    ]
    assert np.array_equal(*outputs)


def test_an_empty_update_mask_keeps_every_state():
    stream = ReferenceStream(random_bundle_of(gru_host((7, 33))))
    stream.process(speech_like(0.1))
    before = stream.hidden
    stream.process_hop(np.ones(160), np.zeros(40))
    assert np.array_equal(stream.hidden, before)
    assert np.any(before != 0.0)


@pytest.mark.parametrize(
    "gate, update_percent", [("none", 100), *(("top_a", p) for p in (1, 37.5, 50, 100))]
)
def test_executed_macs_equal_those_of_the_spec(gate, update_percent):
    bundle = random_bundle_of(gru_host((7, 33), gate))
    stream = ReferenceStream(bundle, update_percent)
    stream.process(speech_like(0.1))
    assert stream.hops == 10
    assert stream.executed_macs == [10 * m for m in macs_per_hop(bundle.spec, update_percent)]


def test_updated_units_of_a_threshold_gate_are_those_of_its_masks():
    stream = ReferenceStream(random_bundle_of(gru_host((7, 33), "threshold")))
    stream.process(speech_like(0.5))
    masks = stream.update_masks
    assert stream.updated_units == [masks[:, :7].sum(), masks[:, 7:].sum()]
    assert 0.05 < masks.mean() < 0.95
    linear = 50 * np.array([160 * 7, 33 * 160])
    rows = np.array([50 * 7, 50 * 33]) + 2 * np.array(stream.updated_units)
    want = [linear[0], rows[0] * (7 + 7), rows[1] * (7 + 33), linear[1]]
    assert stream.executed_macs == want


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_counts_as_zero(bad):
    bundle = random_bundle_of(gru_host((7,)))
    x = speech_like(0.1)
    x[1000] = 0.0
    clean = ReferenceStream(bundle).process(x)
    x[1000] = bad
    assert np.array_equal(ReferenceStream(bundle).process(x), clean)


def test_samples_are_limited():
    bundle = random_bundle_of(gru_host((7,)))
    loud, limit = np.full(320, -1e30), np.full(320, -1e6)
    assert np.array_equal(*(ReferenceStream(bundle).process(x) for x in (loud, limit)))


def test_reset_returns_to_silence_and_clone_is_independent():
    bundle = random_bundle_of(gru_host((7, 33)))
    x = speech_like(0.2)
    stream = ReferenceStream(bundle)
    first = stream.process(x)
    twin = stream.clone()
    rest = stream.process(x)
    assert twin.hops == 20 and stream.hops == 40
    assert [2 * macs for macs in twin.executed_macs] == stream.executed_macs
    assert np.array_equal(twin.process(x), rest)
    assert twin.executed_macs == stream.executed_macs
    stream.reset()
    assert stream.hops == 0 and not np.any(stream.hidden) and sum(stream.updated_units) == 0
    assert np.array_equal(stream.process(x), first)


def test_the_dial_turns_between_hops():
    stream = ReferenceStream(random_bundle_of(gru_host((7, 33))), 100)
    stream.process(np.ones(160))
    stream.update_percent = 25
    stream.process(np.ones(160))
    assert stream.update_masks.sum(axis=1).tolist() == [40, 2 + 8]


@pytest.mark.parametrize("value", [0.5, 100.5, -1, float("nan")])
def test_a_dial_outside_the_models_range_is_refused(value):
    with pytest.raises(ParameterError, match="update_percent: got .* needs 1 to 100 percent"):
        ReferenceStream(random_bundle_of(gru_host((7,))), value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_gain_floor_outside_its_range_is_refused(value):
    with pytest.raises(ParameterError, match="min_gain: got .* needs 0 to 1"):
        ReferenceStream(random_bundle_of(gru_host((7,))), min_gain=value)


@pytest.mark.parametrize("shape", [(159,), (161,), (1, 160)])
def test_part_of_a_hop_is_refused(shape):
    with pytest.raises(ShapeError, match=r"needs \(n \* 160,\), whole hops"):
        ReferenceStream(random_bundle_of(gru_host((7,)))).process(np.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 7), (1, 8), (7,)])
def test_update_masks_that_do_not_fit_are_refused(shape):
    with pytest.raises(ShapeError, match=r"update_masks are .* need \(1, 7\)"):
        ReferenceStream(random_bundle_of(gru_host((7,)))).process(np.zeros(160), np.ones(shape))


def test_no_hops_give_no_samples():
    stream = ReferenceStream(random_bundle_of(gru_host((7,))))
    assert stream.process(np.zeros(0)).shape == (0,) and stream.masks.shape == (0, 160)


def test_sigmoid_has_its_symmetry_and_never_overflows():
    x = np.array([-1e9, -745.0, -1.0, 0.0, 1.0, 745.0, 1e9])
    with np.errstate(all="raise", under="ignore"):
        y = ops.sigmoid(x)
    assert np.max(np.abs(y + y[::-1] - 1.0)) < 1e-15
    assert y[3] == 0.5 and y[-1] == 1.0 and y[0] == 0.0


@pytest.mark.parametrize(
    "activation, want",
    [
        ("none", [-2.0, 0.0, 3.0]),
        ("relu", [0.0, 0.0, 3.0]),
        ("prelu", [-0.5, 0.0, 3.0]),
        ("tanh", np.tanh([-2.0, 0.0, 3.0])),
        ("sigmoid", 1.0 / (1.0 + np.exp([2.0, 0.0, -3.0]))),
    ],
)
def test_activations_do_what_their_names_say(activation, want):
    y = ops.activate(np.array([-2.0, 0.0, 3.0]), activation, slope=0.25)
    assert np.max(np.abs(y - want)) < 1e-15


@pytest.mark.parametrize("count", [1, 2, 6, 11])
def test_ties_go_to_the_lowest_index(count):
    scores = np.array([0.0, 5.0, -0.0, 5.0, 5.0, -1.0, 0.0, -1.0, 5.0, 0.0, -0.0])
    order = [1, 3, 4, 8, 0, 2, 6, 9, 10, 5, 7]
    assert np.flatnonzero(ops.select_top_a(scores, count)).tolist() == sorted(order[:count])


def test_a_rows_value_does_not_depend_on_its_neighbours():
    rng = np.random.default_rng(0)
    for width in (1, 2, 7, 33, 320, 641):
        weights, x = rng.standard_normal((37, width)), rng.standard_normal(width)
        every = ops.times(weights, x)
        some = rng.permutation(37)[:11]
        assert np.array_equal(ops.times(weights[some], x), every[some])
        assert np.max(np.abs(every - weights @ x)) < 1e-15 * width + 1e-15
