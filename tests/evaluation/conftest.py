"""A small test set, made here, and what it is scored with."""

import pytest
from pair_sets import write_pairs

import wheesht.evaluation.run as run_module
from wheesht.evaluation.plan import Settings


@pytest.fixture
def pairs(tmp_path):
    """Folder ``set`` of five pairs of a second."""
    return write_pairs(tmp_path / "set", 5)


@pytest.fixture
def settings(pairs, small_bundle):
    """A model at two settings on `pairs`, with quick metrics."""

    def make(**changes):
        usual = {
            "testsets": (str(pairs),),
            "models": (f"tiny={small_bundle}:100,30",),
            "metrics": ("si_sdr", "seg_snr"),
        }
        return Settings(**usual | changes)

    return make


@pytest.fixture
def here(monkeypatch):
    """Do the jobs in this process, where it does not matter: starting others takes seconds."""

    def one_by_one(jobs, work, workers, on_done):
        for job in jobs:
            on_done(job, work(job))

    monkeypatch.setattr(run_module, "run_in_processes", one_by_one)
