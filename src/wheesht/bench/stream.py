"""Time per hop of the engine at several update percentages, beside other runtimes.

All contestants take turns in short runs, so that a busy moment of the machine meets them all;
each figure is the median over the runs of a run's statistic. Nothing is timed before the engine
has been compared with the judge.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.bench.rivals import RIVALS
from wheesht.dsp.features import log_power, normalise
from wheesht.dsp.stft import sqrt_hann, stft
from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.errors import GateError, ParameterError
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import GRU

GATE_DB = 100.0  # least distance of the engine's error below its output
GATE_HOPS = 60
RIVAL_TOLERANCE = 1e-4  # of a rival's mask against the judge's: float32 sums over 60 steps
WARM_UP_HOPS = 20  # per run, not counted: caches and branch predictors settle
QUIET_SPREAD = 1.25  # slowest over fastest run of the engine; above it the machine was busy
Timed = Callable[[np.ndarray], tuple[float, float]]  # hop -> us of the hop, us of recurrent layers


@dataclass(frozen=True)
class Row:
    """One contestant; times in microseconds per hop, `executed_macs` per second of audio."""

    backend: str
    dtype: str
    isa: str
    update_percent: float
    us_hop_median: float
    us_hop_p99: float
    us_recurrent_median: float
    rtf: float
    executed_macs: int | None


@dataclass(frozen=True)
class Result:
    """What `bench` found: the gate, the rows, and how quiet the machine was."""

    machine: str
    error_db: float
    rows: tuple[Row, ...]
    spread: float
    skipped: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the document that ``wheesht bench --json`` prints."""
        return {
            "machine": self.machine,
            "gate": {"passed": True, "error_db": round(self.error_db, 1)},
            "slowest_run_over_fastest": round(self.spread, 3),
            "quiet": self.spread <= QUIET_SPREAD,
            "skipped": list(self.skipped),
            "rows": [asdict(row) for row in self.rows],
        }


def bench(
    bundle: Bundle,
    update_percents: tuple[float, ...],
    against: tuple[str, ...] = (),
    isas: tuple[str, ...] = ("",),
    runs: int = 7,
    hops: int = 300,
) -> Result:
    """Time the engine hop by hop, and other runtimes on the same weights.

    Parameters
    ----------
    bundle : Bundle
    update_percents : tuple of float
        Within the model's range; a row each.
    against : tuple of str
        Names of `RIVALS`; one that is not installed is skipped with a sentence.
    isas : tuple of str
        Instruction sets of the engine; empty for the best of this machine.
    runs, hops : int
        Runs of each contestant, hops per run.

    Raises
    ------
    GateError
        The engine or a rival does not compute what the judge computes.
    ParameterError
        An unknown rival or instruction set, or a percentage outside the model's range.
    """
    if unknown := [name for name in against if name not in RIVALS]:
        raise ParameterError(f"bench: unknown runtime {unknown[0]!r}; known are {sorted(RIVALS)}")
    usable = _ext.isa_names()
    if unknown := [name for name in isas if name and name not in usable]:
        raise ParameterError(
            f"bench: no instruction set {unknown[0]!r} on this machine; it has {', '.join(usable)}"
        )
    signal = babble(hops + WARM_UP_HOPS, bundle.spec.front_end.hop_length)
    error_db = gate(bundle, signal, update_percents, isas)
    contestants: list[tuple[dict[str, Any], Timed]] = []
    for isa in isas:
        for percent in update_percents:
            contestants.append(_engine_contestant(bundle, percent, isa))
    skipped = []
    for name in against:
        try:
            contestants.append(_rival_contestant(bundle, name, signal))
        except ImportError as missing:
            skipped.append(str(missing))
    times = _interleaved([timed for _, timed in contestants], signal, runs)
    hop_us = 1e6 / bundle.spec.frames_per_second
    rows = []
    for (facts, _), mine in zip(contestants, times, strict=True):
        whole = float(np.median(np.median(mine[:, :, 0], axis=1)))
        rows.append(
            Row(
                **facts,
                us_hop_median=round(whole, 2),
                us_hop_p99=round(float(np.median(np.quantile(mine[:, :, 0], 0.99, axis=1))), 2),
                us_recurrent_median=round(float(np.median(np.median(mine[:, :, 1], axis=1))), 2),
                rtf=round(whole / hop_us, 5),
            )
        )
    medians = np.median(times[0][:, :, 0], axis=1)
    spread = float(medians.max() / medians.min())
    return Result(machine(), error_db, tuple(rows), spread, tuple(skipped))


def babble(n_hops: int, hop_length: int) -> np.ndarray:
    """Return noise with the rhythm of speech, float32, (n_hops, hop_length); no recording."""
    rng = np.random.default_rng(0)
    n = n_hops * hop_length
    rhythm = 0.55 + 0.45 * np.sin(2 * np.pi * 4.0 * np.arange(n) / 16000)
    x = 0.1 * rhythm * rng.standard_normal(n)
    return x.astype(np.float32).reshape(n_hops, hop_length)


def gate(
    bundle: Bundle, signal: np.ndarray, update_percents: tuple[float, ...], isas: tuple[str, ...]
) -> float:
    """Return the engine's worst error against the judge in dB below the output.

    The judge's choices of units are given to the engine, because one choice that falls the other
    way by rounding is no error of arithmetic; free choices are compared in the tests.

    Raises
    ------
    GateError
        The error is above -`GATE_DB`.
    """
    x = signal[:GATE_HOPS].ravel()
    worst = np.inf
    packed = pack(bundle)
    for percent in update_percents:
        judge = ReferenceStream(bundle, percent)
        want = judge.process(x)
        for isa in isas:
            stream = _ext.Stream(packed, isa)
            stream.set_update_percent(percent)
            got, _ = stream.process_given(x, judge.update_masks.astype(np.uint8))
            error = np.sum((got - want) ** 2) / max(np.sum(want**2), np.finfo(float).tiny)
            worst = min(worst, -10 * np.log10(max(error, 1e-30)))
    if worst < GATE_DB:
        raise GateError(
            f"not timed: the engine is only {worst:.1f} dB away from the reference, needs {GATE_DB}"
        )
    return float(worst)


def machine() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _engine_contestant(bundle: Bundle, percent: float, isa: str) -> tuple[dict[str, Any], Timed]:
    stream = _ext.Stream(pack(bundle), isa)
    stream.set_update_percent(percent)
    hop = np.zeros(bundle.spec.front_end.hop_length, np.float32)
    stream.process(hop)
    per_second = sum(stream.executed_macs()) * bundle.spec.frames_per_second
    stream.reset()
    stream.set_profiling(True)
    recurrent = [i for i, la in enumerate(bundle.spec.layers) if isinstance(la, GRU)]
    before = [0]

    def timed(hop: np.ndarray) -> tuple[float, float]:
        started = time.perf_counter_ns()
        stream.process(hop)
        whole = time.perf_counter_ns() - started
        per_layer = stream.layer_nanoseconds()
        inside = sum(per_layer[i] for i in recurrent)
        delta, before[0] = inside - before[0], inside
        return whole / 1e3, delta / 1e3

    facts = {
        "backend": "wheesht",
        "dtype": "f32",
        "isa": stream.isa,
        "update_percent": percent,
        "executed_macs": round(per_second),
    }
    return facts, timed


def _rival_contestant(
    bundle: Bundle, name: str, signal: np.ndarray
) -> tuple[dict[str, Any], Timed]:
    _check_rival(bundle, name, signal)
    network, recurrent = RIVALS[name](bundle)
    rng = np.random.default_rng(1)
    features = rng.standard_normal((64, 4096)).astype(np.float32)
    turn = [0]

    def timed(_: np.ndarray) -> tuple[float, float]:
        row = features[turn[0] % len(features)]
        turn[0] += 1
        started = time.perf_counter_ns()
        network(row)
        between = time.perf_counter_ns()
        recurrent(row)
        return (between - started) / 1e3, (time.perf_counter_ns() - between) / 1e3

    facts = {
        "backend": name,
        "dtype": "f32",
        "isa": "",
        "update_percent": 100.0,
        "executed_macs": None,
    }
    return facts, timed


def _check_rival(bundle: Bundle, name: str, signal: np.ndarray) -> None:
    """Compare a rival's mask with the judge's, every unit updated."""
    step, _ = RIVALS[name](bundle)
    spec = bundle.spec
    x = signal[:GATE_HOPS].ravel().astype(np.float64)
    judge = ReferenceStream(bundle, spec.update_percent.max)
    judge.process(x)
    first = spec.features.first_bin
    frames = stft(x, sqrt_hann(spec.front_end.win_length))[:GATE_HOPS]
    spectrum = frames[:, first : first + spec.features.n_bins]
    seen = normalise(
        log_power(spectrum, spec.features.floor),
        bundle.tensors["features.mean"],
        bundle.tensors["features.scale"],
    )
    worst = 0.0
    for row, want in zip(seen, judge.masks, strict=True):
        got = step(row.astype(np.float32)).ravel()
        worst = max(worst, float(np.abs(got - want).max()))
    if worst > RIVAL_TOLERANCE:
        raise GateError(f"not timed: {name} is {worst:.1e} away from the reference's mask")


def _interleaved(contestants: list[Timed], signal: np.ndarray, runs: int) -> list[np.ndarray]:
    """Return times (runs, hops, 2) of each contestant, taking turns run by run."""
    times = [np.zeros((runs, len(signal) - WARM_UP_HOPS, 2)) for _ in contestants]
    for run in range(runs):
        for i, timed in enumerate(contestants):
            for t, hop in enumerate(signal):
                pair = timed(hop)
                if t >= WARM_UP_HOPS:
                    times[i][run, t - WARM_UP_HOPS] = pair
    return times
