"""Columns and cells that several sections share."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from wheesht.metrics import METRICS
from wheesht.report.digits import bounds, decimals, number, p_phrase, percent
from wheesht.report.document import Cell, Column, Group, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.breakdown import Part
from wheesht.report.numbers.contrasts import Contrast
from wheesht.report.numbers.scores import Scores, Variant

MILLION = 1e6
MANY_ROWS = 12  # a table of more is folded on a screen
SYSTEM, PERCENT = Column("System", is_number=False), Column("P", "%")
MACS, SHARE = Column("MMAC/s", better="lower"), Column("Of dense", "%", "lower")


def label_of(metric: str) -> str:
    """Return a metric's name for people."""
    label = METRICS[metric].label if metric in METRICS else metric
    return f"DNSMOS {label}" if metric.startswith("dnsmos_") else label


def unit_of(metric: str) -> str:
    """Return a metric's unit, empty where it has none."""
    return METRICS[metric].unit if metric in METRICS else ""


def metric_column(metric: str) -> Column:
    """Return the head of a metric's column."""
    better = METRICS[metric].better if metric in METRICS else ""
    return Column(label_of(metric), unit_of(metric), better)


def name_cells(variant: Variant) -> tuple[Cell, Cell]:
    """Return the cells of system and update percentage."""
    setting = variant.update_percent
    return Cell(variant.name), Cell("" if setting is None else percent(setting))


def score_cell(
    material: Material, testset: str, variant: Variant, metric: str, strong: bool = False
) -> Cell:
    """Return mean and interval of a variant of the study, bold if asked."""
    return replace(interval_cell(material.scores, testset, variant, metric), strong=strong)


def interval_cell(scores: Scores, testset: str, variant: Variant, metric: str) -> Cell:
    """Return mean and interval; where clips of the set lack the score, also how many have it."""
    interval = scores.interval(testset, variant, metric)
    if interval is None:
        return Cell()
    places = decimals(metric)
    count = count_note(scores, testset, len(scores.values(testset, variant, metric)))
    ends = " ".join(filter(None, (bounds(interval, places), count)))
    return Cell(number(interval.mean, places), ends)


def count_note(scores: Scores, testset: str, n: int) -> str:
    """Return the number of clips behind a figure where it is not that of the test set."""
    return f"(n = {n})" if n != len(scores.clips[testset]) else ""


def set_title(scores: Scores, testset: str) -> str:
    """Return a test set's name and size."""
    count = len(scores.clips[testset])
    return f"{testset}, {count} {'clip' if count == 1 else 'clips'}"


def margin_phrase(metric: str, margin: float) -> str:
    """Return a margin with its unit, for a sentence."""
    return f"{margin:g} {unit_of(metric)}".strip()


def margins_phrase(margins: dict[str, float]) -> str:
    """Return the margins of several metrics."""
    return ", ".join(
        f"{margin_phrase(m, margin)} in {label_of(m)}" for m, margin in margins.items()
    )


def difference_cell(contrast: Contrast, metric: str, strong: bool = False) -> Cell:
    """Return a mean difference with its interval."""
    places = decimals(metric)
    difference = contrast.difference
    return Cell(
        number(difference.mean, places, sign=True), bounds(difference, places, sign=True), strong
    )


def tested_cell(contrast: Contrast | None, metric: str) -> Cell:
    """Return a mean difference with interval and corrected p, bold where it is one."""
    if contrast is None:
        return Cell()
    cell = difference_cell(contrast, metric, strong=contrast.differs)
    return Cell(cell.text, f"{cell.interval} {p_phrase(contrast.p_wilcoxon)}".strip(), cell.strong)


def macs_cells(material: Material, testset: str, variant: Variant) -> tuple[Cell, Cell]:
    """Return executed MACs per second in millions, and in percent of the dense network's."""
    executed = material.scores.executed_macs(testset, variant)
    if executed is None:
        return Cell(), Cell()
    dense = dense_macs(material, testset, variant)
    share = "" if not dense else number(100 * executed / dense, 1)
    return Cell(number(executed / MILLION, 2)), Cell(share)


def dense_macs(material: Material, testset: str, variant: Variant) -> float | None:
    """Return the MACs per second of a model with every unit updated.

    Those that the engine counted at P = 100, or else those that follow from the bundle.
    """
    for other in material.scores.variants(testset):
        if other.name == variant.name and other.update_percent == 100:
            return material.scores.executed_macs(testset, other)
    return material.network(variant).dense_macs


def without_empty(table: Table) -> Table:
    """Drop the columns in which no row has anything."""
    every = [row for group in table.groups for row in group.rows]
    kept = [i for i in range(len(table.columns)) if any(row[i].text for row in every)]
    groups = [
        Group(group.title, rows([row[i] for i in kept] for row in group.rows))
        for group in table.groups
    ]
    return replace(table, columns=tuple(table.columns[i] for i in kept), groups=tuple(groups))


def part_columns(material: Material) -> tuple[Column, ...]:
    """Return the columns of a table of gains, after the one that names the parts."""
    processed = [v for v in material.scores.all_variants if v.kind != "noisy"]
    return (
        Column("n"),
        Column("Unprocessed", better="higher"),
        *(Column(f"Gain of {variant.label}", better="higher") for variant in processed),
    )


def part_group(
    material: Material,
    testset: str,
    metric: str,
    parts: Sequence[Part],
    name_of: Callable[[Part], str],
) -> Group:
    """Return the rows of a table of gains: a part of a test set each."""
    processed = [v for v in material.scores.all_variants if v.kind != "noisy"]
    places = decimals(metric)
    table = []
    for part in parts:
        cells = [Cell(name_of(part)), Cell(str(part.n)), Cell(number(part.noisy.mean, places))]
        cells += [gain_cell(part, variant, places) for variant in processed]
        table.append(cells)
    return Group(part_title(testset, metric), rows(table))


def gain_cell(part: Part, variant: Variant, places: int) -> Cell:
    """Return a variant's mean gain in a part of a test set, with its interval."""
    interval, n = part.gains.get(variant, (None, 0))
    if interval is None:
        return Cell()
    count = f"(n = {n})" if n != part.n else ""
    ends = " ".join(filter(None, (bounds(interval, places, sign=True), count)))
    return Cell(number(interval.mean, places, sign=True), ends)


def part_title(testset: str, metric: str) -> str:
    """Return what heads the rows of gains on a test set."""
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    return f"{testset}: {label_of(metric)}{unit}"
