"""A clock that moves only when it is told to, and contestants that move it."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wheesht.bench.contestants import Contestant, Facts
from wheesht.bench.timing import Clocks, Run
from wheesht.spec.bundle import read_bundle


def cores():
    """Those that this thread may use, None where that is not told."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


CORES = cores()  # before any test


class FakeClock:
    """Wall and CPU time in nanoseconds; waiting for the core moves the wall clock alone."""

    def __init__(self):
        self.wall = self.cpu = 0

    def work(self, ns):
        self.wall += ns
        self.cpu += ns

    def wait(self, ns):
        self.wall += ns

    @property
    def clocks(self):
        return Clocks(wall=lambda: self.wall, cpu=lambda: self.cpu)


@pytest.fixture(autouse=True)
def cores_are_left_alone():
    """Whatever keeps to a core gives the others back, fixtures of a module included."""
    yield
    assert cores() == CORES


@pytest.fixture(scope="session")
def rival_files():
    """Folder of rivals' models beside the corpus; None where there is none."""
    data = os.environ.get("WHEESHT_DATA")
    folder = Path(data).resolve().parent / "peers" / "models" if data else None
    return folder if folder is not None and folder.is_dir() else None


@pytest.fixture
def clock():
    return FakeClock()


FACTS = Facts("wheesht", "m", "0" * 12, "f32", "scalar", 100.0, 1.0, 1000, 16000, 10.0, "a hop")


@pytest.fixture
def contestant():
    """Make a contestant: (step, items, and fields of Contestant or Facts)."""

    def make(step=lambda item: None, items=range(60), seconds=0.01, **fields):
        own = {k: fields.pop(k) for k in list(fields) if k in Facts.__dataclass_fields__}
        return Contestant(replace(FACTS, **own), step, list(items), seconds, **fields)

    return make


@pytest.fixture
def run_of():
    """Make a run from wall times in microseconds."""

    def make(wall_us, cpu_us=None, inside_us=(), is_long=False):
        wall = 1e3 * np.array(wall_us, float)
        cpu = wall if cpu_us is None else 1e3 * np.array(cpu_us, float)
        inside = 1e3 * np.array(inside_us, float) if len(inside_us) else np.zeros((0, 0))
        return Run(wall, cpu, inside, is_long)

    return make


@pytest.fixture
def bundle(small_bundle):
    return read_bundle(small_bundle)
