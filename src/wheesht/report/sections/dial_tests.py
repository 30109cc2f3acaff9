"""What the tests say about each pair of settings of the dial, as the paper's Table 2."""

from collections.abc import Callable

from wheesht.report.charts.rows import Row, rows_panel
from wheesht.report.digits import p_value, percent
from wheesht.report.document import Block, Cell, Column, Figure, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import LEVEL, Contrast, between, dial, models
from wheesht.report.numbers.paper import paper_results
from wheesht.report.numbers.scores import Variant
from wheesht.report.sections.cells import (
    MANY_ROWS,
    difference_cell,
    label_of,
    margins_phrase,
    unit_of,
    without_empty,
)
from wheesht.report.words import words

PAPER_METRIC = "pesq_wb"  # that the paper's p-values are of
Dials = dict[tuple[str, str], tuple[Contrast, ...]]  # (test set, model) to its pairs


def dial_tests(material: Material) -> Section | None:
    """Return p-values and intervals of every pair; None when there is nothing to compare."""
    dials = _dials(material)
    others = _other_groups(material)
    if not dials and not others:
        return None
    blocks: list[Block] = []
    if dials:
        margins = margins_phrase(material.margins)
        blocks += words("dial_tests", margin=margins, level=LEVEL, paper=paper_results().citation)
        blocks += [_matrix(material, dials), _figure(material, dials), _pairs(material, dials)]
    if others:
        blocks += words("between_systems", has_dials=bool(dials))
        blocks.append(_others(material, others))
    return Section("tests", "Is the difference real? Tests of every pair", tuple(blocks))


def _dials(material: Material) -> Dials:
    found: Dials = {}
    for testset in material.scores.testsets:
        metric = material.metric_of(testset)
        for name, settings in models(material.scores, testset).items():
            if metric is not None:
                margin = material.margin_of(metric)
                contrasts = dial(material.scores, testset, metric, settings, margin)
                if contrasts:
                    found[testset, name] = contrasts
    return found


def _matrix(material: Material, dials: Dials) -> Table:
    """Return the p-values of the Mann-Whitney test alone, models down and pairs across."""
    pairs = sorted(
        {_pair(c) for contrasts in dials.values() for c in contrasts}, key=lambda p: (-p[0], -p[1])
    )
    columns = (
        Column("Model", is_number=False),
        *(Column(f"{percent(high)}\u2013{percent(low)}") for high, low in pairs),
    )

    def of_ours(test: str) -> tuple[tuple[Cell, ...], ...]:
        table = []
        for (testset, name), contrasts in dials.items():
            found = {_pair(c): getattr(c.raw, test) for c in contrasts}
            cells = (_p_cell(found.get(pair)) for pair in pairs)
            table.append([Cell(_title(name, testset, _judge(material, testset))), *cells])
        return rows(table)

    paper = paper_results()
    hosts = dict.fromkeys(host for host, _, _ in paper.p_values)
    theirs = [
        [Cell(host.upper()), *(_p_cell(paper.p_values.get((host, *pair))) for pair in pairs)]
        for host in hosts
    ]
    groups = [
        Group("This study, two-sided", of_ours("p_mann_whitney")),
        Group("This study, one-sided: higher P is better", of_ours("p_mann_whitney_one_sided")),
    ]
    is_comparable = any(_judge(material, testset) == PAPER_METRIC for testset, _ in dials)
    if is_comparable and any(cell.text for row in theirs for cell in row[1:]):
        title = f"The paper, {label_of(PAPER_METRIC)}, side not stated"
        groups.append(Group(title, rows(theirs)))
    caption = "p-values of the Mann-Whitney U test, as Table 2 of the paper"
    return Table(caption, columns, tuple(groups), "Test")


def _pairs(material: Material, dials: Dials) -> Table:
    """Return every test of every pair."""
    equal = _equal_head(material)
    columns = (
        Column("Pair of P", "%", is_number=False),
        Column("n"),
        Column("Mean difference"),
        Column("Mann-Whitney, two-sided"),
        Column("Mann-Whitney, one-sided"),
        Column("Wilcoxon, paired"),
        Column("Wilcoxon, corrected"),
        Column(equal),
        Column("Equal, corrected"),
        Column("The paper"),
        Column("Reading", is_number=False),
    )
    groups = []
    for (testset, name), contrasts in dials.items():
        metric = _judge(material, testset)
        table = [_pair_row(material, contrast, metric) for contrast in contrasts]
        groups.append(Group(_title(name, testset, metric), rows(table)))
    count = sum(len(group.rows) for group in groups)
    return without_empty(
        Table(
            "Every pair of settings: difference and p-values",
            columns,
            tuple(groups),
            "Model and test set",
            folded=count > MANY_ROWS,
        )
    )


def _pair_row(material: Material, contrast: Contrast, metric: str) -> list[Cell]:
    high, low = _pair(contrast)
    raw = contrast.raw
    host = material.network(contrast.first).host
    theirs = paper_results().p_values.get((host, high, low)) if metric == PAPER_METRIC else None
    return [
        Cell(f"{percent(high)}\u2013{percent(low)}"),
        Cell(str(contrast.n)),
        difference_cell(contrast, metric),
        _p_cell(raw.p_mann_whitney),
        _p_cell(raw.p_mann_whitney_one_sided),
        _p_cell(raw.p_wilcoxon),
        _p_cell(contrast.p_wilcoxon),
        _p_cell(raw.p_equivalence),
        _p_cell(contrast.p_equivalence),
        _p_cell(theirs),
        Cell(_reading(contrast, material.margin_of(metric), _setting)),
    ]


def _figure(material: Material, dials: Dials) -> Figure:
    """Return the mean differences with their intervals and the margin of equality."""
    by_metric: dict[str, list[Row]] = {}
    for (testset, name), contrasts in dials.items():
        metric = _judge(material, testset)
        for contrast in contrasts:
            high, low = _pair(contrast)
            row = f"{testset}, {name}: {percent(high)}\u2013{percent(low)}"
            by_metric.setdefault(metric, []).append(Row(row, (contrast.difference,)))
    panels = []
    for metric, entries in by_metric.items():
        unit = f", {unit_of(metric)}" if unit_of(metric) else ""
        label = f"difference in {label_of(metric)}{unit}, higher minus lower P"
        panels.append(
            rows_panel(
                f"tests-{metric}",
                "Mean difference",
                ("difference",),
                entries,
                label,
                material.margin_of(metric),
            )
        )
    margins = margins_phrase({metric: material.margin_of(metric) for metric in by_metric})
    caption = (
        f"Mean difference between two settings on the same clips, with the 95 % interval. Right "
        f"of zero the higher setting is better. Within the band ({margins}) a difference is "
        f"called equal."
    )
    return Figure(tuple(panels), caption, wide=True)


def _other_groups(material: Material) -> dict[str, tuple[Contrast, ...]]:
    found = {}
    for testset in material.scores.testsets:
        metric = material.metric_of(testset)
        if metric is not None:
            margin = material.margin_of(metric)
            contrasts = between(material.scores, testset, metric, margin)
            if contrasts:
                found[testset] = contrasts
    return found


def _others(material: Material, others: dict[str, tuple[Contrast, ...]]) -> Table:
    """Return the comparisons of different systems."""
    groups = []
    for testset, contrasts in others.items():
        metric = _judge(material, testset)
        table = [
            [
                Cell(contrast.first.label),
                Cell(contrast.second.label),
                Cell(str(contrast.n)),
                difference_cell(contrast, metric),
                _p_cell(contrast.raw.p_wilcoxon),
                _p_cell(contrast.p_wilcoxon),
                _p_cell(contrast.p_equivalence),
                Cell(_reading(contrast, material.margin_of(metric), lambda v: v.label)),
            ]
            for contrast in contrasts
        ]
        groups.append(Group(f"{testset}, {label_of(metric)}", rows(table)))
    columns = (
        Column("First", is_number=False),
        Column("Second", is_number=False),
        Column("n"),
        Column("Mean difference, first minus second"),
        Column("Wilcoxon, paired"),
        Column("Wilcoxon, corrected"),
        Column(f"{_equal_head(material)}, corrected"),
        Column("Reading", is_number=False),
    )
    count = sum(len(group.rows) for group in groups)
    caption = "Different systems on the same clips"
    return Table(caption, columns, tuple(groups), "Test set", folded=count > MANY_ROWS)


def _judge(material: Material, testset: str) -> str:
    """Return the metric that a test set's contrasts were made with."""
    metric = material.metric_of(testset)
    assert metric is not None
    return metric


def _equal_head(material: Material) -> str:
    """Return the head of the column of equivalence tests, with the margin where it is one."""
    margins = set(material.margins.values())
    return f"Equal within \u00b1{margins.pop():g}" if len(margins) == 1 else "Equal within margin"


def _pair(contrast: Contrast) -> tuple[float, float]:
    return contrast.first.update_percent or 0.0, contrast.second.update_percent or 0.0


def _setting(variant: Variant) -> str:
    return f"P = {percent(variant.update_percent or 0.0)}"


def _reading(contrast: Contrast, margin: float, name: Callable[[Variant], str]) -> str:
    if contrast.differs:
        winner = contrast.first if contrast.difference.mean > 0 else contrast.second
        small = f", by less than {margin:g}" if contrast.is_equivalent else ""
        return f"{name(winner)} is better{small}"
    return f"equal within \u00b1{margin:g}" if contrast.is_equivalent else "undecided"


def _title(name: str, testset: str, metric: str) -> str:
    return f"{name} on {testset}, {label_of(metric)}"


def _p_cell(p: float | None) -> Cell:
    return Cell() if p is None else Cell(p_value(p), strong=p < LEVEL)
