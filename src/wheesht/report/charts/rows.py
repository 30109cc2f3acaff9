"""One row a thing, a dot and its interval along a common axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.report.charts.style import INK, SERIES, colour_of, draw, marker_of, plain
from wheesht.report.document import Panel
from wheesht.statistics import Interval

WIDTH = 7.4  # inches
ROW, EDGE = 0.21, 0.75  # inches: height of a row, and of axis and legend together
_SPREAD = 0.5  # of a row's height: over which the series of a row are spread


@dataclass(frozen=True)
class Row:
    """A row: its name, and an interval for each series or None."""

    name: str
    intervals: tuple[Interval | None, ...]


def rows_panel(
    anchor: str,
    title: str,
    series: Sequence[str],
    rows: Sequence[Row],
    x_label: str,
    margin: float | None = None,
) -> Panel:
    """Return a drawing with the first row on top and a line at zero.

    Parameters
    ----------
    anchor, title : str
    series : sequence of str
        Names of what each row has an interval of.
    rows : sequence of Row
    x_label : str
        With the unit.
    margin : float, optional
        Half the width of a band around zero, in which a difference does not matter.
    """
    said = "; ".join(
        f"{row.name} " + ", ".join(f"{i.mean:.3g}" for i in row.intervals if i) for row in rows
    )
    alt = f"{title}: {x_label}. {said}."

    def paint(axes: Any) -> None:
        if margin is not None:
            axes.axvspan(-margin, margin, color=SERIES[2], alpha=0.15, linewidth=0)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        shift = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(series)) if len(series) > 1 else [0.0]
        for i, name in enumerate(series):
            _dots(axes, [row.intervals[i] for row in rows], i, float(shift[i]), name)
        axes.set_yticks(range(len(rows)), [plain(row.name) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(x_label)
        if len(series) > 1:
            axes.figure.legend(loc="outside upper left", ncols=3)

    return Panel(title, draw((WIDTH, EDGE + ROW * len(rows)), anchor, alt, paint), alt)


def _dots(
    axes: Any, intervals: Sequence[Interval | None], index: int, shift: float, name: str
) -> None:
    shown = [(i, one) for i, one in enumerate(intervals) if one is not None]
    places = [i + shift for i, _ in shown]
    ends = [(one.low, one.high) for _, one in shown if np.isfinite(one.low)]
    rows = [place for place, (_, one) in zip(places, shown, strict=True) if np.isfinite(one.low)]
    colour = colour_of(index)
    axes.hlines(rows, [low for low, _ in ends], [high for _, high in ends], color=colour, lw=1.1)
    axes.plot(
        [one.mean for _, one in shown],
        places,
        linestyle="none",
        marker=marker_of(index),
        markersize=4,
        color=colour,
        label=plain(name),
    )
