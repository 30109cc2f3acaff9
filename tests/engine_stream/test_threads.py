"""One stream, several threads: who may do what while samples are being processed."""

import threading

import numpy as np
import pytest

from wheesht.engine.hops import HopEngine
from wheesht.engine.stream import Stream
from wheesht.errors import StateError

UNITS = 21 + 33  # of small_bundle
UPDATED = {25: 5 + 8, 50: 11 + 17, 100: UNITS}  # at each dial, rounded half up
WAIT_SECONDS = 20  # far more than any of these threads needs


@pytest.fixture
def held(monkeypatch):
    """Hold the next call of the engine: it reports that it has begun and waits to go on."""
    begun, go_on = threading.Event(), threading.Event()
    process = HopEngine.process

    def hold(self, x):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(WAIT_SECONDS)
        return process(self, x)

    monkeypatch.setattr(HopEngine, "process", hold)
    yield begun, go_on
    go_on.set()


def in_thread(work):
    """Start `work()` in a thread; the list gets what it returns or raises."""
    results = []

    def run():
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def test_the_dial_may_be_turned_while_another_thread_processes(small_bundle, noise):
    stream, x = Stream(small_bundle, channels=3), noise(3.0, channels=3)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            stream.process(x)

    thread, results = in_thread(work)
    for turn in range(3000):
        stream.update_percent = (25, 50, 100)[turn % 3]
        stream.strength_db = (None, 6.0, 12.0)[turn % 3]
    stream.update_percent, stream.strength_db = 25, 6.0
    stop.set()
    thread.join(WAIT_SECONDS)
    assert results == [None]
    stream.reset()
    stream.process(x)
    each = [sum(engine.updated_units()) / engine.hops() for engine in stream._engine._engines]
    assert each == [UPDATED[25]] * 3


def test_a_setting_holds_from_the_next_second_of_a_long_chunk(small_bundle, noise, held):
    begun, go_on = held
    stream = Stream(small_bundle, channels=2, update_percent=25)
    thread, results = in_thread(lambda: stream.process(noise(3.0, channels=2)))
    assert begun.wait(WAIT_SECONDS)
    stream.update_percent = 100
    go_on.set()
    thread.join(WAIT_SECONDS)
    assert results[0].shape == (2, 48000 - 160)
    updated = 100 * UPDATED[25] + 200 * UPDATED[100]
    assert stream.stats()["update_fraction"] == pytest.approx(updated / (300 * UNITS))


def test_flush_applies_the_settings_too(closed_bundle, noise):
    stream = Stream(closed_bundle)
    stream.process(noise(0.05)[0, :799])  # 319 samples are still inside
    stream.strength_db = 0.0
    assert np.abs(stream.flush()[160:]).max() > 0.01


@pytest.mark.parametrize("call", ["process", "flush", "reset", "clone"])
def test_a_second_thread_is_refused_and_the_first_is_not_disturbed(small_bundle, noise, held, call):
    begun, go_on = held
    x = noise(0.5)[0]
    stream = Stream(small_bundle)
    thread, results = in_thread(lambda: stream.process(x))
    assert begun.wait(WAIT_SECONDS)
    arguments = [x] if call == "process" else []
    with pytest.raises(StateError, match=rf"Stream\.{call}: another thread .* stream of its own"):
        getattr(stream, call)(*arguments)
    go_on.set()
    thread.join(WAIT_SECONDS)
    want = Stream(small_bundle).process(x)
    np.testing.assert_array_equal(results[0], want)
    assert len(stream.flush()) == len(x) - len(want)


def test_after_an_error_the_stream_is_free_again(small_bundle, monkeypatch):
    stream = Stream(small_bundle)
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(HopEngine, "process", lambda self, x: (_ for _ in ()).throw(MemoryError))
        stream.process(np.zeros(10))
    stream.reset()
    assert len(stream.process(np.zeros(480))) == 320


def test_a_clone_can_run_while_the_first_stream_does(small_bundle, noise, held):
    begun, go_on = held
    x = noise(0.3)[0]
    stream = Stream(small_bundle)
    twin = stream.clone()
    thread, results = in_thread(lambda: stream.process(x))
    assert begun.wait(WAIT_SECONDS)
    alone = twin.process(x)
    go_on.set()
    thread.join(WAIT_SECONDS)
    np.testing.assert_array_equal(results[0], alone)
