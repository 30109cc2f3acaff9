"""Quality against executed MACs and against measured time."""

from collections.abc import Iterable

from wheesht.report.charts.scatter import Point, Series, scatter
from wheesht.report.digits import number, percent
from wheesht.report.document import Block, Cell, Column, Figure, Group, Panel, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import models
from wheesht.report.numbers.scores import Scores
from wheesht.report.numbers.times import ENGINE, Time
from wheesht.report.sections.cells import MILLION, label_of, unit_of, without_empty
from wheesht.report.words import words
from wheesht.statistics import Interval

RIVALS = "rivals"


def quality_cost(material: Material) -> Section | None:
    """Return the scatter plots and the table of times; None without any cost."""
    macs = list(_macs_panels(material))
    times = list(_time_panels(material))
    if not macs and not times and not material.times.entries:
        return None
    blocks: list[Block] = list(
        words(
            "quality_cost",
            has_times=bool(material.times.entries),
            has_macs=bool(macs),
            machine=material.times.machine,
            n_machines=len(material.times.places),
        )
    )
    if macs:
        caption = (
            "Mean quality against executed MACs, with 95 % intervals; points of one model are "
            "joined. Up and to the left is better. Each interval is that of one mean; settings of "
            "one model were scored on the same clips, so they differ more clearly than overlapping "
            "intervals suggest: see the tests of pairs."
        )
        blocks.append(Figure(tuple(macs), caption))
    if times:
        caption = (
            "Mean quality against measured computing time on one thread, with 95 % intervals. Up "
            "and to the left is better; a time axis that spans much is logarithmic."
        )
        blocks.append(Figure(tuple(times), caption))
    if material.times.entries:
        blocks.append(_times_table(material.times.entries))
    return Section("cost", "Quality against cost", tuple(blocks))


def _macs_panels(material: Material) -> Iterable[Panel]:
    for i, testset in enumerate(material.scores.testsets):
        metric = material.metric_of(testset)
        if metric is None:
            continue
        series = []
        for name, settings in models(material.scores, testset).items():
            points = []
            for variant in settings:
                macs = material.scores.executed_macs(testset, variant)
                interval = material.scores.interval(testset, variant, metric)
                if macs and interval:
                    label = f"P = {percent(variant.update_percent or 0.0)}"
                    points.append(Point(macs / MILLION, interval, label))
            if points:
                series.append(Series(name, tuple(points)))
        if series:
            labels = ("executed MMAC/s", _quality(metric))
            baseline = _baseline(material.scores, testset, metric)
            yield scatter(f"macs{i}", testset, series, labels, baseline)


def _time_panels(material: Material) -> Iterable[Panel]:
    for i, testset in enumerate(material.scores.testsets):
        metric = material.metric_of(testset)
        if metric is None:
            continue
        series = [
            *_timed_models(material, testset, metric),
            *_timed_rivals(material, testset, metric),
        ]
        if series:
            labels = ("ms of computing per second of audio", _quality(metric))
            baseline = _baseline(material.scores, testset, metric)
            yield scatter(f"time{i}", testset, series, labels, baseline, is_log=True)


def _timed_models(material: Material, testset: str, metric: str) -> Iterable[Series]:
    for name, settings in models(material.scores, testset).items():
        points = []
        for variant in settings:
            macs = material.scores.executed_macs(testset, variant)
            time = material.times.of_model(variant, macs)
            interval = material.scores.interval(testset, variant, metric)
            if time and interval:
                label = f"P = {percent(variant.update_percent or 0.0)}"
                points.append(Point(time.ms_per_second, interval, label))
        if points:
            yield Series(name, tuple(points))


def _timed_rivals(material: Material, testset: str, metric: str) -> Iterable[Series]:
    scores = material.with_rivals
    if scores is None or testset not in scores.testsets:
        return
    points = []
    for variant in scores.variants(testset):
        time = material.times.of_rival(variant.system) if variant.kind == "rival" else None
        interval = scores.interval(testset, variant, metric)
        if time and interval:
            points.append(Point(time.ms_per_second, interval, variant.name))
    if points:
        yield Series(RIVALS, tuple(points), is_line=False)


def _baseline(scores: Scores, testset: str, metric: str) -> Interval | None:
    noisy = scores.noisy(testset)
    return scores.interval(testset, noisy, metric) if noisy else None


def _quality(metric: str) -> str:
    return f"{label_of(metric)}, {unit_of(metric)}" if unit_of(metric) else label_of(metric)


def _times_table(entries: tuple[Time, ...]) -> Table:
    columns = (
        Column("What ran", is_number=False),
        Column("Model", is_number=False),
        Column("Timed", is_number=False),
        Column("Numbers", is_number=False),
        Column("Instructions", is_number=False),
        Column("P", "%"),
        Column("Hop", "ms"),
        Column("Time per hop", "\u00b5s", "lower"),
        Column("99 % of hops below", "\u00b5s", "lower"),
        Column("Recurrent layers per hop", "\u00b5s", "lower"),
        Column("RTF", better="lower"),
        Column("Per second of audio", "ms", "lower"),
    )
    machines: dict[str, list[list[Cell]]] = {}
    for entry in entries:
        row = [
            Cell("wheesht engine" if entry.backend == ENGINE else entry.backend),
            Cell(entry.model),
            Cell(entry.timed),
            Cell(entry.dtype),
            Cell(entry.isa),
            Cell("" if entry.update_percent is None else percent(entry.update_percent)),
            Cell("" if entry.hop_ms is None else f"{entry.hop_ms:g}"),
            Cell(number(entry.us_hop_median, 1)),
            Cell(number(entry.us_hop_p99, 1)),
            Cell(number(entry.us_recurrent_median, 1)),
            Cell(number(entry.rtf, 4)),
            Cell(number(entry.ms_per_second, 2)),
        ]
        machine = entry.machine or "machine not stated"
        note = "" if entry.is_quiet else " (busy while measuring: repeat before quoting)"
        machines.setdefault(f"{machine}{note}", []).append(row)
    groups = tuple(Group(name, rows(table)) for name, table in machines.items())
    return without_empty(
        Table("Measured times, one thread, medians over hops", columns, groups, "Machine")
    )
