"""Mean gain over the unprocessed input by input SNR."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wheesht.report.charts.steps import steps_panel
from wheesht.report.document import Block, Column, Figure, Group, Panel, Section, Table
from wheesht.report.material import Material
from wheesht.report.numbers.breakdown import PAPER_SNRS, STEP, Part, breakdown, paper_snr, snr_step
from wheesht.report.sections.cells import label_of, part_columns, part_group, unit_of, without_empty
from wheesht.report.words import words

MOST_LINES = 6  # in a drawing; more cannot be told apart


@dataclass
class _View:
    """One way of cutting test sets by SNR: its drawings and the groups of its table."""

    caption: str
    name_of: Callable[[Part], str]
    panels: list[Panel] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


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
    views = [view for view in (exact, steps) if view.groups]
    if not views:
        return None
    blocks: list[Block] = list(words("snr", has_paper=bool(exact.groups)))
    for view in views:
        if view.panels:
            blocks.append(Figure(tuple(view.panels), f"{view.caption}: mean and 95 % interval."))
        columns = (Column("Input SNR", "dB"), *part_columns(material))
        table = Table(view.caption, columns, tuple(view.groups), "Test set")
        blocks.append(without_empty(table))
    return Section("snr", "Gain by input SNR", tuple(blocks))


def _add(
    view: _View,
    material: Material,
    anchor: str,
    testset: str,
    metric: str,
    parts: tuple[Part, ...],
) -> None:
    view.groups.append(part_group(material, testset, metric, parts, view.name_of))
    processed = [v for v in material.scores.all_variants if v.kind != "noisy"][:MOST_LINES]
    here = [v for v in processed if v in material.scores.variants(testset)]
    lines = [
        (v.label, [part.gains[v][0] if v in part.gains else None for part in parts]) for v in here
    ]
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    labels = ("input SNR, dB", f"gain in {label_of(metric)}{unit}")
    keys = [float(part.key) for part in parts]
    if len(keys) > 1 and lines:
        view.panels.append(steps_panel(anchor, testset, keys, lines, labels))


def _exact_name(part: Part) -> str:
    return f"{part.key:g}"


def _step_name(part: Part) -> str:
    middle = float(part.key)
    return f"{middle - STEP / 2:g} to {middle + STEP / 2:g}"
