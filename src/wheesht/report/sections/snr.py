"""Mean gain over the unprocessed input by input SNR."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wheesht.report.charts.steps import steps_panel
from wheesht.report.digits import decimals, number
from wheesht.report.document import Block, Cell, Column, Figure, Group, Panel, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.breakdown import PAPER_SNRS, STEP, Part, breakdown, paper_snr, snr_step
from wheesht.report.sections.cells import (
    PERCENT,
    SYSTEM,
    gain_cell,
    label_of,
    name_cells,
    part_title,
    unit_of,
    without_empty,
)
from wheesht.report.words import words

MOST_LINES = 6  # in a drawing; more cannot be told apart


@dataclass
class _View:
    """One way of cutting test sets by SNR: its drawings, and (test set, metric, parts)."""

    caption: str
    name_of: Callable[[float], str]
    panels: list[Panel] = field(default_factory=list)
    sets: list[tuple[str, str, tuple[Part, ...]]] = field(default_factory=list)


def snr(material: Material) -> Section | None:
    """Return gains at the paper's SNRs and in steps of 5 dB; None where no SNR is known."""
    exact = _View("Gain at exactly -5, 0 and 5 dB, as in Figure 2 of the paper", _exact_name)
    steps = _View("Gain in steps of 5 dB", _step_name)
    for i, testset in enumerate(material.scores.testsets):
        metric = material.metric_of(testset)
        if metric is None:
            continue
        at_levels = breakdown(material.scores, testset, metric, paper_snr)
        in_steps = breakdown(material.scores, testset, metric, snr_step)
        has_levels = tuple(part.key for part in at_levels) == PAPER_SNRS
        if has_levels:
            _add(exact, material, f"paper-snr{i}", testset, metric, at_levels)
        if in_steps and not (has_levels and at_levels == in_steps):
            _add(steps, material, f"snr{i}", testset, metric, in_steps)
    views = [view for view in (exact, steps) if view.sets]
    if not views:
        return None
    blocks: list[Block] = list(words("snr", has_paper=bool(exact.sets)))
    for view in views:
        if view.panels:
            blocks.append(Figure(tuple(view.panels), f"{view.caption}: mean and 95 % interval."))
        blocks.append(_table(material, view))
    return Section("snr", "Gain by input SNR", tuple(blocks))


def _add(
    view: _View,
    material: Material,
    anchor: str,
    testset: str,
    metric: str,
    parts: tuple[Part, ...],
) -> None:
    view.sets.append((testset, metric, parts))
    here = [v for v in material.scores.variants(testset) if v.kind != "noisy"]
    drawings = {testset: here}
    if len(here) > MOST_LINES:  # a drawing for each system
        drawings = {
            f"{testset}, {name}": [v for v in here if v.name == name][:MOST_LINES]
            for name in dict.fromkeys(v.name for v in here)
        }
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    labels = ("input SNR, dB", f"gain in {label_of(metric)}{unit}")
    keys = [float(part.key) for part in parts]
    for i, (title, variants) in enumerate(drawings.items()):
        lines = [
            (v.label, [part.gains[v][0] if v in part.gains else None for part in parts])
            for v in variants
        ]
        if len(keys) > 1 and lines:
            name = anchor if len(drawings) == 1 else f"{anchor}-{i}"
            view.panels.append(steps_panel(name, title, keys, lines, labels))


def _table(material: Material, view: _View) -> Table:
    """Return clips, score before and gains: SNRs across, systems down."""
    keys = sorted({float(part.key) for _, _, parts in view.sets for part in parts})
    groups = []
    for testset, metric, parts in view.sets:
        at, places = {float(part.key): part for part in parts}, decimals(metric)
        counts = [Cell(str(at[key].n) if key in at else "") for key in keys]
        before = [Cell(number(at[key].noisy.mean, places) if key in at else "") for key in keys]
        lines = [
            [Cell("clips"), Cell(), *counts],
            [Cell("score unprocessed"), Cell(), *before],
        ]
        for variant in (v for v in material.scores.variants(testset) if v.kind != "noisy"):
            gains = [gain_cell(at[key], variant, places) if key in at else Cell() for key in keys]
            lines.append([*name_cells(variant), *gains])
        groups.append(Group(part_title(testset, metric), rows(lines)))
    columns = (SYSTEM, PERCENT, *(Column(view.name_of(key)) for key in keys))
    return without_empty(Table(view.caption, columns, tuple(groups), "Test set"))


def _exact_name(key: float) -> str:
    return f"{key:g} dB"


def _step_name(key: float) -> str:
    return f"{key - STEP / 2:g} to {key + STEP / 2:g} dB"
