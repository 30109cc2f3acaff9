"""Means over the clips of a test set, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wheesht.evaluation.study import Row
from wheesht.statistics import Interval, mean_interval

LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """One system at one setting on one test set.

    Attributes
    ----------
    testset, system, update_percent, backend
        As in `Row`.
    n : int
        Clips with at least one score.
    executed_macs : float or None
        Mean, per second of audio.
    metrics : dict of str to Interval
        Mean over the clips that have the score, with its 95 % bootstrap interval.
    counts : dict of str to int
        How many clips those are.
    """

    testset: str
    system: str
    update_percent: float | None
    backend: str
    n: int
    executed_macs: float | None
    metrics: dict[str, Interval]
    counts: dict[str, int]

    @property
    def label(self) -> str:
        """Name of the setting, for people."""
        percent = "" if self.update_percent is None else f" P={self.update_percent:g}"
        unusual = "" if self.backend in ("", "engine") else f" ({self.backend})"
        return f"{self.system}{percent}{unusual}"

    def to_dict(self) -> dict[str, Any]:
        """Return the row that ``wheesht evaluate --json`` prints."""
        fixed = {
            "model": self.system,
            "update_percent": self.update_percent,
            "testset": self.testset,
            "backend": self.backend,
            "n": self.n,
            "executed_macs": self.executed_macs,
        }
        return fixed | {
            name: {
                "mean": value.mean,
                "ci95": [_known(value.low), _known(value.high)],
                "n": self.counts[name],
            }
            for name, value in self.metrics.items()
        }


def summarise(rows: Sequence[Row], metrics: Sequence[str]) -> list[Summary]:
    """Return a summary of each setting on each test set, in the order of the rows.

    Parameters
    ----------
    rows : sequence of Row
    metrics : sequence of str
        Names, in the wanted order; those without any score are left out.
    """
    groups: dict[tuple[str, str, float | None, str], list[Row]] = {}
    for row in rows:
        key = row.testset, row.system, row.update_percent, row.backend
        groups.setdefault(key, []).append(row)
    summaries = []
    for key, members in groups.items():
        macs = [row.executed_macs for row in members if row.executed_macs is not None]
        scores = {name: [r.scores[name] for r in members if name in r.scores] for name in metrics}
        intervals = {
            name: mean_interval(values, LEVEL) for name, values in scores.items() if values
        }
        counts = {name: len(values) for name, values in scores.items() if values}
        n = sum(1 for row in members if row.scores)
        mean_macs = sum(macs) / len(macs) if macs else None
        summaries.append(Summary(*key, n, mean_macs, intervals, counts))
    return summaries


def summary_table(summaries: Sequence[Summary], metrics: Sequence[str]) -> list[list[str]]:
    """Return the lines of ``summary.csv``, head first."""
    head = ["testset", "system", "update_percent", "backend", "n", "executed_macs"]
    head += [name + end for name in metrics for end in ("", "_low", "_high", "_n")]
    return [head, *(_line(summary, metrics) for summary in summaries)]


def _line(summary: Summary, metrics: Sequence[str]) -> list[str]:
    percent, macs = summary.update_percent, summary.executed_macs
    cells = [
        summary.testset,
        summary.system,
        "" if percent is None else f"{percent:g}",
        summary.backend,
        str(summary.n),
        "" if macs is None else f"{macs:.0f}",
    ]
    for name in metrics:
        value = summary.metrics.get(name)
        numbers = (value.mean, value.low, value.high) if value else ()
        cells += [f"{x:.6f}" if math.isfinite(x) else "" for x in numbers] or [""] * 3
        cells.append(str(summary.counts.get(name, 0)))
    return cells


def _known(value: float) -> float | None:
    """Return None for what one clip alone cannot tell; JSON has no word for it."""
    return value if math.isfinite(value) else None
