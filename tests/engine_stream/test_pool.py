"""Pools of streams: every stream as if it were alone."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, integer_bundle, random_bundle_of

from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.engine.pool import StreamPool
from wheesht.engine.stream import Stream
from wheesht.errors import ParameterError, ShapeError, StateError

SPECS = {
    "gru": gru_host((7, 70)),
    "filter": gru_host((33, 19), filter_order=3, n_fft=512),
    "threshold": gru_host((40,), gate="threshold"),
    "dense": gru_host((16,), gate="none"),
    "bands": band_host(),
    "bins": bin_host(),
}


def signals(count, samples, seed=0):
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0.01, 0.3, (count, 1))
    return (levels * rng.standard_normal((count, samples))).astype(np.float32)


@pytest.mark.parametrize("isa", _ext.isa_names())
@pytest.mark.parametrize("host", SPECS)
@pytest.mark.parametrize("of_integers", [False, True])
def test_streams_of_a_pool_give_the_bits_that_each_gives_alone(host, isa, of_integers):
    bundle = random_bundle_of(SPECS[host], seed=3)
    bundle = integer_bundle(bundle) if of_integers else bundle
    hop = bundle.spec.front_end.hop_length
    percents = [100.0, 50.0, 1.0, 37.0, 80.0]
    percents = percents if bundle.spec.update_percent.min < 100 else 5 * [100.0]
    x, packed = signals(5, 9 * hop), pack(bundle)
    pool, alone = _ext.Pool(packed, 5, isa), [_ext.Stream(packed, isa) for _ in range(5)]
    for k, percent in enumerate(percents):
        pool.set_update_percent(k, percent)
        alone[k].set_update_percent(percent)
    pool.set_min_gain(2, 0.25)
    alone[2].set_min_gain(0.25)
    # All, then two rest (at the edge and within), then all again: a rest is no silence.
    for start, resting in ((0, ()), (3, (0, 2)), (6, ())):
        part = np.ascontiguousarray(x[:, start * hop : (start + 3) * hop])
        active = np.array([k not in resting for k in range(5)], np.uint8)
        y = pool.process(part, active)
        for k in range(5):
            want = alone[k].process(part[k])[0] if active[k] else np.zeros(3 * hop)
            np.testing.assert_array_equal(y[k], want)
    for k in range(5):
        assert pool.executed_macs(k) == alone[k].executed_macs()
        updated = [n for n in pool.updated_units(k) if n]
        assert updated == [n for n in alone[k].updated_units() if n]


def test_chunks_of_any_length_line_up_as_those_of_a_stream_do():
    bundle = random_bundle_of(gru_host((20,)), seed=1)
    rng, x = np.random.default_rng(0), signals(3, 5000)
    pool = StreamPool(bundle, size=3, update_percent=40, strength_db=20)
    got, at = [[], [], []], [0, 0, 0]
    while min(at) < 4000:
        sizes = [int(rng.integers(0, 500)) if rng.random() < 0.7 else None for _ in at]
        chunks = [
            None if n is None else x[k, at[k] : at[k] + n].copy() for k, n in enumerate(sizes)
        ]
        for k, part in enumerate(pool.process(chunks)):
            got[k].append(part)
            at[k] += 0 if chunks[k] is None else len(chunks[k])
            if chunks[k] is not None:
                chunks[k][:] = np.nan  # the caller may reuse it
    for k in range(3):
        got[k].append(pool.flush(k))
        stream = Stream(bundle, update_percent=40, strength_db=20)
        want = np.concatenate([stream.process(x[k, : at[k]]), stream.flush()])
        np.testing.assert_array_equal(np.concatenate(got[k]), want)


def test_a_place_that_was_reset_begins_anew_and_leaves_its_neighbours_alone():
    bundle = random_bundle_of(gru_host((20,)), seed=1)
    x = signals(2, 1600)
    pool, fresh = StreamPool(bundle, size=2), StreamPool(bundle, size=2)
    first = pool.process(list(x))
    pool.reset(0)
    again = pool.process([x[0], x[1]])
    np.testing.assert_array_equal(again[0], first[0])
    fresh.process([None, x[1]])
    np.testing.assert_array_equal(again[1], fresh.process([None, x[1]])[1])
    assert pool.stats(0)["hops"] == 10
    assert pool.stats(1)["hops"] == 20


def test_an_interrupted_call_leaves_counts_in_order():
    """Its samples are lost, as those of a `Stream` are, and nothing is made up for them."""
    bundle, x = random_bundle_of(gru_host((20,)), seed=1), signals(1, 1600)[0]
    pool = StreamPool(bundle, size=2)
    engine = pool._engine

    class Interrupted:
        hops = engine.hops

        def process(self, *given):
            engine.process(*given)
            raise KeyboardInterrupt

    pool._engine = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        pool.process([x, None])
    pool._engine = engine
    assert pool.stats(0)["hops"] == 10
    assert len(pool.process([x[:800], None])[0]) == 800
    assert len(pool.flush(0)) == 160


@pytest.mark.parametrize("before", ["samples that wait for a hop", "the end"])
def test_nothing_of_the_signal_before_is_left_after_a_reset(before):
    bundle = random_bundle_of(gru_host((20,)), seed=1)
    x = signals(2, 1000)  # six hops and a quarter
    pool = StreamPool(bundle, size=2)
    pool.process(list(x))
    if before == "the end":
        pool.flush(0)
    pool.reset(0)
    again = [pool.process([x[0], None])[0], pool.flush(0)]
    stream = Stream(bundle)
    want = [stream.process(x[0]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(want))


LONG_CHUNK = """
import numpy as np
from wheesht import Stream, StreamPool

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line)

x = np.random.default_rng(0).standard_normal(60 * 16000).astype(np.float32)
pool, want = StreamPool("small-int8", size=500), Stream("small-int8").process(x)
before = peak()
got = pool.process([None] * 499 + [x])[499]
print(np.array_equal(got, want), peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for its memory")
def test_a_long_chunk_in_a_large_pool_needs_no_room_for_all_places():
    done = subprocess.run([sys.executable, "-c", LONG_CHUNK], capture_output=True, text=True)
    equal, kib = done.stdout.split()
    assert equal == "True" and int(kib) < 60_000  # 500 places of a minute are 1.9 GB


def test_each_stream_has_its_dial_and_says_what_it_executed():
    bundle = random_bundle_of(gru_host((40,)), seed=1)
    pool = StreamPool(bundle, size=2, update_percent=100)
    pool.set_update_percent(1, 25)
    pool.process(list(signals(2, 3200)))
    assert [pool.stats(k)["update_fraction"] for k in (0, 1)] == [1.0, 0.25]
    macs = [pool.stats(k)["executed_macs_per_second"] for k in (0, 1)]
    # All of z, and r and c of a quarter of the units: half of a dense step (C2).
    assert macs[0] - macs[1] == 100 * 40 * 80 * 1.5


def test_one_stream_more_costs_its_state_and_no_scratch():
    packed = pack(random_bundle_of(gru_host((64, 64)), seed=0))
    more = (_ext.Pool(packed, 9).bytes - _ext.Pool(packed, 1).bytes) / 8
    assert more < 0.7 * _ext.Stream(packed).bytes


@pytest.mark.parametrize("size", [0, -1, 4097, 2.0, True, "3"])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(ParameterError, match=r"^StreamPool: size is .*, needs 1 to 4096 streams$"):
        StreamPool(random_bundle_of(gru_host((3,))), size=size)


def test_wrong_use_is_refused_and_changes_nothing():
    bundle = random_bundle_of(gru_host((20,)), seed=1)
    pool, twin = StreamPool(bundle, size=2), StreamPool(bundle, size=2)
    x = signals(2, 480)
    with pytest.raises(ShapeError, match="got 1 chunks, needs one for each of the 2 streams"):
        pool.process([x[0]])
    with pytest.raises(ShapeError, match="got NoneType, needs one for each of the 2 streams"):
        pool.process(None)
    with pytest.raises(ShapeError, match=r"chunk 1 has shape \(2, 480\), needs \(samples,\)"):
        pool.process([x[0], x])
    with pytest.raises(AttributeError):
        pool.update_percent = 25  # as of a Stream
    with pytest.raises(ShapeError, match="process: chunk 1: got .*, needs floating point"):
        pool.process([x[0], ["speech"]])
    for k in (-1, 2, 1.5):
        with pytest.raises(ParameterError, match=r"needs 0 to 1$"):
            pool.reset(k)
    with pytest.raises(ParameterError, match="update_percent: got 0.5, needs 1 to 100"):
        pool.set_update_percent(0, 0.5)
    with pytest.raises(ParameterError, match="isa: got 'mmx'"):
        StreamPool(bundle, isa="mmx")
    for got, want in zip(pool.process(list(x)), twin.process(list(x)), strict=True):
        np.testing.assert_array_equal(got, want)
    pool.flush(1)
    with pytest.raises(StateError, match=r"stream 1 was flushed.*reset\(1\)"):
        pool.process([None, x[1]])
    with pytest.raises(StateError, match=r"^StreamPool.flush: stream 1 was flushed"):
        pool.flush(1)
    assert len(pool.process([x[0], None])[0]) == 480


def test_a_second_thread_is_refused_and_nothing_is_mixed_up(monkeypatch):
    bundle, x = random_bundle_of(gru_host((20,)), seed=1), signals(2, 1600)
    pool, twin = StreamPool(bundle, size=2), StreamPool(bundle, size=2)
    met: list[Exception] = []

    def intrude():
        for call in (
            lambda: pool.process([None, None]),
            lambda: pool.flush(0),
            lambda: pool.reset(0),
            lambda: pool.stats(0),
        ):
            try:
                call()
            except StateError as error:
                met.append(error)

    inner = StreamPool._run

    def run(self, only=None):
        if self is pool:
            thread = threading.Thread(target=intrude)  # while this one is inside the call
            thread.start()
            thread.join()
        return inner(self, only)

    monkeypatch.setattr(StreamPool, "_run", run)
    for got, want in zip(pool.process(list(x)), twin.process(list(x)), strict=True):
        np.testing.assert_array_equal(got, want)
    assert len(met) == 4 and all("another thread is inside a call" in str(e) for e in met)
