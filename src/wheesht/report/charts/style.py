"""How every drawing looks, and how it becomes SVG that fits a light and a dark page."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from wheesht.errors import MissingDependency
from wheesht.report.digits import shown
from wheesht.statistics import Interval

# Hues that people with any kind of colour blindness tell apart (Okabe and Ito, 2008), as far as
# they stand out on white. On a page each is a style variable that a dark page makes lighter.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, FAINT, PAPER = "#111213", "#8a8b8c", "#fefefd"  # stand-ins for the page's own colours
_AS_STYLE = {
    INK: "currentColor",
    FAINT: "var(--faint, #8a8b8c)",
    PAPER: "var(--paper, #ffffff)",
    **{colour: f"var(--series-{i}, {colour})" for i, colour in enumerate(SERIES, start=1)},
}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: to search, to copy, for a screen reader
    "svg.hashsalt": "wheesht",  # names inside the file do not change from run to run
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so the layout is the same everywhere
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
}


def draw(size: tuple[float, float], anchor: str, alt: str, paint: Callable[[Any], None]) -> str:
    """Return a drawing as an ``<svg>`` element.

    Parameters
    ----------
    size : (float, float)
        Width and height in inches.
    anchor : str
        Begins all names inside, so that drawings on one page do not share any.
    alt : str
        What it shows, for those who do not see it.
    paint : callable
        Draws on the axes that it is given.

    Raises
    ------
    MissingDependency
        matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependency("report needs: pip install 'wheesht[eval]'") from None
    # Defaults first: a reader's own settings of matplotlib must not change the page.
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        paint(axes)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(file.getvalue().decode("utf-8"), anchor, alt)


def colour_of(index: int) -> str:
    """Return the hue of the i-th series."""
    return SERIES[index % len(SERIES)]


def marker_of(index: int) -> str:
    """Return the marker of the i-th setting."""
    return MARKERS[index % len(MARKERS)]


def sides(intervals: Sequence[Interval]) -> list[list[float]]:
    """Return how far intervals reach below and above their means; 0 where there is none."""
    below = [one.mean - one.low for one in intervals]
    above = [one.high - one.mean for one in intervals]
    return [[end if end > 0 else 0.0 for end in side] for side in (below, above)]  # NaN is not


def plain(text: str) -> str:
    """Return a name as it may stand in a drawing."""
    return shown(text)


def _inline(svg: str, anchor: str, alt: str) -> str:
    """Turn a file into an element: no prologue, own names, colours of the page."""
    svg = svg[svg.index("<svg") :].strip()
    # Its styles would hold for the whole page; those of the page take their place.
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[a-zA-Z0-9.]+_\d+"', "", svg)  # numbered parts: nothing refers to them
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{anchor}-\1"', svg)
    svg = re.sub(r'(?<=href="#)|(?<=url\(#)', f"{anchor}-", svg)
    for colour, style in _AS_STYLE.items():
        svg = svg.replace(colour, style)
    label = _attribute(alt)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _attribute(text: str) -> str:
    marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
    return "".join(marks.get(character, character) for character in shown(text))
