"""Taking turns on one core, and how quiet that was.

A run takes every contestant over the whole signal once. It is cut into short turns, and who comes
when within a turn is drawn anew each time, so that a busy moment of the machine, its clock rate
and what others leave in the caches meet all of them alike. Ratios are formed within a run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.bench.contestants import Contestant
from wheesht.errors import NoisyMachineError

TURN_HOPS = 60  # 4 ms at 67 us a hop: what a scheduler gives another process at a time
WARM_UP_HOPS = 20  # before each turn, not counted: caches and branch predictors settle
INSIDE_HOPS = 20  # after each turn: how a hop divides into its parts
PATIENCE = 5  # times the runs asked for, before a busy machine is given up
LONG_CALL = 1e6  # nanoseconds; calls above it often last until others get the core
WAITED = 0.05  # of the wall time of a call; one that waited longer for the core was disturbed
COARSE = 1e-6  # seconds; a clock of CPU time that ticks slower tells nothing about a hop


@dataclass(frozen=True)
class Clocks:
    """Nanoseconds of wall time, and of CPU time of this thread where its clock is fine enough."""

    wall: Callable[[], int] = time.perf_counter_ns
    cpu: Callable[[], int] | None = (
        time.thread_time_ns if time.get_clock_info("thread_time").resolution <= COARSE else None
    )


@dataclass(frozen=True)
class Run:
    """Times of one contestant in one run, nanoseconds.

    Attributes
    ----------
    wall : ndarray, shape (items,)
    cpu : ndarray, shape (items,)
        NaN where there is no clock for it.
    inside : ndarray, shape (m, parts)
        Of those extra calls that did not wait for the core, if there are any, because their clock
        is one of wall time; empty for a contestant whose parts are not known.
    is_long : bool
        As in `Contestant`.
    """

    wall: np.ndarray
    cpu: np.ndarray
    inside: np.ndarray
    is_long: bool = False

    @property
    def median(self) -> float:
        """Median time of a call: wall time; of long calls CPU time, where there is a clock.

        A short hop is over before the scheduler gives the core to others, so few hops hold the
        time of others and the median none. A call of milliseconds holds it whenever others are
        busy.
        """
        is_long = self.is_long or np.median(self.cpu) > LONG_CALL
        in_cpu_time = is_long and not np.isnan(self.cpu).any()
        return float(np.median(self.cpu if in_cpu_time else self.wall))


Round = list[Run]  # one run of each contestant, in their order


def take_turns(
    contestants: Sequence[Contestant], clocks: Clocks, rng: np.random.Generator
) -> Round:
    """Take every contestant over its items once, in turns."""
    turns = -(-max(len(contestant.items) for contestant in contestants) // TURN_HOPS)
    overhead = _cpu_overhead(clocks)
    times: list[list[tuple[float, float]]] = [[] for _ in contestants]
    parts: list[list[tuple[float, Sequence[int]]]] = [[] for _ in contestants]
    for turn in range(turns):
        for i in rng.permutation(len(contestants)):
            who = contestants[i]
            first, last = (len(who.items) * edge // turns for edge in (turn, turn + 1))
            if first < last:
                _warm_up(who, first)
                items = who.items[first:last]
                times[i] += [_timed(who.step, item, clocks, overhead) for item in items]
                looks = [
                    [_looked_into(look, item, clocks, overhead) for item in items[:INSIDE_HOPS]]
                    for look in who.inside
                ]
                parts[i] += [_together(own) for own in zip(*looks, strict=True)]
    return [
        _as_run(who, own, inner) for who, own, inner in zip(contestants, times, parts, strict=True)
    ]


def until_quiet(
    next_round: Callable[[], Round],
    runs: int,
    max_spread: float,
    names: Sequence[str],
    progress: Callable[[float], None] = lambda step: None,
) -> tuple[list[Round], int]:
    """Go on until the last `runs` rounds agree with each other.

    Parameters
    ----------
    next_round : callable
        Times everybody once.
    runs : int
        Rounds that count.
    max_spread : float
        Largest `spread` of any contestant.
    names : sequence of str
        Of the contestants, for the error.
    progress : callable
        Called with 1 after each of the first `runs` rounds.

    Returns
    -------
    rounds : list of Round
        The last `runs`.
    made : int
        How many there were in all.

    Raises
    ------
    NoisyMachineError
        `PATIENCE` times `runs` rounds were not enough.
    """
    rounds: list[Round] = []
    for made in range(1, PATIENCE * runs + 1):
        rounds = [*rounds, next_round()][-runs:]
        if made <= runs:
            progress(1)
        if made >= runs and max(spreads(rounds)) <= max_spread:
            return rounds, made
    found = spreads(rounds)
    worst = int(np.argmax(found))
    raise NoisyMachineError(
        f"bench: the machine is too busy to time anything: the runs of {names[worst]} spread by a "
        f"factor of {found[worst]:.2f}, needs {max_spread:g} or less, and {made} runs brought no "
        f"{runs} in a row that agree; stop other programs and repeat, leave that one out, or "
        f"state another limit with --max-spread and quote it"
    )


def spreads(rounds: Sequence[Round]) -> list[float]:
    """Return for each contestant the 90th over the 10th percentile of its runs' medians."""
    medians = np.array([[run.median for run in one] for one in rounds])  # (rounds, contestants)
    low, high = np.quantile(medians, [0.1, 0.9], axis=0)
    return [float(ratio) for ratio in high / low]


def _timed(
    step: Callable[[Any], Any], item: object, clocks: Clocks, overhead: float
) -> tuple[float, float]:
    wall, cpu = clocks.wall, clocks.cpu
    if cpu is None:
        started = wall()
        step(item)
        return wall() - started, np.nan
    cpu_started = cpu()
    started = wall()
    step(item)
    ended = wall()
    return ended - started, max(cpu() - cpu_started - overhead, 0.0)


def _looked_into(
    inside: Callable[[Any], Sequence[int]], item: object, clocks: Clocks, overhead: float
) -> tuple[float, Sequence[int]]:
    """Return which share of a call it waited for the core (0 if unknown), and its parts."""
    found: list[Sequence[int]] = []
    wall, cpu = _timed(lambda one: found.append(inside(one)), item, clocks, overhead)
    return (0.0 if np.isnan(cpu) or not wall else 1 - cpu / wall), found[0]


def _together(looks: Sequence[tuple[float, Sequence[int]]]) -> tuple[float, Sequence[int]]:
    """Return the largest share of a look at an item that waited for the core, and all parts."""
    return max(waited for waited, _ in looks), [part for _, parts in looks for part in parts]


def _as_run(
    who: Contestant,
    times: Sequence[tuple[float, float]],
    parts: Sequence[tuple[float, Sequence[int]]],
) -> Run:
    wall, cpu = np.array(times, float).T
    undisturbed = [own for waited, own in parts if waited <= WAITED]
    inside = undisturbed or [own for _, own in parts]
    return Run(wall, cpu, np.array(inside, float) if inside else np.zeros((0, 0)), who.is_long)


def _warm_up(who: Contestant, first: int) -> None:
    """Run the items before the turn, so that it goes on in the signal."""
    if not who.is_long:
        for i in range(first - WARM_UP_HOPS, first):
            who.step(who.items[i % len(who.items)])


def _cpu_overhead(clocks: Clocks) -> float:
    """Return what reading the clocks adds to the CPU time of a call, which is a system call."""
    if clocks.cpu is None:
        return 0.0
    empty = []
    for _ in range(101):
        started = clocks.cpu()
        clocks.wall()
        clocks.wall()
        empty.append(clocks.cpu() - started)
    return float(np.median(empty))
