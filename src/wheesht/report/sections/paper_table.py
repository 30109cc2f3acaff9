"""The table of the D-GRU paper, with this study's rows and the paper's own, and what it lacks."""

from wheesht.report.digits import bounds, decimals, number, percent
from wheesht.report.document import Block, Cell, Column, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import LEAST_PAIRS, models
from wheesht.report.numbers.networks import DENSE
from wheesht.report.numbers.paper import PaperRow, paper_results
from wheesht.report.numbers.scores import Variant
from wheesht.report.sections.beyond_paper import beyond_table
from wheesht.report.sections.cells import (
    MILLION,
    PERCENT,
    SYSTEM,
    count_note,
    metric_column,
    name_cells,
    without_empty,
)
from wheesht.report.words import words
from wheesht.statistics import Interval, paired_interval

METRICS = ("pesq_wb", "estoi", "si_snr", "dnsmos_ovrl")  # of the paper's table
PAPER_PLACES = (2, 0, 2, 2)  # decimals that the paper prints them with
HUNDRED = {"estoi": 100.0}  # the paper gives it in percent


def paper_table(material: Material) -> Section | None:
    """Return the paper-style tables; None without a model or any of the paper's metrics."""
    scored = set(material.scores.metrics()) & set(METRICS)
    if not scored or not any(v.kind == "model" for v in material.scores.all_variants):
        return None
    paper = paper_results()
    known = [v for v in material.scores.all_variants if material.network(v).paper]
    missing = [v.label for v in material.networks if v not in known]
    blocks: list[Block] = list(
        words("paper_table", citation=paper.citation, testset=paper.testset, missing=missing)
    )
    blocks.append(_table(material))
    change = _change_table(material)
    if change is not None:
        blocks.append(change)
    beyond = beyond_table(material)
    if beyond is not None:
        blocks.append(beyond)
    return Section("paper", "Beside the D-GRU paper: its Table 1", tuple(blocks))


def _table(material: Material) -> Table:
    columns = (
        SYSTEM,
        PERCENT,
        Column("Parameters", "million"),
        Column("non-GRU", "MMAC/s", "lower"),
        Column("GRU", "MMAC/s", "lower"),
        Column("all", "MMAC/s", "lower"),
        Column("of P = 100", "%", "lower"),
        *(_column(metric) for metric in METRICS),
    )
    groups = []
    for testset in material.scores.testsets:
        variants = material.scores.variants(testset)
        title = f"This study: {testset}, n = {len(material.scores.clips[testset])}"
        groups.append(Group(title, rows(_our_row(material, testset, v) for v in variants)))
    paper = paper_results()
    groups.append(Group(f"The paper: {paper.testset}", rows(map(_paper_row, paper.rows))))
    return without_empty(
        Table("MACs in the paper's counting, and mean scores", columns, tuple(groups), "Test set")
    )


def _column(metric: str) -> Column:
    column = metric_column(metric)
    return Column(column.title, "%", column.better) if metric in HUNDRED else column


def _places(metric: str) -> int:
    return decimals(metric) - (2 if metric in HUNDRED else 0)


def _our_row(material: Material, testset: str, variant: Variant) -> list[Cell]:
    network, macs = material.network(variant), [Cell()] * 4
    if network.paper:
        parts = (network.paper.other, network.paper.recurrent, network.paper.total)
        macs = [Cell(number(part / MILLION, 2)) for part in parts]
        share = network.paper_dense and 100 * network.paper.total / network.paper_dense
        macs.append(Cell(number(share, 1)))
    params = Cell(number(network.params / MILLION, 3) if network.params else "")
    cells = [*name_cells(variant), params, *macs]
    for metric in METRICS:
        interval = material.scores.interval(testset, variant, metric)
        mean = interval.mean * HUNDRED.get(metric, 1.0) if interval else None
        n = len(material.scores.values(testset, variant, metric))
        note = count_note(material.scores, testset, n) if interval else ""
        cells.append(Cell(number(mean, _places(metric)), note))
    return cells


def _paper_row(row: PaperRow) -> list[Cell]:
    name = row.host if row.update_percent is None else row.host.upper()
    scores = (row.pesq_wb, row.estoi, row.si_snr, row.dnsmos_ovrl)
    return [
        Cell(name),
        Cell("" if row.update_percent is None else percent(row.update_percent)),
        Cell(number(row.params_millions, 2)),
        *(Cell(number(value, 2)) for value in (row.non_gru, row.gru, row.total)),
        Cell(number(row.percent, 0)),
        *(Cell(number(x, places)) for x, places in zip(scores, PAPER_PLACES, strict=True)),
    ]


def _change_table(material: Material) -> Table | None:
    """Return what each setting changes against P = 100, here and in the paper."""
    columns = [PERCENT]
    for metric in METRICS:
        column = _column(metric)
        unit = "points" if metric in HUNDRED else column.unit
        columns += [Column(column.title, unit, "higher"), Column("paper's", unit, "higher")]
    groups = []
    for testset in material.scores.testsets:
        for name, settings in models(material.scores, testset).items():
            table = [
                _change_row(material, testset, settings[0], setting)
                for setting in settings[1:]
                if settings[0].update_percent == DENSE
            ]
            if table:
                groups.append(Group(f"{name} on {testset}", rows(table)))
    if not groups:
        return None
    caption = "Change of the mean when P is turned down from 100, here and in the paper"
    return without_empty(Table(caption, tuple(columns), tuple(groups), "Model and test set"))


def _change_row(material: Material, testset: str, dense: Variant, setting: Variant) -> list[Cell]:
    paper, host = paper_results(), material.network(setting).host
    theirs = [paper.row(host, v.update_percent) for v in (dense, setting)]
    cells = [Cell(percent(setting.update_percent or 0.0))]
    for metric, places in zip(METRICS, PAPER_PLACES, strict=True):
        scale = HUNDRED.get(metric, 1.0)
        clips, (low, high) = material.scores.paired(testset, metric, (setting, dense))
        ours = Cell()
        if len(clips) >= LEAST_PAIRS:
            change = paired_interval(scale * low, scale * high)
            note = count_note(material.scores, testset, len(clips))
            ours = _signed(change, _places(metric), note)
        printed = None
        if theirs[0] and theirs[1]:
            printed = getattr(theirs[1], metric) - getattr(theirs[0], metric)
        cells += [ours, Cell(number(printed, places, sign=True))]
    return cells


def _signed(change: Interval, places: int, note: str) -> Cell:
    ends = " ".join(filter(None, (bounds(change, places, sign=True), note)))
    return Cell(number(change.mean, places, sign=True), ends)
