"""Quality against cost: a point with its interval for every system."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from wheesht.report.charts.style import FAINT, INK, colour_of, draw, marker_of, plain, sides
from wheesht.report.document import Panel
from wheesht.statistics import Interval

SIZE = (3.7, 3.0)  # inches; two beside each other on a desk, one on a phone
LABEL_SIZE = 7.5  # points
BAR_PIXELS = 2.0  # around an interval, kept free of labels
LINE_PARTS = 25  # boxes that a joining line is covered with
LEAST_RATIO = 4.0  # of the largest to the least cost; below it a logarithm only confuses
# Where a label may stand around its point, in points (1/72 inch), nearest to the eye first.
_PLACES = (
    (6, 3, "left", "bottom"),
    (6, -3, "left", "top"),
    (-6, 3, "right", "bottom"),
    (-6, -3, "right", "top"),
    (0, 12, "center", "bottom"),
    (0, -12, "center", "top"),
    (6, 14, "left", "bottom"),
    (6, -14, "left", "top"),
    (-6, 14, "right", "bottom"),
    (-6, -14, "right", "top"),
)


@dataclass(frozen=True)
class Point:
    """One system: cost, quality with interval, and the text beside it."""

    x: float
    y: Interval
    label: str


@dataclass(frozen=True)
class Series:
    """Points of one model, joined by a line, or of several rivals, not joined."""

    name: str
    points: tuple[Point, ...]
    is_line: bool = True


def scatter(
    anchor: str,
    title: str,
    series: Sequence[Series],
    axes_labels: tuple[str, str],
    baseline: Interval | None = None,
    is_log: bool = False,
) -> Panel:
    """Return a drawing of quality against cost.

    Parameters
    ----------
    anchor, title : str
        Name within the page; heading.
    series : sequence of Series
        Each in a colour and a marker of its own.
    axes_labels : (str, str)
        Of cost and quality, with units.
    baseline : Interval, optional
        Quality without any processing, drawn as a level.
    is_log : bool
        Whether cost is drawn on a logarithmic axis.
    """
    said = "; ".join(
        f"{one.name} {point.label} at {point.x:.3g}: {point.y.mean:.3g}"
        for one in series
        for point in one.points
    )
    alt = f"{title}: {axes_labels[1]} against {axes_labels[0]}. {said}."

    def paint(axes: Any) -> None:
        if baseline is not None:
            axes.axhline(baseline.mean, color=FAINT, linestyle=(0, (4, 3)), linewidth=1.2)
        for i, one in enumerate(series):
            _points(axes, one, i)
        axes.set_xlabel(axes_labels[0])
        axes.set_ylabel(axes_labels[1])
        axes.margins(x=0.16, y=0.14)
        if is_log:
            _logarithmic(axes, [point.x for one in series for point in one.points])
        if len(series) > 1:
            axes.figure.legend(loc="outside upper left", ncols=3)
        if baseline is not None:
            _name_level(axes, baseline.mean)
        _label(axes, series, baseline.mean if baseline is not None else None)

    return Panel(title, draw(SIZE, anchor, alt, paint), alt)


def _points(axes: Any, series: Series, index: int) -> None:
    points = sorted(series.points, key=lambda point: point.x)
    axes.errorbar(
        [point.x for point in points],
        [point.y.mean for point in points],
        yerr=sides([point.y for point in points]),
        color=colour_of(index),
        marker=marker_of(index),
        linestyle="-" if series.is_line else "none",
        elinewidth=1.0,
        capsize=2,
        label=plain(series.name),
    )


def _logarithmic(axes: Any, costs: Sequence[float]) -> None:
    """Make the axis of cost logarithmic, with round numbers; a short one stays as it is."""
    low, high = min(costs), max(costs)
    if low <= 0 or high / low < LEAST_RATIO:
        return
    axes.set_xscale("log")
    ticks = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    left, right = axes.get_xlim()
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(left, right)


def _name_level(axes: Any, level: float) -> None:
    axes.annotate(
        "unprocessed",
        (1, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        color=FAINT,
        fontsize=LABEL_SIZE,
    )


def _label(axes: Any, series: Sequence[Series], level: float | None) -> None:
    """Write each point's label where it covers the least of what is drawn."""
    axes.figure.draw_without_rendering()  # places depend on the size of all text
    frame = axes.get_window_extent()
    drawn = _drawn(axes, series, level)
    for point in (point for one in series for point in one.points):
        found = []
        for place in _PLACES:
            text = _annotate(axes, point, place)
            box = text.get_window_extent()
            covered = sum(any(map(box.overlaps, parts)) for parts in drawn)
            outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y1 > frame.y1
            found.append((covered + 2 * outside, place, box))
            text.remove()
        _, place, box = min(found, key=lambda one: one[0])
        _annotate(axes, point, place)
        drawn.append([box])


def _drawn(axes: Any, series: Sequence[Series], level: float | None) -> list[list[Any]]:
    """Return what labels should not cover, each thing as boxes in pixels."""
    from matplotlib.transforms import Bbox

    def pixels(x: float, y: float) -> np.ndarray:
        return np.asarray(axes.transData.transform((x, y)))

    things = []
    for one in series:
        for point in one.points:
            low, high = (y if np.isfinite(y) else point.y.mean for y in (point.y.low, point.y.high))
            ends = (pixels(point.x, low), pixels(point.x, high))
            things.append([Bbox(ends).padded(BAR_PIXELS)])
        ordered = sorted(one.points, key=lambda point: point.x) if one.is_line else []
        for left, right in pairwise(ordered):
            start, end = pixels(left.x, left.y.mean), pixels(right.x, right.y.mean)
            steps = [start + (end - start) * share for share in np.linspace(0, 1, LINE_PARTS)]
            things.append([Bbox((a, b)).padded(1.0) for a, b in pairwise(steps)])
    if level is not None:
        frame, (_, y) = axes.get_window_extent(), pixels(1.0, level)
        things.append([Bbox([(frame.x0, y - 1.0), (frame.x1, y + 1.0)])])
    return things


def _annotate(axes: Any, point: Point, place: tuple[int, int, str, str]) -> Any:
    dx, dy, ha, va = place
    return axes.annotate(
        plain(point.label),
        (point.x, point.y.mean),
        xytext=(dx, dy),
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=LABEL_SIZE,
        color=INK,
    )
