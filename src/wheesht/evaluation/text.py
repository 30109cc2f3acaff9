"""The tables that `wheesht evaluate` prints."""

import math
from collections.abc import Iterator, Sequence

from wheesht.evaluation.study import Row
from wheesht.evaluation.summary import LEVEL, Summary
from wheesht.metrics import METRICS
from wheesht.statistics import Interval, paired_interval

LABEL_WIDTH, CELL_WIDTH = 13, 28  # characters; a cell holds a mean and its interval


def tables(summaries: Sequence[Summary], rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the lines: a table for each test set, then differences to its first model.

    Parameters
    ----------
    summaries : sequence of Summary
    rows : sequence of Row
        That they were made from.
    width : int
        Of the terminal, in characters.
    """
    columns = max((width - LABEL_WIDTH) // CELL_WIDTH, 1)
    for testset in dict.fromkeys(summary.testset for summary in summaries):
        here = [summary for summary in summaries if summary.testset == testset]
        n_clips = len({row.clip for row in rows if row.testset == testset})
        yield f"{testset}: {n_clips} clips, mean [95 % interval]"
        for start in range(0, len(here), columns):
            yield from _means(here[start : start + columns])
        yield from _fewer(here, n_clips)
        models = [summary for summary in here if summary.backend]
        for start in range(1, len(models), columns):
            yield from _differences(models[0], models[start : start + columns], rows)


def _means(summaries: Sequence[Summary]) -> Iterator[str]:
    yield _line("", [_short(summary.label) for summary in summaries])
    macs = [summary.executed_macs for summary in summaries]
    yield _line("MMAC/s", ["-" if x is None else f"{x / 1e6:.2f}" for x in macs])
    for name in METRICS:
        found = [summary.metrics.get(name) for summary in summaries]
        if any(found):
            yield _line(METRICS[name].label, [_cell(value) for value in found])
    yield ""


def _fewer(summaries: Sequence[Summary], n_clips: int) -> Iterator[str]:
    """Name the means that are not over all clips, and so do not compare with the others."""
    lines = [
        f"  {METRICS[name].label}, {summary.label}: {summary.counts[name]}"
        for summary in summaries
        for name in summary.metrics
        if summary.counts[name] < n_clips
    ]
    if lines:
        yield f"over fewer than the {n_clips} clips, so not comparable with the rest:"
        yield from lines
        yield ""


def _differences(first: Summary, others: Sequence[Summary], rows: Sequence[Row]) -> Iterator[str]:
    yield f"difference to {first.label} on the same clips"
    yield _line("", [_short(summary.label) for summary in others])
    for name in METRICS:
        found = [_difference(name, first, other, rows) for other in others]
        if any(found):
            yield _line(METRICS[name].label, [_cell(value, "+") for value in found])
    yield ""


def _difference(name: str, first: Summary, other: Summary, rows: Sequence[Row]) -> Interval | None:
    a, b = _scores(name, other, rows), _scores(name, first, rows)
    shared = [clip for clip in a if clip in b]
    if not shared:
        return None
    return paired_interval([a[clip] for clip in shared], [b[clip] for clip in shared], LEVEL)


def _scores(name: str, summary: Summary, rows: Sequence[Row]) -> dict[str, float]:
    key = summary.testset, summary.system, summary.update_percent, summary.backend
    return {
        row.clip: row.scores[name]
        for row in rows
        if name in row.scores and (row.testset, row.system, row.update_percent, row.backend) == key
    }


def _cell(value: Interval | None, sign: str = "") -> str:
    if value is None:
        return "-"
    if math.isnan(value.low):  # one clip
        return f"{value.mean:{sign}.3f}" + " " * 18
    return f"{value.mean:{sign}.3f} [{value.low:{sign}7.3f}, {value.high:{sign}7.3f}]"


def _line(label: str, cells: Sequence[str]) -> str:
    return f"{label:<{LABEL_WIDTH}}" + "".join(f"{cell:>{CELL_WIDTH}}" for cell in cells)


def _short(text: str) -> str:
    """Return text that fits a cell; of a long name the end says more, P and the backend."""
    most = CELL_WIDTH - 2
    return text if len(text) <= most else "..." + text[3 - most :]
