"""The first section: what was measured, what was found, and the main table."""

from dataclasses import replace
from typing import Any

from wheesht.report.digits import number, percent
from wheesht.report.document import Cell, Column, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import ENOUGH_FOR_BEST, best
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
    set_title,
    unit_of,
    without_empty,
)
from wheesht.report.sections.findings import findings
from wheesht.report.words import sentence, words

FEW_CLIPS = 30  # below that a bootstrap interval of a mean is noticeably too narrow
HEADLINES = ("pesq_wb", "estoi", "si_sdr", "dnsmos_ovrl")  # as many as fit on a page


def overview(material: Material) -> Section:
    """Return the summary in words and the main table."""
    found = findings(material)
    lead = words(
        "overview",
        found=found,
        metric=label_of(material.metric) if material.metric else "",
        others=_judged_otherwise(material),
        unjudged=[t for t in material.scores.testsets if material.metric_of(t) is None],
        seconds=_seconds(material),
        clips=sum(len(clips) for clips in material.scores.clips.values()),
        unit=unit_of(material.metric) if material.metric else "",
        is_complete=_is_complete(material),
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
    wanted = dict.fromkeys((material.metric, *HEADLINES))
    metrics = [m for m in wanted if m and m in scored] or list(scored)[: len(HEADLINES)]
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
        groups.append(Group(set_title(material.scores, testset), rows(lines)))
    table = Table("Cost and quality: mean and 95 % interval", columns, tuple(groups), "Test set")
    has_bold = any(cell.strong for group in groups for row in group.rows for cell in row)
    return without_empty(replace(table, notes=(_note(material, has_bold),)))


def _note(material: Material, has_bold: bool) -> str:
    times = material.times
    return sentence(
        "main_table",
        has_bold=has_bold,
        enough=percent(100 * ENOUGH_FOR_BEST),
        few=[t for t, clips in material.scores.clips.items() if len(clips) < FEW_CLIPS],
        few_clips=FEW_CLIPS,
        machine=times.machine,
        n_machines=len(times.places),
    )


def _judged_otherwise(material: Material) -> list[tuple[str, list[str]]]:
    """Return the metrics that stand for all on some test sets instead, and those sets."""
    found: dict[str, list[str]] = {}
    for testset in material.scores.testsets:
        metric = material.metric_of(testset)
        if metric not in (None, material.metric):
            found.setdefault(label_of(metric), []).append(testset)
    return list(found.items())


def _is_complete(material: Material) -> bool:
    """Return whether each clip of each system has every metric that anything was scored with."""
    scores, every = material.scores, set(material.scores.metrics())
    return all(
        set(scores.clips[testset]) == set(found)
        and all(every <= set(row.scores) for row in found.values())
        for (testset, _), found in scores.rows.items()
    )


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
