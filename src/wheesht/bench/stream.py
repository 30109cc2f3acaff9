"""The benchmark: the gate, then times of hops, fresh processes, instruction counts.

All contestants take turns in short runs on one core, each figure is the median over the runs, and
a machine that was too busy gives no figures at all. Nothing is timed before it has been compared
with the judge.
"""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.bench.field import Field
from wheesht.bench.figures import rows
from wheesht.bench.gate import GATE_HOPS
from wheesht.bench.instructions import count_instructions
from wheesht.bench.machine import load_average, machine, one_core
from wheesht.bench.process import measure_processes
from wheesht.bench.result import Result
from wheesht.bench.rivals import KNOWN
from wheesht.bench.signals import SAMPLE_RATE, SNR_DB, speech_like
from wheesht.bench.timing import Clocks, take_turns, until_quiet
from wheesht.engine import _ext
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle

MAX_SPREAD = 1.1  # of the runs of one contestant; ratios then repeat well within 10 %
ALL = "all"  # instruction sets: every one of this machine, fastest first; rivals: every one known


@dataclass(frozen=True)
class Conditions:
    """How is measured, and what.

    Attributes
    ----------
    runs : int
        Runs of each contestant, 1 or more.
    hops : int
        Hops in a run, 60 or more, of the first model; all others take as many seconds of audio.
    max_spread : float
        Largest spread of a contestant's runs (`timing.spreads`), above 1.
    times, processes, instructions : bool
        Whether hops are timed, fresh processes measured, instructions counted.
    clocks : Clocks
    """

    runs: int = 15
    hops: int = 300
    max_spread: float = MAX_SPREAD
    times: bool = True
    processes: bool = True
    instructions: bool = False
    clocks: Clocks = Clocks()


def bench(
    models: Bundle | Mapping[str, Bundle],
    update_percents: Sequence[float],
    against: Sequence[str] = (),
    isas: Sequence[str] = ("",),
    conditions: Conditions | None = None,
    progress: Callable[[float], None] = lambda step: None,
    rival_files: Path | None = None,
) -> Result:
    """Measure the engine hop by hop, beside other runtimes and denoisers.

    Parameters
    ----------
    models : Bundle or mapping of str to Bundle
        What is timed, by the names that rows shall give them.
    update_percents : sequence of float
        A row each. With several models, those outside the range of one are left out for it.
    against : sequence of str
        Names of `rivals.KNOWN`, or ``all``; one that is not there is skipped with a sentence.
    isas : sequence of str
        Instruction sets of the engine; empty for the best of this machine, ``all`` for every one.
    conditions : Conditions, optional
    progress : callable
        Called with 1 after each of the runs.
    rival_files : Path, optional
        The folder with files of rivals that no package brings: models, or a library of RNNoise.

    Returns
    -------
    Result
        Engine rows first: models, then instruction sets, then percentages, each in the order
        given; ratios refer to the first row.

    Raises
    ------
    GateError
        The engine or a rival does not compute what it should.
    NoisyMachineError
        The machine was too busy for times.
    ParameterError
        An unknown rival or instruction set, too few runs or hops, or a percentage outside the
        range of the models.
    """
    how = conditions or Conditions()
    named = {models.spec.name: models} if isinstance(models, Bundle) else dict(models)
    rivals, isas = _known_rivals(against), _known_isas(isas)
    settings, left_out = _settings(named, update_percents)
    _require(how)
    hop_length = next(iter(named.values())).spec.front_end.hop_length
    x = speech_like(how.hops * hop_length / SAMPLE_RATE).noisy
    with one_core() as core, Field(x, how.clocks.wall, rival_files) as field:
        for name, bundle in named.items():
            field.enter_engine(name, bundle, settings[name], isas)
        if how.times:
            for rival in rivals:
                field.enter_rival(rival, named)
        worst_db = min(found["error_db"] for found in field.gated if "error_db" in found)
        result = Result(machine(), worst_db, tuple(field.gated))
        if how.times:
            result = _timed(result, field, how, core, progress)
    skipped = [*left_out, *field.skipped]
    if how.processes:
        cold_start, memory = measure_processes(named)
        result = replace(result, cold_start=cold_start, memory=memory)
    if how.instructions:
        try:
            counts, notes = count_instructions(named, settings, isas)
            result, skipped = replace(result, instructions=tuple(counts)), [*skipped, *notes]
        except ImportError as missing:
            skipped.append(str(missing))
    return replace(result, skipped=tuple(skipped))


def _timed(
    result: Result,
    field: Field,
    how: Conditions,
    core: int | None,
    progress: Callable[[float], None],
) -> Result:
    rng = np.random.default_rng(0)
    next_round = partial(take_turns, field.contestants, how.clocks, rng)
    load, wall, cpu = load_average(), time.perf_counter_ns(), time.thread_time_ns()
    with _no_garbage_collection():
        rounds, made = until_quiet(next_round, how.runs, how.max_spread, field.names, progress)
    share = (time.thread_time_ns() - cpu) / (time.perf_counter_ns() - wall)
    firsts = [one[0].median for one in rounds]
    found = tuple(rows(field.contestants, rounds))
    conditions: dict[str, Any] = {
        "threads": 1,
        "core": core,
        "core_share": round(share, 3),
        "load_average": load,
        "runs": how.runs,
        "runs_made": made,
        "hops": how.hops,
        "max_spread": how.max_spread,
        "spread": max(row.spread for row in found),
        "signal": f"synthesised syllables in noise, {SNR_DB:g} dB SNR, hops back to back",
    }
    return replace(
        result,
        conditions=conditions,
        rows=found,
        slowest_over_fastest=max(firsts) / min(firsts),
    )


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep Python's own pauses out of the times."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _require(how: Conditions) -> None:
    for name, value, least in (("runs", how.runs, 1), ("hops", how.hops, GATE_HOPS)):
        if value < least:
            raise ParameterError(f"bench: {name}: got {value}, needs {least} or more")
    if not how.max_spread > 1:
        raise ParameterError(
            f"bench: max_spread: got {how.max_spread:g}, needs a factor above 1, such as "
            f"{MAX_SPREAD:g}"
        )


def _known_rivals(against: Sequence[str]) -> list[str]:
    asked = list(dict.fromkeys(KNOWN if ALL in against else against))
    if unknown := [name for name in asked if name not in KNOWN]:
        raise ParameterError(
            f"bench: unknown rival {unknown[0]!r}; known are {', '.join(KNOWN)}, and {ALL}"
        )
    return asked


def _known_isas(isas: Sequence[str]) -> list[str]:
    there = _ext.isa_names()
    asked = there[::-1] if ALL in isas else [isa or there[-1] for isa in isas]
    if unknown := [name for name in asked if name not in there]:
        raise ParameterError(
            f"bench: no instruction set {unknown[0]!r} on this machine; it has {', '.join(there)}"
        )
    return list(dict.fromkeys(asked))


def _settings(
    models: Mapping[str, Bundle], percents: Sequence[float]
) -> tuple[dict[str, list[float]], list[str]]:
    """Return the percentages of each model, and a sentence for each that one does not have."""
    settings, left_out = {}, []
    for name, bundle in models.items():
        dial = bundle.spec.update_percent
        settings[name] = [p for p in dict.fromkeys(percents) if dial.min <= p <= dial.max]
        if missing := [p for p in percents if p not in settings[name]]:
            sentence = (
                f"update_percent: got {missing[0]:g}, needs {dial.min:g} to {dial.max:g}, the "
                f"range of model {name!r}"
            )
            if len(models) == 1 or not settings[name]:
                raise ParameterError(sentence)
            left_out.append(sentence)
    return settings, left_out
