"""Mean gain over the unprocessed input by kind of noise."""

from wheesht.report.charts.rows import Row, rows_panel
from wheesht.report.document import Block, Column, Figure, Group, Panel, Section, Table
from wheesht.report.material import Material
from wheesht.report.numbers.breakdown import Part, breakdown, noise_kind
from wheesht.report.sections.cells import (
    MANY_ROWS,
    label_of,
    part_columns,
    part_group,
    unit_of,
    without_empty,
)
from wheesht.report.words import words

LEAST_CLIPS = 2  # of a kind; one clip has no mean to speak of
MOST_SERIES = 2  # dots in a row of the drawing


def noise_kinds(material: Material) -> Section | None:
    """Return gains by kind of noise; None where no two clips share a kind."""
    panels: list[Panel] = []
    groups: list[Group] = []
    for i, testset in enumerate(material.scores.testsets):
        metric = material.metric_of(testset)
        if metric is None:
            continue
        parts = breakdown(material.scores, testset, metric, noise_kind, least=LEAST_CLIPS)
        parts = tuple(sorted(parts, key=lambda part: -part.mean_gain))
        if parts:
            groups.append(part_group(material, testset, metric, parts, lambda p: str(p.key)))
            panels.append(_panel(material, f"kinds{i}", testset, metric, parts))
    if not groups:
        return None
    blocks: list[Block] = list(words("noise_kinds"))
    blocks.append(Figure(tuple(panels), "Mean gain and 95 % interval, best kind first.", wide=True))
    columns = (Column("Noise", is_number=False), *part_columns(material))
    count = sum(len(group.rows) for group in groups)
    table = Table(
        "Gain by kind of noise, best first",
        columns,
        tuple(groups),
        "Test set",
        folded=count > MANY_ROWS,
    )
    blocks.append(without_empty(table))
    return Section("noise", "Gain by kind of noise", tuple(blocks))


def _panel(
    material: Material, anchor: str, testset: str, metric: str, parts: tuple[Part, ...]
) -> Panel:
    """Draw the highest and the lowest setting of the first system."""
    here = [v for v in material.scores.variants(testset) if v.kind != "noisy"]
    settings = [v for v in here if v.name == here[0].name]
    shown = list(dict.fromkeys((settings[0], settings[-1])))[:MOST_SERIES]
    entries = [
        Row(
            f"{part.key} ({part.n})",
            tuple(part.gains[v][0] if v in part.gains else None for v in shown),
        )
        for part in parts
    ]
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    label = f"gain in {label_of(metric)}{unit}"
    return rows_panel(anchor, testset, [v.label for v in shown], entries, label)
