"""The gate of the engine: one wrong layer, on one instruction set, at one setting is enough."""

import numpy as np
import pytest
from bundles import band_host, gru_host, integer_bundle, random_bundle_of

from wheesht.bench import field
from wheesht.bench.field import Field
from wheesht.bench.gate import GATE_HOPS
from wheesht.bench.signals import speech_like
from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.errors import GateError
from wheesht.spec.bundle import Bundle

ISAS = _ext.isa_names()
X = speech_like(1.0).noisy


def enter(bundle, percents=(100.0, 50.0), isas=ISAS):
    entered = Field(X, lambda: 0)
    entered.enter_engine("m", bundle, percents, isas)
    return entered


class Wrapped:
    """A stream with one of its methods replaced on one instruction set."""

    def __init__(self, stream, **replaced):
        self._stream = stream
        for name, make in replaced.items():
            setattr(self, name, make(stream))

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.fixture
def break_engine(monkeypatch):
    """Replace methods of streams on one instruction set, or the model that they run."""
    right = _ext.Stream

    def break_it(isa=ISAS[-1], model=None, **replaced):
        def make(given, asked=""):
            if asked != isa:
                return right(given, asked)
            return Wrapped(right(model or given, asked), **replaced)

        monkeypatch.setattr(field._ext, "Stream", make)

    return break_it


def test_a_right_engine_enters_everywhere(bundle):
    entered = enter(bundle)
    places = [(f["isa"], f["update_percent"]) for f in entered.gated]
    assert sorted(places) == sorted((isa, p) for isa in ISAS for p in (100.0, 50.0))
    assert all(found["error_db"] >= 100 for found in entered.gated)
    assert [who.facts.isa for who in entered.contestants[::2]] == list(ISAS)
    assert entered.names[0] == f"wheesht m {ISAS[0]} at P = 100"


@pytest.mark.parametrize("isa", ISAS[1:])
@pytest.mark.parametrize("tensor", ["fc_in.weight", "gru1.w_h", "gru2.b_x", "fc_out.bias"])
def test_an_error_in_one_layer_on_one_instruction_set_is_found(bundle, break_engine, tensor, isa):
    wrong = {name: t.copy() for name, t in bundle.tensors.items()}
    wrong[tensor].flat[0] += 0.05
    break_engine(isa, pack(Bundle(bundle.spec, wrong, bundle.sha256)))
    with pytest.raises(GateError, match=rf"not timed: m on {isa} at P = 100: .* is only") as told:
        enter(bundle)
    assert "reinstall wheesht" in str(told.value)


def test_an_error_that_few_hops_show_is_found(bundle, break_engine):
    """Behind the hops that the judge sees, the bits of plain C are the measure."""

    def process(stream):
        def wrong(x):
            y, gain = stream.process(x)
            y[(GATE_HOPS + 20) * 160] += np.float32(1e-6)
            return y, gain

        return lambda x: wrong(x) if len(x) > 160 else stream.process(x)

    break_engine(process=process)
    with pytest.raises(GateError, match="not that of plain C, bit for bit"):
        enter(bundle)


def test_a_gate_that_picks_other_units_is_found(bundle, break_engine):
    """Wrong only when it chooses itself, which one hop of a copy tells."""

    def fewer_units(free):
        def process(hop):
            free.set_update_percent(45.0)
            return free.process(hop)

        return process

    def clone(stream):
        return lambda: Wrapped(stream.clone(), process=fewer_units)

    break_engine(clone=clone)
    with pytest.raises(GateError, match="of its choices of units are not the reference.s"):
        enter(bundle)


def test_work_that_is_not_counted_is_found(bundle, break_engine):
    def executed_macs(stream):
        return lambda: [*stream.executed_macs()[:-1], stream.executed_macs()[-1] - 1]

    break_engine(executed_macs=executed_macs)
    with pytest.raises(GateError, match=r"it counted \d+ MACs, the reference \d+"):
        enter(bundle)


def test_output_that_is_not_a_number_is_found(bundle, break_engine):
    def process_given(stream):
        def wrong(x, masks):
            y, gain = stream.process_given(x, masks)
            return y * np.nan, gain

        return wrong

    break_engine(process_given=process_given)
    with pytest.raises(GateError, match="only nan dB"):
        enter(bundle)


@pytest.fixture
def integers(bundle):
    return integer_bundle(bundle)


@pytest.mark.parametrize(
    "dtypes", [None, {"gru1": "s8"}, {"fc_out": "s16"}], ids=["s8+s16", "s8+f32", "s16+f32"]
)
def test_a_right_engine_of_integers_enters_everywhere(bundle, dtypes, request):
    entered = enter(integer_bundle(bundle, dtypes))
    assert all(found["error_db"] >= 100 for found in entered.gated)
    assert {who.facts.dtype for who in entered.contestants} == {request.node.callspec.id}
    assert {who.facts.dtype for who in enter(bundle).contestants} == {"f32"}


def test_a_network_of_integers_that_scans_enters():
    bundle = integer_bundle(random_bundle_of(band_host(n_bands=4), seed=3))
    assert enter(bundle, (50.0,), [ISAS[-1]]).gated[0]["error_db"] >= 100


@pytest.mark.parametrize("tensor", ["fc_in.weight", "gru1.w_h", "gru2.w_x", "fc_out.weight"])
def test_an_integer_off_by_one_is_found(integers, break_engine, tensor):
    wrong = {name: t.copy() for name, t in integers.tensors.items()}
    wrong[tensor].flat[0] -= np.sign(wrong[tensor].flat[0]) or 1
    break_engine(model=pack(Bundle(integers.spec, wrong, integers.sha256)))
    with pytest.raises(GateError, match="hops the last layer does not give|its hidden states are"):
        enter(integers)


def test_the_last_bit_of_one_value_is_found(integers, break_engine):
    def trace(stream):
        def wrong(x):
            traces = stream.trace(x)
            last = traces[-1].copy()
            last[7, 0, 11] = np.nextafter(last[7, 0, 11], np.float32(2.0))
            return [*traces[:-1], last]

        return wrong

    break_engine(trace=trace)
    with pytest.raises(GateError, match="in 1 of 60 hops the last layer .* of them hop 7"):
        enter(integers)


def test_a_wrong_synthesis_behind_right_integers_is_found(integers, break_engine):
    def process_given(stream):
        def wrong(x, masks):
            y, gain = stream.process_given(x, masks)
            return np.float32(1.001) * y, gain

        return wrong

    break_engine(process_given=process_given)
    with pytest.raises(GateError, match="is only 60"):
        enter(integers)


def test_one_other_choice_of_a_network_of_integers_is_found(integers, break_engine):
    def clone(stream):
        def other(free):
            def selected():
                units = free.selected().copy()
                units[0] ^= stream.hops() == 5
                return units

            return selected

        return lambda: Wrapped(stream.clone(), selected=other)

    break_engine(clone=clone)
    with pytest.raises(
        GateError, match="of its choices of units are not the reference.s, at most 0"
    ):
        enter(integers)


def test_facts_hold_what_was_executed_on_the_signal():
    dense, threshold = (
        random_bundle_of(gru_host((21, 33), gate), seed=2) for gate in ("none", "threshold")
    )
    whole, part = (enter(b, (100.0,), ["scalar"]).contestants[0].facts for b in (dense, threshold))
    assert whole.update_fraction == 1.0 and 0.05 < part.update_fraction < 0.95
    assert part.executed_macs < whole.executed_macs
    assert whole.executed_macs == 100 * (160 * 21 + 3 * 21 * 42 + 3 * 33 * 54 + 33 * 160)
    assert whole.model_sha256 == "0" * 12 and whole.hop_ms == 10.0


def test_a_contestant_starts_from_silence(bundle):
    """What the gate ran through the stream leaves no trace in it."""
    who = enter(bundle, (50.0,), [ISAS[-1]]).contestants[0]
    fresh = _ext.Stream(pack(bundle), ISAS[-1])
    fresh.set_update_percent(50.0)
    assert np.array_equal(who.step(who.items[0])[0], fresh.process(who.items[0])[0])
    assert len(who.items) == 100


def test_time_per_layer_comes_from_the_engine(bundle):
    who = enter(bundle, (50.0,), [ISAS[-1]]).contestants[0]
    layers, read = who.inside
    ns = [*layers(who.items[0]), *read(who.items[0])]
    names = ["fc_in", "gru1", "gru2", "fc_out", "hop", "plain read"]
    assert [part.name for part in who.parts] == names
    assert [part.is_recurrent for part in who.parts] == [False, True, True, False, False, False]
    assert min(ns) >= 0 and 0 < sum(ns[:-2]) <= ns[-2] < 1e9 and ns[-1] > 0
    assert sum(part.executed_macs for part in who.parts) == who.facts.executed_macs
