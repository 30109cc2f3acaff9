"""The core that is kept to, and what is told of the machine."""

import os
import threading

import pytest

from wheesht.bench import machine

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="threads cannot be kept to a core here"
)


def test_one_core_is_kept_to_and_all_are_given_back():
    before = os.sched_getaffinity(0)
    seen = []
    with machine.one_core() as core:
        assert os.sched_getaffinity(0) == {core} and core in before
        helper = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        helper.start()
        helper.join()
    assert seen == [{core}], "threads that are started meanwhile stay there too"
    assert os.sched_getaffinity(0) == before


def test_cores_are_given_back_after_an_error():
    before = os.sched_getaffinity(0)
    with pytest.raises(KeyError), machine.one_core():
        raise KeyError
    assert os.sched_getaffinity(0) == before


def test_a_sandbox_that_forbids_it_is_lived_with(monkeypatch):
    def refuse(pid, cores):
        raise PermissionError

    monkeypatch.setattr(machine.os, "sched_setaffinity", refuse)
    with machine.one_core() as core:
        assert core is None


def test_without_such_a_call_there_is_no_core(monkeypatch):
    monkeypatch.delattr(machine.os, "sched_setaffinity")
    with machine.one_core() as core:
        assert core is None


def test_the_core_that_idles_most_is_taken(monkeypatch):
    looks = iter([{0: 100, 1: 900, 2: 50}, {0: 118, 1: 905, 2: 60}])
    monkeypatch.setattr(machine, "_idle_ticks", lambda: next(looks))
    monkeypatch.setattr(machine, "LOOK_SECONDS", 0)
    assert machine.idlest({0, 1, 2}) == 0


def test_idle_time_is_read_per_core(monkeypatch, tmp_path):
    (tmp_path / "stat").write_text(
        "cpu  9 9 9 99 9\ncpu0 1 2 3 40 5\ncpu11 1 2 3 50 5\nintr 1\n\ncpufreq 1 2 3 4 5\n"
    )
    monkeypatch.setattr(machine, "Path", lambda name: tmp_path / name.rsplit("/", 1)[1])
    assert machine._idle_ticks() == {0: 40, 11: 50}


def test_the_processor_has_a_name():
    assert machine.machine().strip()
    assert machine.load_average() >= 0
