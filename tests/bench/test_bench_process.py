"""Fresh processes: their time to a point, and their own peak of memory."""

import sys
from pathlib import Path

import numpy as np
import pytest

from wheesht.bench import process
from wheesht.bench.process import (
    BARE,
    TELL,
    Fresh,
    fresh_process,
    measure_processes,
    run_to_the_end,
)
from wheesht.errors import StateError

LINUX = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell the peak of memory"
)


def test_time_runs_from_the_start_to_the_point_and_no_further():
    late = fresh_process("import time; time.sleep(0.4)" + TELL).seconds
    left = fresh_process(BARE + "time.sleep(0.4)\n").seconds
    assert 0.4 < late and left < late


@LINUX
def test_the_peak_is_that_of_the_process_and_stays_after_memory_is_given_back():
    filler = np.ones(30_000_000)  # 240 MB in this process, of which the other must know nothing
    bare = fresh_process(BARE).peak_bytes
    assert bare < 60e6 and filler[0] == 1
    used = fresh_process("x = bytearray(b'.') * 200_000_000; del x" + TELL)
    assert used.peak_bytes - bare == pytest.approx(200e6, abs=2e6)


def test_arguments_reach_the_process():
    fresh_process("import sys; assert sys.argv[1:] == ['a b', '7']" + TELL, "a b", "7")


def test_a_process_that_fails_is_an_error_with_its_last_words():
    with pytest.raises(StateError, match="fresh process of .* failed: ValueError: no such luck"):
        fresh_process("raise ValueError('no such luck')")
    with pytest.raises(StateError, match="exit status 3"):
        fresh_process("import sys; sys.exit(3)")


def test_start_and_memory_of_each_model(bundle, monkeypatch):
    monkeypatch.setattr(process, "STARTS", 1)
    cold, memory = measure_processes({"a": bundle})
    (start,), (peak,) = cold["rows"], memory["rows"]
    # One start each on a busy machine: in which order they come out is not certain.
    assert min(cold["python_ms"], cold["numpy_ms"], start["first_hop_ms"]) > 0
    assert start["model"] == peak["model"] == "a"
    assert start["own_ms"] == pytest.approx(start["first_hop_ms"] - cold["numpy_ms"], abs=0.15)
    if sys.platform == "linux":
        assert 0 < memory["python_bytes"] < memory["numpy_bytes"] < peak["peak_bytes"] < 200e6
        assert peak["own_bytes"] == peak["peak_bytes"] - memory["numpy_bytes"]


def test_medians_are_over_the_starts_after_the_first(bundle, monkeypatch):
    """Fresh processes are taken in turn; the first of each only fills the page cache."""
    order = []

    def fake(code, *arguments):
        kind = "python" if code == BARE else "numpy" if code == process.NUMPY else "model"
        order.append(kind)
        turn = order.count(kind) - 1
        ms = {"python": 10, "numpy": 50, "model": 100}[kind]
        return Fresh((ms + (1000 if turn == 0 else turn)) / 1e3, 1000 * ms)

    monkeypatch.setattr(process, "fresh_process", fake)
    monkeypatch.setattr(process, "STARTS", 3)
    cold, memory = measure_processes({"a": bundle})
    assert order[:6] == ["python", "numpy", "model", "python", "numpy", "model"]
    assert (cold["python_ms"], cold["numpy_ms"]) == (12, 52)
    assert cold["rows"] == [{"model": "a", "first_hop_ms": 102, "own_ms": 50}]
    assert memory["rows"] == [{"model": "a", "peak_bytes": 100_000, "own_bytes": 50_000}]


def test_where_no_peak_is_told_there_is_none(bundle, monkeypatch):
    monkeypatch.setattr(process, "fresh_process", lambda *_: Fresh(0.1, None))
    _, memory = measure_processes({"a": bundle})
    assert memory["python_bytes"] is None
    assert memory["rows"] == [{"model": "a", "peak_bytes": None, "own_bytes": None}]


def test_a_process_that_hangs_is_a_sentence():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(StateError, match=r"bench: the sleeper was not done after 0\.2 s"):
        run_to_the_end(command, "the sleeper", 0.2)
