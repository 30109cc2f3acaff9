"""A measure at steps of input SNR, a line for every system."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from wheesht.report.charts.style import INK, colour_of, draw, marker_of, plain, sides
from wheesht.report.digits import with_minus
from wheesht.report.document import Panel
from wheesht.statistics import Interval

SIZE = (3.7, 2.9)  # inches
_SPREAD = 0.12  # of a step: over which the systems of one step are spread


def steps_panel(
    anchor: str,
    title: str,
    steps: Sequence[float],
    lines: Sequence[tuple[str, Sequence[Interval | None]]],
    axes_labels: tuple[str, str],
) -> Panel:
    """Return a drawing with a level at zero.

    Parameters
    ----------
    anchor, title : str
    steps : sequence of float
        Places on the horizontal axis, rising.
    lines : sequence of (name, intervals)
        An interval or None for each step.
    axes_labels : (str, str)
        With units.
    """
    said = "; ".join(
        f"{name}: "
        + ", ".join(f"{one.mean:.3g} at {s:g}" for s, one in zip(steps, line, strict=True) if one)
        for name, line in lines
    )
    alt = f"{title}: {axes_labels[1]} against {axes_labels[0]}. {said}."
    width = float(np.diff(steps).min()) if len(steps) > 1 else 1.0
    shifts = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(lines)) if len(lines) > 1 else [0.0]

    def paint(axes: Any) -> None:
        axes.axhline(0.0, color=INK, linewidth=0.8)
        for i, (name, line) in enumerate(lines):
            known = [(s, one) for s, one in zip(steps, line, strict=True) if one is not None]
            places = [step + width * float(shifts[i]) for step, _ in known]
            means = [one.mean for _, one in known]
            for k, (left, right) in enumerate(pairwise(step for step, _ in known)):
                if right - left < 1.5 * width:  # else there is nothing known between the two
                    axes.plot(places[k : k + 2], means[k : k + 2], color=colour_of(i))
            axes.errorbar(
                places,
                means,
                yerr=sides([one for _, one in known]),
                color=colour_of(i),
                marker=marker_of(i),
                linestyle="none",
                elinewidth=1.0,
                capsize=2,
                label=plain(name),
            )
        axes.set_xticks(list(steps), [with_minus(f"{step:g}") for step in steps])
        axes.set_xlabel(axes_labels[0])
        axes.set_ylabel(axes_labels[1])
        if len(lines) > 1:
            axes.figure.legend(loc="outside upper left", ncols=2)

    return Panel(title, draw(SIZE, anchor, alt, paint), alt)
