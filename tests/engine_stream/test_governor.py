"""The governor: the dial under synthetic load, on a clock of the tests' own."""

import numpy as np
import pytest

from wheesht import Governor
from wheesht.engine.governor import CALM_HOPS, DECREASE, HEADROOM, DialCap
from wheesht.engine.hops import HopEngine
from wheesht.engine.stream import Stream
from wheesht.errors import ParameterError

HOP_NS = 10_000_000
# Late hops from P = 100 to below 1: the most that an overload may take to reach the model's least.
FALL_HOPS = int(np.ceil(np.log(0.01) / np.log(DECREASE)))


class Load:
    """A clock on which every hop takes `ns_of(P)`, as the engine's next reading finds out."""

    def __init__(self, ns_of):
        self.ns_of, self.now, self.percent, self.begun = ns_of, 0, None, False
        self.hops = 0

    def __call__(self):
        if self.begun:
            self.now += int(self.ns_of(self.percent(), self.hops))
            self.hops += 1
        self.begun = not self.begun
        return self.now


def governed(bundle, ns_of, max_rtf=0.5, **settings):
    """Make a stream whose hops take as long as `ns_of(P, hop)` says."""
    load = Load(ns_of)
    stream = Stream(bundle, governor=Governor(max_rtf, load), **settings)
    load.percent = lambda: stream.dial_positions()[:, -1].max()
    return stream


def slow(ns_at_100):
    """A time that grows with P, a fifth of it fixed."""
    return lambda percent, hop: ns_at_100 * (0.2 + 0.8 * percent / 100)


@pytest.mark.parametrize("rate, channels", [(16000, 1), (48000, 2)])
@pytest.mark.parametrize("load", ["fits", "heavy", "hopeless", "random"])
def test_no_sample_is_dropped_or_doubled(open_bundle, noise, load, rate, channels):
    rng = np.random.default_rng(0)
    ns_of = {
        "fits": slow(0.1 * HOP_NS),
        "heavy": slow(0.9 * HOP_NS),
        "hopeless": slow(100 * HOP_NS),
        "random": lambda percent, hop: rng.exponential(0.4 * HOP_NS),
    }[load]
    x = noise(1.0, rate, channels)
    stream = governed(open_bundle, ns_of, sample_rate=rate, channels=channels)
    parts = [stream.process(x[:, i : i + 777]) for i in range(0, rate, 777)]
    y = np.concatenate([*parts, stream.flush()], axis=1)
    assert y.shape == x.shape
    assert np.abs(y - x).max() <= 5e-7  # its mask is one: what came out is what went in


def test_under_overload_the_dial_falls_within_hops_and_comes_back(small_bundle):
    def ns_of(percent, hop):
        return (2.0 if 100 <= hop < 200 else 0.01) * HOP_NS

    stream = governed(small_bundle, ns_of, update_percent=100)
    stream.process(np.zeros(160 * 500))
    dial = stream.dial_positions()[0]
    assert np.all(dial[:101] == 100)
    assert dial[101] == pytest.approx(100 * DECREASE)
    assert np.all(dial[101 + FALL_HOPS : 200] == 1)  # the model's least, and not below
    # After 100 hops of twice their time the queue holds 100 hops, which take 101 to drain.
    calm = 200 + 101 + CALM_HOPS
    assert np.all(dial[calm + 101 :] == 100)
    assert np.all(np.diff(dial[205:]) >= 0)
    stats = stream.stats()
    assert stats["late_hops"] == pytest.approx(200, abs=2)
    assert stats["longest_hop_us"] == 20_000
    assert stats["update_percent_cap"] == 100


@pytest.mark.parametrize("start", [100.0, 1.0])
@pytest.mark.parametrize("ns_at_100", [0.45, 0.6, 0.9, 1.5, 2.3])
def test_a_steady_load_ends_at_a_steady_dial(start, ns_at_100):
    cap, load = DialCap(HOP_NS, 0.5, 1.0, 100.0), slow(ns_at_100 * HOP_NS)
    cap.percent = start
    seen = []
    for hop in range(600):
        percent = cap.percent
        cap.after_hop(int(load(percent, hop)), percent)
        seen.append(percent)
    assert len(set(seen[300:])) == 1
    steady = load(seen[-1], 0) / (0.5 * HOP_NS)
    assert steady <= 1.0
    assert steady > HEADROOM - 0.01 or seen[-1] == 100  # and no lower than it must be
    late_at_start = sum(load(p, 0) > 0.5 * HOP_NS for p in seen)
    assert cap.late_hops >= late_at_start
    assert cap.late_hops <= FALL_HOPS + 10


def test_the_first_late_hop_cuts_the_p_that_it_had():
    cap = DialCap(HOP_NS, 0.5, 1.0, 100.0)
    cap.after_hop(int(0.6 * HOP_NS), 40.0)
    assert cap.percent == pytest.approx(40 * DECREASE)
    cap.after_hop(int(0.6 * HOP_NS), 1.0)
    assert cap.percent == 1.0


def test_hops_that_wait_for_slow_ones_before_them_are_late_too():
    cap = DialCap(HOP_NS, 0.5, 1.0, 100.0)
    for took in [3.2, 0.1, 0.1, 0.1, 0.1]:  # lags 3.2, 2.3, 1.4, 0.5, 0.1 hops
        cap.after_hop(int(took * HOP_NS), 100.0)
    assert cap.late_hops == 3


@pytest.mark.parametrize("dial", ["fixed", "flux"])
def test_the_cap_cuts_whatever_the_dial_says(small_bundle, noise, dial):
    x = noise(4.0)[0]
    settings = {"update_percent": 50, "dial": dial}
    with Stream(small_bundle, **settings) as stream:
        stream.process(x)
        free = stream.dial_positions()[0]
    # At P = 32 exactly the deadline, at P = 20 it has room, whatever is asked for.
    stream = governed(small_bundle, lambda p, hop: p / 32 * 0.5 * HOP_NS, **settings)
    if dial == "fixed":  # the dial can otherwise only be predicted while masks play no part
        stream.process(x)
        assert np.all(stream.dial_positions()[0][100:] <= 32)
        return
    caps = []
    for hop in range(400):
        caps.append(stream.stats().get("update_percent_cap"))
        stream.process(x[160 * hop : 160 * hop + 160])
    np.testing.assert_array_equal(stream.dial_positions()[0], np.minimum(free, caps))
    assert np.any(free > caps) and np.any(free < caps)


def test_a_governor_that_has_room_changes_no_bit(small_bundle, noise):
    x = noise(2.0, 48000, 2)
    plain = Stream(small_bundle, 48000, 2, dial="level")
    stream = governed(small_bundle, slow(100), sample_rate=48000, channels=2, dial="level")
    assert np.array_equal(stream.process(x), plain.process(x))
    assert np.array_equal(stream.dial_positions(), plain.dial_positions())
    assert stream.stats()["late_hops"] == 0


def test_without_a_governor_no_hop_is_timed(small_bundle, noise, monkeypatch):
    def never(*arguments):
        raise AssertionError

    monkeypatch.setattr(HopEngine, "_enhance_in_time", never)
    stream = Stream(small_bundle)
    stream.process(noise(0.1)[0])
    assert "late_hops" not in stream.stats()


def test_reset_and_clone_have_a_cap_of_their_own(small_bundle):
    stream = governed(small_bundle, slow(5 * HOP_NS), update_percent=100)
    stream.process(np.zeros(16000))
    fallen = stream.stats()["update_percent_cap"]
    assert fallen < 20
    twin, late = stream.clone(), stream.stats()["late_hops"]
    twin.process(np.zeros(1600))
    assert (stream.stats()["late_hops"], twin.stats()["late_hops"]) == (late, late + 10)
    stream.reset()
    assert stream.stats()["update_percent_cap"] == 100 and stream.stats()["late_hops"] == 0
    assert twin.stats()["update_percent_cap"] == fallen and twin.stats()["late_hops"] > 0
    stream.process(np.zeros(160))
    assert stream.dial_positions()[0, 0] == 100


@pytest.mark.parametrize("max_rtf", [0, -1, 1.5, float("nan"), "0.5", True, None])
def test_a_deadline_that_is_none_is_refused(max_rtf):
    with pytest.raises(ParameterError, match="above 0, at most 1"):
        Governor(max_rtf)


@pytest.mark.parametrize("max_rtf", [np.float32(0.5), np.float64(0.5), 1, np.int64(1)])
def test_deadlines_are_numbers_of_any_type(max_rtf):
    governor = Governor(max_rtf)
    assert governor == Governor(float(max_rtf)) and type(governor.max_rtf) is float


@pytest.mark.parametrize("clock", [5, None, "time"])
def test_a_clock_that_cannot_be_read_is_refused(clock):
    with pytest.raises(ParameterError, match="Governor: got clock .* nanoseconds"):
        Governor(0.5, clock)


def test_streams_take_governors_only(small_bundle):
    with pytest.raises(ParameterError, match="needs a Governor"):
        Stream(small_bundle, governor=0.5)
