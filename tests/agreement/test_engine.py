"""The engine against the judge, every instruction set, on the same bundles.

A gate is a discontinuity: where two scores are equal to the last bits of float32, two correct
implementations may choose different units and go different ways from there. So outputs are
compared tightly with the choices given, and the choices are compared on their own.
"""

from itertools import product

import numpy as np
import pytest
from bundles import (
    band_host,
    bin_host,
    gru_host,
    random_bundle_of,
    random_tensors,
    scanning_models,
    speech_like,
)

from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import MAX_TENSOR_VALUE, read_bundle, shipped_models, write_bundle
from wheesht.spec.cost import macs_per_hop
from wheesht.spec.heads import MAX_COEFFICIENT, DeepFilter
from wheesht.spec.layers import GRU

ISAS = _ext.isa_names()
# float32 against float64 over 3.2 s; eight random models of gain 1.5 for each case below. Measured:
# outputs at least 121.3 dB below the signal, last masks 114.4 dB.
BELOW_DB = 105.0
# The same behind a deep filter, whose coefficients take a state's error as it is, where a mask's
# sigmoid flattens it. Measured: at least 104.5 dB.
FILTER_BELOW_DB = 95.0
STATE_TOLERANCE = 1e-4  # of a state, which lies in -1..1: measured at most 1.9e-5
TOP_GAIN_TOLERANCE = 1e-5  # of a mean of factors up to 1: measured at most 1.9e-6
# Share of choices that differ from the judge's when both stand in the same state up to rounding.
# Measured: one pair of units in 20 million choices. The bound lets one pair pass in the 0.26
# million of a test.
ONE_STEP_SHARE = 1e-5
# Points of P: a statistic of float32 against one of float64, once the running deviation is there to
# divide by. Measured at most 1.3e-4, running freely included.
DIAL_TOLERANCE = 1e-3
# The same when both run freely, so that a different choice has its consequences.
FREE_SHARE = 1e-4
SLOW_MACS = 2.5e6  # per hop, and more: of networks that scan, whose judge needs long for a hop

# Analysis and synthesis in float32 with nothing between: measured 2.4e-7 of full scale.
RECONSTRUCTION_TOLERANCE = 1e-6

# The judge of a network that scans takes a step for every position.
SCANNING_SECONDS = 0.32

MODELS = [
    pytest.param(((7, 33), "none", 100, 320, 0), id="dense-7-33"),
    pytest.param(((65, 7, 33), "none", 100, 512, 0), id="dense-65-7-33-fft512"),
    pytest.param(((320, 320), "none", 100, 320, 0), id="dense-320-320"),
    pytest.param(((7, 33), "top_a", 100, 320, 0), id="p100-7-33"),
    pytest.param(((7, 33), "top_a", 50, 320, 0), id="p50-7-33"),
    pytest.param(((65, 7, 33), "top_a", 25, 512, 0), id="p25-65-7-33-fft512"),
    pytest.param(((33, 1), "top_a", 1, 320, 0), id="p1-33-1"),
    pytest.param(((320, 320), "top_a", 50, 320, 0), id="p50-320-320"),
    pytest.param(((320, 320), "top_a", 25, 320, 0), id="p25-320-320"),
    pytest.param(((7, 33), "threshold", 100, 320, 0), id="threshold-7-33"),
    pytest.param(((3, 1), "threshold", 100, 512, 0), id="threshold-3-1-fft512"),
    pytest.param(((7, 33), "none", 100, 320, 1), id="filter1-dense-7-33"),
    pytest.param(((65, 7, 33), "top_a", 25, 512, 3), id="filter3-p25-65-7-33-fft512"),
    pytest.param(((7, 33), "threshold", 100, 512, 5), id="filter5-threshold-7-33-fft512"),
    pytest.param(((65, 33), "top_a", 50, 320, 5), id="filter5-p50-65-33"),
    pytest.param(((33, 7), "top_a", 75, 320, 8), id="filter8-p75-33-7"),
]


def engine(bundle, update_percent, isa=""):
    stream = _ext.Stream(pack(bundle), isa)
    stream.set_update_percent(update_percent)
    return stream


def signal(n_fft=320, seconds=3.2, seed=0):
    x = speech_like(seconds, seed)
    return x[: len(x) // n_fft * n_fft].astype(np.float32)


def below_db(want, got):
    """How far the difference lies below the wanted signal, in dB of mean power."""
    return 10 * np.log10(np.mean(want**2) / max(np.mean((want - got) ** 2), 1e-99))


def least_below_db(bundle):
    return FILTER_BELOW_DB if isinstance(bundle.spec.mask, DeepFilter) else BELOW_DB


def gru_layers(bundle):
    return [layer for layer in bundle.spec.layers if isinstance(layer, GRU)]


def given_masks(judge):
    return np.ascontiguousarray(judge.update_masks.astype(np.uint8))


def case_models():
    """Every spec of these tests by name, with its P and the seconds that its judge is worth."""
    cases = {}
    for case in MODELS:
        hidden, gate, percent, n_fft, order = case.values[0]
        cases[case.id] = gru_host(hidden, gate, n_fft, filter_order=order), percent, 3.2
    for name, (spec, percent) in scanning_models().items():
        cases[name] = spec, percent, SCANNING_SECONDS
    return cases


@pytest.fixture(params=case_models().values(), ids=case_models().keys(), scope="module")
def case(request):
    """A bundle, P, a signal, and the judge after it with its output."""
    spec, percent, seconds = request.param
    bundle = random_bundle_of(spec, seed=5)
    judge, x = ReferenceStream(bundle, percent), signal(spec.front_end.n_fft, seconds)
    return bundle, percent, x, judge, judge.process(x)


@pytest.mark.parametrize("isa", ISAS)
def test_engine_equals_judge_with_the_choices_given(case, isa):
    bundle, percent, x, judge, want = case
    stream = engine(bundle, percent, isa)
    got, top_gain = stream.process_given(x, given_masks(judge))
    assert below_db(want, got) >= least_below_db(bundle)
    assert below_db(judge.masks[-1], stream.mask()[: judge.masks.shape[1]]) >= BELOW_DB
    assert judge.hidden.shape == stream.hidden().shape
    assert np.max(np.abs(judge.hidden - stream.hidden()), initial=0.0) <= STATE_TOLERANCE
    count = max(judge.masks.shape[1] // 8, 1)
    assert np.max(np.abs(top_gain - judge.masks[:, -count:].mean(1))) <= TOP_GAIN_TOLERANCE


def test_engine_that_chooses_itself_equals_the_judge_where_no_score_is_close(case):
    bundle, percent, x, judge, want = case
    got, _ = engine(bundle, percent).process(x)
    assert below_db(want, got) >= least_below_db(bundle)


def test_counters_equal_those_of_judge_and_spec(case):
    bundle, percent, x, judge, _ = case
    stream = engine(bundle, percent)
    stream.process(x)
    assert stream.hops() == judge.hops
    assert stream.executed_macs() == judge.executed_macs
    assert stream.updated_units() == judge.updated_units
    if gru_layers(bundle)[0].gate != "threshold":
        per_hop = macs_per_hop(bundle.spec, percent)
        assert stream.executed_macs() == [judge.hops * macs for macs in per_hop]


def test_all_instruction_sets_give_the_same_bits(case):
    bundle, percent, x, _, _ = case
    streams = [engine(bundle, percent, isa) for isa in ISAS]
    results = [
        (*s.process(x), s.hidden(), s.mask(), s.selected(), s.executed_macs()) for s in streams
    ]
    assert [s.isa for s in streams] == ISAS
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("hops", [(1,), (2, 1, 7), (50, 0, 3)], ids=str)
def test_any_number_of_hops_per_call_gives_the_same_bits(case, isa, hops):
    bundle, percent, x, _, _ = case
    hop = bundle.spec.front_end.hop_length
    whole, parts = engine(bundle, percent, isa), engine(bundle, percent, isa)
    pieces, start, i = [], 0, 0
    while start < len(x):
        end = start + hops[i % len(hops)] * hop
        pieces.append(parts.process(x[start:end]))
        start, i = end, i + 1
    y, top_gain = whole.process(x)
    assert np.array_equal(y, np.concatenate([p[0] for p in pieces]))
    assert np.array_equal(top_gain, np.concatenate([p[1] for p in pieces]))
    assert np.array_equal(whole.hidden(), parts.hidden())


@pytest.mark.parametrize("activation", ["none", "relu", "prelu", "sigmoid", "tanh"])
@pytest.mark.parametrize("first_bin, n_bins", [(0, 161), (1, 160), (7, 13), (160, 1)])
def test_every_activation_and_any_range_of_bins(activation, first_bin, n_bins):
    spec = gru_host((7, 5), "none", activation=activation, n_bins=n_bins, first_bin=first_bin)
    bundle, x = random_bundle_of(spec, seed=6), signal(seconds=0.8)
    want, (got, _) = ReferenceStream(bundle).process(x), engine(bundle, 100).process(x)
    assert below_db(want, got) >= BELOW_DB


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "spec",
    [
        gru_host((7, 33), "none"),
        gru_host((7, 33), "top_a"),
        gru_host((7, 33), "threshold"),
        gru_host((7, 33), "top_a", filter_order=8),
        band_host(),
        band_host(gate="threshold", affine=True),
        bin_host(),
        bin_host(gate="none", compression="none"),
    ],
    ids=["dense", "top_a", "threshold", "filter", "bands", "bands-affine", "bins", "bins-dense"],
)
def test_the_largest_weights_that_a_reader_accepts_never_give_nan(tmp_path, spec, isa):
    rng = np.random.default_rng(7)
    tensors = random_tensors(spec)
    for name, tensor in tensors.items():
        if not name.endswith((".threshold", ".scale")):
            tensor[:] = MAX_TENSOR_VALUE * rng.choice([-1, 1], tensor.shape)
    write_bundle(tmp_path / "m.safetensors", spec, tensors)
    stream = engine(read_bundle(tmp_path / "m.safetensors"), 100, isa)
    x = rng.choice(np.array([np.nan, np.inf, -3e38, 3e38, 0, 1e-45], np.float32), 16000)
    y, top_gain = stream.process(x)
    for values in (y, top_gain, stream.hidden(), stream.mask()):
        assert np.all(np.isfinite(values))
    assert np.max(np.abs(stream.hidden())) <= 1.0


@pytest.mark.parametrize("gain", [1.5, 0.6])
@pytest.mark.parametrize("percent", [75, 50])
def test_choices_from_the_same_state_are_those_of_the_judge(percent, gain):
    bundle = random_bundle_of(gru_host((320, 320)), seed=1)
    for name, tensor in bundle.tensors.items():
        tensor *= gain / 1.5 if name.startswith("gru") else 1.0
    chosen, wanted = one_step_choices(bundle, percent, signal(seconds=4.0, seed=1))
    assert np.mean(chosen != wanted) <= ONE_STEP_SHARE


def one_step_choices(bundle, percent, x):
    """What the engine chooses in each hop from the state that the judge's choices led to."""
    judge = ReferenceStream(bundle, percent)
    judge.process(x)
    stream, chosen = engine(bundle, percent), []
    for hop, masks in zip(x.reshape(judge.hops, -1), given_masks(judge), strict=True):
        free = stream.clone()
        free.process(hop)
        chosen.append(free.selected())
        stream.process_given(hop, masks[np.newaxis])
    return np.array(chosen, dtype=bool), judge.update_masks


@pytest.mark.parametrize("percent", [90, 50, 25])
def test_free_running_choices_are_those_of_the_judge(percent):
    bundle = random_bundle_of(gru_host((320, 320)), seed=2)
    for name, tensor in bundle.tensors.items():
        tensor *= 0.4 if name.startswith("gru") else 1.0  # forgets, as trained weights do
    share, level = free_running(bundle, percent, signal(seconds=4.0, seed=2))
    assert share <= FREE_SHARE
    assert level >= BELOW_DB if share == 0.0 else level >= 40.0


def free_running(bundle, percent, x):
    """Share of choices that differ, and dB below the signal of what follows from them."""
    judge, stream = ReferenceStream(bundle, percent), engine(bundle, percent)
    want, pieces = judge.process(x), []
    share = free_share(judge, stream, x, pieces)
    return share, below_db(want, np.concatenate(pieces))


def free_share(judge, stream, x, pieces=None):
    """Share of choices that differ from those of a judge that has heard `x`; keeps the output."""
    chosen = []
    for hop in x.reshape(judge.hops, -1):
        y, _ = stream.process(hop)
        chosen.append(stream.selected())
        if pieces is not None:
            pieces.append(y)
    return np.mean(np.array(chosen) != judge.update_masks)


@pytest.mark.parametrize("spec", [band_host(), bin_host()], ids=["bands", "bins"])
@pytest.mark.parametrize("percent", [75, 50])
def test_scans_choose_as_the_judge_does_from_one_state_and_freely(spec, percent):
    bundle, x = random_bundle_of(spec, seed=1), signal(seconds=SCANNING_SECONDS, seed=1)
    chosen, wanted = one_step_choices(bundle, percent, x)
    assert np.mean(chosen != wanted) <= ONE_STEP_SHARE
    share, level = free_running(bundle, percent, x)
    assert share <= FREE_SHARE
    assert level >= BELOW_DB if share == 0.0 else level >= 40.0


def is_float(name):
    """Those of integers are held to equality, in test_integers.py."""
    return read_bundle(name).spec.dtype == "f32"


@pytest.mark.parametrize("percent", [100, 50, 25])
@pytest.mark.parametrize("name", [n for n in shipped_models() if is_float(n)])
def test_shipped_models_agree_with_the_judge(name, percent):
    bundle = read_bundle(name)
    large = macs_per_hop(bundle.spec, 100.0)
    x = signal(seconds=0.5 if sum(large) > SLOW_MACS else 4.0)
    judge = ReferenceStream(bundle, percent)
    want = judge.process(x)
    got, _ = engine(bundle, percent).process_given(x, given_masks(judge))
    assert below_db(want, got) >= BELOW_DB
    assert free_share(judge, engine(bundle, percent), x) <= FREE_SHARE


def followed_dial(bundle, dial, x):
    """Compare the dials of engine and judge; return the judge, and P of every hop."""
    judge, stream = ReferenceStream(bundle, 40, dial=dial), engine(bundle, 40)
    stream.set_dial(dial, bundle.spec.update_percent.min, bundle.spec.update_percent.max)
    want = judge.process(x)
    got, _ = stream.process_given(x, given_masks(judge))
    assert below_db(want, got) >= BELOW_DB
    percents = np.array(judge.hop_percents)
    assert np.std(percents) > 1.0
    assert np.max(np.abs(percents - stream.hop_percents())) <= DIAL_TOLERANCE
    return judge, percents


@pytest.mark.parametrize("dial", ["level", "flux"])
def test_the_dial_turns_as_the_judge_turns_it(dial):
    bundle, x = random_bundle_of(gru_host((65, 33)), seed=8), signal(seconds=4.0)
    judge, percents = followed_dial(bundle, dial, x)
    share = judge.update_masks[:, :65].sum(axis=1) / 65
    assert np.max(np.abs(100 * share - percents)) <= 100 * 0.5 / 65 + 1e-9


@pytest.mark.parametrize("dial", ["level", "flux"])
@pytest.mark.parametrize(
    "spec",
    [band_host((("time", 20), ("down", 20))), bin_host((("both", 20),), n_bins=40)],
    ids=["bands", "bins"],
)
def test_the_dial_of_models_that_scan_turns_as_the_judge_turns_it(spec, dial):
    bundle, x = random_bundle_of(spec, seed=8), signal(seconds=SCANNING_SECONDS)
    x[1600:3200] *= 0.01
    judge, percents = followed_dial(bundle, dial, x)
    share = judge.update_masks.mean(axis=1)  # every step takes the same A of 20
    assert np.max(np.abs(100 * share - percents)) <= 100 * 0.5 / 20 + 1e-9


@pytest.mark.parametrize("dial", ["level", "flux"])
def test_a_shipped_model_whose_dial_moves_follows_the_judge(dial):
    bundle, x = read_bundle("gru"), signal(seconds=4.0)
    judge, stream = ReferenceStream(bundle, 40, dial=dial), engine(bundle, 40)
    stream.set_dial(dial, bundle.spec.update_percent.min, bundle.spec.update_percent.max)
    want, (got, _) = judge.process(x), stream.process(x)
    assert np.max(np.abs(np.array(judge.hop_percents) - stream.hop_percents())) <= DIAL_TOLERANCE
    assert below_db(want, got) >= 40.0  # a choice at the edge may differ, with what follows


@pytest.mark.parametrize("isa", ISAS)
def test_equal_scores_go_to_the_lowest_index_in_both(isa):
    bundle = random_bundle_of(gru_host((40, 40)), seed=3)
    for layer in ("gru1", "gru2"):
        for tensor in ("w_x", "w_h", "b_x", "b_h"):
            # The update gates of the units come in ten groups of four equal ones.
            z_rows = bundle.tensors[f"{layer}.{tensor}"][40:80]
            z_rows[:] = z_rows[np.arange(40) % 10]
    judge, stream = ReferenceStream(bundle, 35), engine(bundle, 35, isa)
    for hop in signal(seconds=1.0).reshape(-1, 160):
        judge.process_hop(hop)
        stream.process(hop)
        assert np.array_equal(stream.selected(), judge.update_masks[-1])
    # 14 of 40 in groups of four: every frame cuts through a group.
    groups = judge.update_masks.reshape(-1, 2, 4, 10).sum(axis=2)
    assert np.all(np.any((groups > 0) & (groups < 4), axis=2))


def test_all_units_updated_equals_the_engine_without_a_gate():
    x = signal()
    outputs = [
        engine(random_bundle_of(gru_host((7, 33), gate)), 100).process(x)[0]
        for gate in ("top_a", "none")
    ]
    assert np.array_equal(*outputs)


@pytest.mark.parametrize(
    "spec",
    [*(gru_host((7, 33), filter_order=order) for order in (0, 1, 3, 5)), band_host(), bin_host()],
    ids=["mask", "filter1", "filter3", "filter5", "bands", "bins"],
)
def test_dial_gain_floor_reset_and_clone_act_alike(spec):
    bundle = random_bundle_of(spec, seed=4)
    judge, stream = ReferenceStream(bundle, 100), engine(bundle, 100)
    x = signal(seconds=0.8 if spec.host == "gru" else 0.2)

    def same():
        want, (got, _) = judge.process(x), stream.process(x)
        return below_db(want, got) >= least_below_db(bundle)

    assert same()
    judge.update_percent = 25
    stream.set_update_percent(25)
    judge.min_gain = 0.3
    stream.set_min_gain(0.3)
    assert same()
    lowest = np.min(stream.mask())
    assert lowest == np.float32(0.3) if spec.host == "gru" else lowest >= np.float32(0.3)
    judge, stream = judge.clone(), stream.clone()
    assert same()
    judge.reset()
    stream.reset()
    assert same()
    assert stream.executed_macs() == judge.executed_macs


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "spec",
    [
        gru_host((7, 33), filter_order=5),
        gru_host((7, 33), n_fft=512, filter_order=5),
        band_host(),
        bin_host(n_fft=512),
    ],
    ids=["filter", "filter-fft512", "bands", "bins-fft512"],
)
def test_every_head_lets_the_input_through_when_nothing_may_be_attenuated(spec, isa):
    n_fft, seconds = spec.front_end.n_fft, 0.8 if spec.host == "gru" else 0.1
    bundle, x, hop = random_bundle_of(spec, seed=4), signal(n_fft, seconds), n_fft // 2
    judge, stream = ReferenceStream(bundle, 50, min_gain=1.0), engine(bundle, 50, isa)
    stream.set_min_gain(1.0)
    for y in (judge.process(x), stream.process(x)[0]):
        assert np.max(np.abs(y[hop:] - x[:-hop])) <= RECONSTRUCTION_TOLERANCE


@pytest.mark.parametrize("min_gain", [0.0, 0.3])
@pytest.mark.parametrize("isa", ISAS)
def test_coefficients_out_of_range_are_limited_alike(isa, min_gain):
    spec = gru_host((7, 33), "none", filter_order=2)
    bundle, x = random_bundle_of(spec, seed=8), signal(seconds=0.8)
    bundle.tensors["fc_out.weight"][spec.mask.n_bins :] *= 100.0
    judge, stream = ReferenceStream(bundle, min_gain=min_gain), engine(bundle, 100, isa)
    stream.set_min_gain(min_gain)
    want, (got, _) = judge.process(x), stream.process(x)
    largest = np.max(np.abs(judge.coefficients.real))
    assert largest == MAX_COEFFICIENT * (1.0 - min_gain)
    assert below_db(want, got) >= least_below_db(bundle)


HOSTILE_SAMPLES = {
    "nan": [np.nan],
    "inf": [np.inf, -np.inf],
    "huge": [3e38, -3e38],
    "denormal": [1e-40, -1e-40],
    "clipped": [1.0, -1.0],
    "silent": [0.0],
}
DENSE = {
    "gru": gru_host((7, 33), "none"),
    "bands": band_host(gate="none"),
    "bins": bin_host(gate="none"),
}


@pytest.fixture(params=product(DENSE, HOSTILE_SAMPLES), ids="-".join, scope="module")
def hostile(request):
    """A bundle, a signal, what the judge hears of it, and the judge's output."""
    name, samples = request.param
    bundle = random_bundle_of(DENSE[name])
    x = signal(seconds=0.8 if name == "gru" else 0.3)
    x[800:2400] = np.resize(np.array(HOSTILE_SAMPLES[samples], np.float32), 1600)
    # The phase that a filter on magnitudes keeps is lost where the power underflows.
    heard = np.where(np.abs(x) < 1e-30, 0, x) if name == "bands" else x
    return bundle, x, heard, ReferenceStream(bundle).process(heard)


@pytest.mark.parametrize("isa", ISAS)
def test_hostile_samples_have_the_same_defined_result(hostile, isa):
    bundle, x, heard, want = hostile
    got, _ = engine(bundle, 100, isa).process(x)
    assert np.all(np.isfinite(got))
    # Hop by hop, so that a hop of 1e6 does not hide the others: against the hop's own level, or
    # that of ordinary speech where the hop is silent. A network that hears few bins may find only
    # the sidelobes of what is loud elsewhere, and the transform rounds by the loudest bin.
    error, level, loud = (
        np.sqrt(np.mean(v.reshape(-1, 160) ** 2, 1))
        for v in (want - got, want, np.clip(np.nan_to_num(heard), -1e6, 1e6).astype(np.float64))
    )
    level = np.maximum(level, loud) if bundle.spec.host == "dprnn" else level
    neighbours = np.maximum(level, np.maximum(np.roll(level, 1), np.roll(level, -1)))
    assert np.max(error / np.maximum(neighbours, 1e-3)) <= 10 ** (-(BELOW_DB - 10) / 20)
