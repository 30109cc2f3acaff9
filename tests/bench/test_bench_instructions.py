"""Instruction counts: read from callgrind's file, and the same in every count."""

import shutil

import pytest

from wheesht.bench import counted, instructions
from wheesht.bench.counted import COUNTED_HOPS
from wheesht.bench.instructions import count_instructions, read_counts
from wheesht.engine import _ext
from wheesht.errors import MissingDependency, StateError
from wheesht.spec.cost import macs_per_hop

FILE = """\
version: 1
part: 1
desc: Trigger: --dump-before=now()
events: Ir
summary: 900
fn=(1) summary of nothing
totals: 900
part: 2
summary: 20
totals: 20
part: 3
desc: Trigger: Program termination
summary: 7
totals: 7
"""


@pytest.fixture
def run(monkeypatch):
    """Replace valgrind by totals."""

    def replace(ran, totals, fastest="avx2"):
        monkeypatch.setattr(instructions.shutil, "which", lambda name: name)
        told = {"ran": ran, "fastest": fastest}
        monkeypatch.setattr(instructions, "_run", lambda *_: (told, totals))

    return replace


def test_counts_are_those_after_each_reading():
    assert read_counts(FILE) == [20, 7]


def hop(scale):
    """Readings of one hop: front, four layers, back, and what lies between two hops."""
    return [scale * count for count in (10, 100, 300, 300, 50, 9)] + [12345]


def test_a_hop_is_divided_at_the_readings(bundle, run):
    dense, half = COUNTED_HOPS * hop(2), [c for i in range(COUNTED_HOPS) for c in hop(i % 2)]
    run([[0, "avx2", 100.0], [0, "avx2", 50.0]], dense + half)
    counts, notes = count_instructions({"m": bundle}, {"m": [100.0, 50.0]}, ["avx2"])
    assert [(c.model, c.isa, c.update_percent, c.per_hop) for c in counts] == [
        ("m", "avx2", 100.0, 2 * 769),
        ("m", "avx2", 50.0, 769 / 2),
    ]
    assert [layer["name"] for layer in counts[0].layers] == [
        "transform, features",
        "fc_in",
        "gru1",
        "gru2",
        "fc_out",
        "mask, inverse transform",
    ]
    assert [layer["per_hop"] for layer in counts[0].layers] == [20, 200, 600, 600, 100, 18]
    assert counts[1].macs_per_hop == sum(macs_per_hop(bundle.spec, 50.0)) and notes == []


def test_an_instruction_set_that_valgrind_hides_is_named(bundle, run):
    run([[0, "avx2", 50.0]], COUNTED_HOPS * hop(1))
    counts, notes = count_instructions({"m": bundle}, {"m": [50.0]}, ["avx512", "avx2"])
    assert len(counts) == 1 and len(notes) == 1
    assert notes[0].startswith("instructions of avx512: valgrind hides it")
    assert "avx2, which was counted" in notes[0]


def test_a_clock_that_is_elsewhere_is_an_error(bundle, run):
    run([[0, "avx2", 50.0]], [])
    with pytest.raises(StateError, match="saw 0 readings of the engine's clock where there are 70"):
        count_instructions({"m": bundle}, {"m": [50.0]}, ["avx2"])


def test_without_valgrind_there_is_advice(bundle, monkeypatch):
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependency, match="sudo apt install valgrind"):
        count_instructions({"m": bundle}, {"m": [50.0]}, ["avx2"])


def test_valgrind_that_fails_is_an_error(bundle, monkeypatch):
    program = shutil.which("false")
    monkeypatch.setattr(instructions.shutil, "which", lambda name: program)
    with pytest.raises(StateError, match="valgrind failed: exit status 1"):
        count_instructions({"m": bundle}, {"m": [50.0]}, ["avx2"])


def test_the_counted_program_takes_what_is_there():
    there = ["scalar", "sse2", "avx2"]
    assert counted.usable(["avx512", "avx2", "scalar"], there) == ["avx2", "scalar"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="needs valgrind: sudo apt install valgrind"
)
def test_counts_repeat_exactly_and_follow_the_work(bundle):
    isas = [_ext.isa_names()[-1], "scalar"]
    settings = {"m": [100.0, 25.0]}
    counts, _ = count_instructions({"m": bundle}, settings, isas)
    again, _ = count_instructions({"m": bundle}, settings, isas)
    assert counts == again
    places = [(c.isa == "scalar", c.update_percent) for c in counts]
    assert places == [(False, 100.0), (False, 25.0), (True, 100.0), (True, 25.0)]
    fast, fast_less, slow, slow_less = (c.per_hop for c in counts)
    assert fast_less < fast < slow and slow_less < slow
    for count in counts:
        parts = {layer["name"]: layer["per_hop"] for layer in count.layers}
        assert sum(parts.values()) == pytest.approx(count.per_hop, abs=1)
        assert parts["gru2"] > parts["gru1"] > 0
    # Plain C does each multiplication and each addition on its own.
    assert slow > 2 * 0.25 * counts[2].macs_per_hop
    first, second = ({p["name"]: p["per_hop"] for p in c.layers} for c in counts[2:])
    assert first["fc_in"] == second["fc_in"], "the dial acts on recurrent layers only"
