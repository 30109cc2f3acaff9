"""From times to the figures of a row."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from wheesht.bench.contestants import Contestant, Part
from wheesht.bench.result import PartTime, Row
from wheesht.bench.timing import Round, Run, spreads

REFERENCE_MS = 10.0  # the unit in which contestants with different hops are compared


def rows(contestants: Sequence[Contestant], rounds: Sequence[Round], base: int = 0) -> list[Row]:
    """Return a row for each contestant.

    Parameters
    ----------
    contestants : sequence of Contestant
    rounds : sequence of Round
        One run of each contestant per round.
    base : int
        The contestant that ratios refer to.

    Notes
    -----
    Median and 99th percentile are those of a run, then the median over the runs; the worst hop is
    that of all runs. The ratio is formed within each round, then the median over the rounds:
    what slows the whole machine down for a while drops out.
    """
    medians = np.array([[run.median for run in one] for one in rounds])  # (rounds, contestants)
    per_second = medians / [who.seconds for who in contestants]
    ratios = np.median(per_second / per_second[:, [base]], axis=0)
    found = []
    for i, (who, spread) in enumerate(zip(contestants, spreads(rounds), strict=True)):
        runs = [one[i] for one in rounds]
        found.append(_row(who, runs, float(ratios[i]), spread))
    return found


def _row(who: Contestant, runs: Sequence[Run], ratio: float, spread: float) -> Row:
    per_call = float(np.median([run.median for run in runs])) / 1e3  # us
    whole_file = who.facts.hop_ms is None
    wall = {} if whole_file else _of_hops([run.wall for run in runs], "us_hop")
    cpu = {} if whole_file else _of_hops([run.cpu for run in runs], "cpu_us_hop")
    hops: dict[str, Any] = wall | cpu
    inside = [run.inside for run in runs]
    facts: dict[str, Any] = asdict(who.facts)
    return Row(
        **facts,
        **hops,
        us_recurrent_median=_together(who.parts, inside, lambda part: part.is_recurrent),
        us_network_median=_together(who.parts, inside, lambda part: part.is_network),
        us_read_median=_together(who.parts, inside, lambda part: part.type == "read"),
        us_per_10ms=round(per_call * REFERENCE_MS / (1e3 * who.seconds), 3),
        rtf=round(per_call * 1e-6 / who.seconds, 6),
        ratio=round(ratio, 4),
        spread=round(spread, 4),
        layers=_layers(who.parts, inside),
    )


def _of_hops(runs: Sequence[np.ndarray], name: str) -> dict[str, float | None]:
    """Return median, 99th percentile and worst of times in nanoseconds, in microseconds."""
    if np.isnan(runs[0]).any():
        return {}
    us = [run / 1e3 for run in runs]
    return {
        f"{name}_median": round(float(np.median([np.median(run) for run in us])), 2),
        f"{name}_p99": round(float(np.median([np.quantile(run, 0.99) for run in us])), 2),
        f"{name}_worst": round(float(max(run.max() for run in us)), 2),
    }


def _together(
    parts: Sequence[Part], inside: Sequence[np.ndarray], is_meant: Callable[[Part], bool]
) -> float | None:
    """Return the time of some parts; None where neither they nor layers are known."""
    columns = [i for i, part in enumerate(parts) if is_meant(part)]
    if not columns and not _has_layers(parts):
        return None
    together = [np.median(run[:, columns].sum(axis=1)) for run in inside]
    return round(float(np.median(together)) / 1e3, 2)


def _layers(parts: Sequence[Part], inside: Sequence[np.ndarray]) -> tuple[PartTime, ...]:
    """Return the time of each layer, where they are known."""
    if not _has_layers(parts):
        return ()
    # Behind the layers stand the whole hop and the plain read. What of the hop is no layer: the
    # transform and its inverse, features, the mask.
    runs = [np.column_stack([run[:, :-2], run[:, -2] - run[:, :-2].sum(axis=1)]) for run in inside]
    us = np.median([np.median(run, axis=0) for run in runs], axis=0) / 1e3
    hop = float(np.median([np.median(run[:, -2]) for run in inside])) / 1e3
    named = [*parts[:-2], Part("rest", "transform, features, mask")]
    return tuple(
        PartTime(part.name, part.type, round(float(t), 2), part.executed_macs, round(t / hop, 4))
        for part, t in zip(named, us.tolist(), strict=True)
    )


def _has_layers(parts: Sequence[Part]) -> bool:
    """Whether the parts are those of the engine: layers, the whole hop, then a plain read."""
    return bool(parts) and parts[-1].type == "read"
