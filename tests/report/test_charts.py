"""Drawings: the same every time, text as text, fit for light and dark, nothing left unnamed."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from wheesht.report.charts.rows import Row, rows_panel
from wheesht.report.charts.scatter import Point, Series, scatter
from wheesht.report.charts.steps import steps_panel
from wheesht.report.charts.style import INK, SERIES, sides
from wheesht.statistics import Interval

NONE = Interval(1.2, float("nan"), float("nan"))
HOSTILE = "a<b> & $x_{1}$ \\frac"


def scattered(is_log=False, costs=(90.0, 130.0), baseline=None):
    points = [Point(x, Interval(2.0, 1.9, 2.2), f"P{i}") for i, x in enumerate(costs)]
    series = [Series("gru", tuple(points)), Series(HOSTILE, (Point(100.0, NONE, HOSTILE),), False)]
    return scatter("c1", HOSTILE, series, ("cost, MMAC/s", "quality"), baseline, is_log)


def in_rows():
    rows = [Row("first", (Interval(0.1, 0.0, 0.2), NONE)), Row(HOSTILE, (None, None))]
    return rows_panel("c2", "Rows", ("one", "two"), rows, "gain", margin=0.05)


def in_steps():
    lines = [("gru", [Interval(0.1, 0.0, 0.2), None, NONE]), (HOSTILE, [None, None, None])]
    return steps_panel("c3", "Steps", (-5.0, 0.0, 5.0), lines, ("SNR, dB", "gain"))


DRAWINGS = {"scatter": scattered, "rows": in_rows, "steps": in_steps}


@pytest.fixture(params=DRAWINGS)
def panel(request):
    return DRAWINGS[request.param]()


def texts(panel):
    root = ElementTree.fromstring(panel.svg)
    return ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def test_drawings_are_the_same_every_time(panel, request):
    again = DRAWINGS[request.node.callspec.params["panel"]]()
    assert panel.svg == again.svg
    assert not re.search(r"20\d\d-\d\d", panel.svg)


def test_text_stays_text_whatever_it_holds(panel):
    assert HOSTILE in texts(panel)
    assert "mathdefault" not in panel.svg and "nan" not in panel.svg.lower()


def test_colours_are_those_of_the_page(panel):
    bare = re.sub(r"var\([^)]*\)", "", panel.svg)
    assert "currentColor" in bare and "var(--series-1, #0072b2)" in panel.svg
    assert not re.findall(r"#[0-9a-f]{6}", bare)  # a fixed colour would vanish on a dark page


def test_names_inside_begin_with_the_drawings_own(panel):
    anchor = re.search(r'id="(c\d)-', panel.svg)[1]
    names = re.findall(r'\bid="([^"]+)"', panel.svg)
    assert len(names) == len(set(names)) and all(n.startswith(f"{anchor}-") for n in names)
    assert "<style" not in panel.svg and "<metadata" not in panel.svg


def test_what_a_drawing_shows_stands_in_its_words(panel):
    label = ElementTree.fromstring(panel.svg).get("aria-label")
    assert label == " ".join(panel.alt.split()) and re.search(r"\d", label)


def test_a_reader_of_the_drawing_finds_the_numbers():
    assert "gru P0 at 90: 2; gru P1 at 130: 2" in scattered().alt


def test_a_logarithmic_axis_has_round_numbers():
    found = texts(scattered(is_log=True, costs=(2.0, 100.0)))
    assert {"2", "5", "10", "20", "50", "100"} <= set(found)


def test_a_short_axis_is_not_logarithmic():
    assert scattered(is_log=True, costs=(90.0, 110.0)).svg == scattered(costs=(90.0, 110.0)).svg


def test_labels_do_not_cover_each_other():
    """Three points on almost the same spot, far from a fourth; places as read from the SVG."""
    points = [
        Point(x, Interval(2.0, 1.9, 2.1), f"P{i}") for i, x in enumerate((100, 101, 102, 200))
    ]
    svg = scatter("c", "", [Series("gru", tuple(points), is_line=False)], ("x", "y")).svg
    placed = re.findall(r'<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>(P\d)</text>', svg)
    assert len(placed) == 4
    places = np.array([(float(x), float(y)) for x, y, _ in placed])
    for i in range(4):
        for k in range(i):
            gap = np.abs(places[i] - places[k])  # points; letters are 6 high and 4 wide
            assert gap[0] > 8 or gap[1] > 6, (placed[i], placed[k])


def test_sides_are_zero_where_there_is_no_interval():
    found = sides([Interval(1.0, 0.75, 1.5), NONE])
    assert found == [[0.25, 0.0], [0.5, 0.0]]


def test_series_can_be_told_apart_without_colour():
    markers = [scattered().svg.count(f"var(--series-{i}") for i in (1, 2)]
    assert all(markers) and len(set(SERIES)) == len(SERIES) and INK not in SERIES


def test_a_readers_own_settings_change_nothing():
    import matplotlib

    want = scattered().svg
    with matplotlib.rc_context({"font.size": 30, "xtick.direction": "in", "errorbar.capsize": 9}):
        assert scattered().svg == want


def test_importing_the_report_loads_no_heavy_library():
    code = (
        "import sys, wheesht.report.write, wheesht.cli.report; "
        "print([m for m in ('torch', 'scipy', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
