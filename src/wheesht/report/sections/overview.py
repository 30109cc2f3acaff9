"""The first section: what was measured, what was found, and the main table."""

from dataclasses import replace
from typing import Any

from wheesht.report.digits import number
from wheesht.report.document import Cell, Column, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import best
from wheesht.report.numbers.scores import Variant
from wheesht.report.sections.cells import (
    MACS,
    MILLION,
    PERCENT,
    SHARE,
    SYSTEM,
    label_of,
    macs_cells,
    metric_column,
    name_cells,
    score_cell,
    unit_of,
    without_empty,
)
from wheesht.report.sections.findings import findings
from wheesht.report.words import sentence, words

HEADLINES = ("pesq_wb", "estoi", "si_sdr", "dnsmos_ovrl")  # as many as fit on a page


def overview(material: Material) -> Section:
    """Return the summary in words and the main table."""
    found = findings(material)
    lead = words(
        "overview",
        found=found,
        metric=label_of(material.options.metric),
        margin=material.options.margin,
        seconds=_seconds(material),
        clips=sum(len(clips) for clips in material.scores.clips.values()),
        unit=unit_of(material.options.metric),
        n_metrics=len(material.scores.metrics()),
        testsets=list(material.scores.testsets),
        has_models=any(v.kind == "model" for v in material.scores.all_variants),
        systems=_systems(material),
        backends=sorted({v.backend for v in material.scores.all_variants if v.backend}),
    )
    return Section("overview", "In short", (*lead, main_table(material)))


def main_table(material: Material) -> Table:
    """Return cost, time and headline metrics of every variant on every test set."""
    scored = material.scores.metrics()
    wanted = dict.fromkeys((material.options.metric, *HEADLINES))
    metrics = [m for m in wanted if m in scored] or list(scored)[: len(HEADLINES)]
    columns = (
        SYSTEM,
        PERCENT,
        Column("Parameters", "million"),
        MACS,
        SHARE,
        Column("Time per hop", "\u00b5s", "lower"),
        Column("RTF", better="lower"),
        *(metric_column(metric) for metric in metrics),
    )
    groups = []
    for testset in material.scores.testsets:
        winners = {metric: best(material.scores, testset, metric) for metric in metrics}
        lines = [
            [
                *name_cells(variant),
                *_cost_cells(material, testset, variant),
                *(
                    score_cell(material, testset, variant, m, strong=winners[m] == variant)
                    for m in metrics
                ),
            ]
            for variant in material.scores.variants(testset)
        ]
        count = len(material.scores.clips[testset])
        title = f"{testset}, {count} {'clip' if count == 1 else 'clips'}"
        groups.append(Group(title, rows(lines)))
    table = Table("Cost and quality: mean and 95 % interval", columns, tuple(groups), "Test set")
    has_bold = any(cell.strong for group in groups for row in group.rows for cell in row)
    return without_empty(replace(table, notes=(sentence("main_table", has_bold=has_bold),)))


def _cost_cells(material: Material, testset: str, variant: Variant) -> list[Cell]:
    """Return parameters, executed MACs, their share, time per hop and real-time factor."""
    params = material.network(variant).params
    executed = material.scores.executed_macs(testset, variant)
    time = material.times.of_model(variant, executed)
    return [
        Cell(number(params / MILLION, 2) if params else ""),
        *macs_cells(material, testset, variant),
        Cell(number(time.us_hop_median, 1) if time else ""),
        Cell(number(time.rtf, 4) if time else ""),
    ]


def _seconds(material: Material) -> float | None:
    """Return how long all test sets are together, where the studies say it."""
    known: dict[str, Any] = {}
    for study in material.studies:
        for name, facts in study.facts.get("testsets", {}).items():
            known.setdefault(name, facts.get("seconds") if isinstance(facts, dict) else None)
    lengths = [known.get(name) for name in material.scores.testsets]
    return None if None in lengths else float(sum(lengths))  # type: ignore[arg-type]


def _systems(material: Material) -> list[str]:
    """Return each model with its settings, and each folder, as a reader would name them."""
    settings: dict[str, list[str]] = {}
    for variant in material.scores.all_variants:
        if variant.kind != "noisy":
            percents = settings.setdefault(variant.name, [])
            if variant.update_percent is not None:
                percents.append(f"{variant.update_percent:g}")
    return [
        f"{name} (P = {', '.join(percents)})" if percents else f"{name} (enhanced files)"
        for name, percents in settings.items()
    ]
