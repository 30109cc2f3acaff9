"""Rivals on the same clips, beside ours."""

from dataclasses import replace

from wheesht.report.digits import number
from wheesht.report.document import Block, Cell, Column, Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import LEVEL, Contrast, against_rivals
from wheesht.report.numbers.peers import agreement
from wheesht.report.numbers.scores import Scores, Variant
from wheesht.report.numbers.times import Time
from wheesht.report.sections.cells import (
    MANY_ROWS,
    interval_cell,
    label_of,
    metric_column,
    name_cells,
    tested_cell,
    unit_of,
    without_empty,
)
from wheesht.report.words import words

SAME = 0.0001  # difference of two scores of one signal that rounding explains
TITLE = "Beside rivals on the same clips"
METRICS = ("pesq_wb", "estoi", "si_snr", "dnsmos_ovrl")  # as many as fit on a page


def rivals(material: Material) -> Section | None:
    """Return scores and paired differences; None where no rivals were asked for."""
    scores, peers = material.with_rivals, material.peers
    if scores is None or peers is None:
        return None
    theirs = {
        metric
        for (testset, variant), found in scores.rows.items()
        if variant.kind == "rival"
        for row in found.values()
        for metric in row.scores
    }
    ours = scores.metrics()
    wanted = dict.fromkeys((material.metric, *METRICS))
    metrics = [metric for metric in wanted if metric and metric in theirs and metric in ours]
    if not metrics:
        return Section("rivals", TITLE, words("no_rivals", folder=str(peers.folder)))
    agreements = [
        one
        for testset in scores.testsets
        for one in agreement(material.scores, peers, testset)
        if one.metric in metrics
    ]
    total = {testset: len(material.scores.clips[testset]) for testset in scores.testsets}
    blocks: list[Block] = list(
        words(
            "rivals",
            level=LEVEL,
            counts={t: (len(clips), total[t]) for t, clips in scores.clips.items() if clips},
            agreements=agreements,
            differing=[one for one in agreements if one.worst >= SAME],
            same=SAME,
            measures=list(dict.fromkeys(label_of(one.metric) for one in agreements)),
            label_of=label_of,
        )
    )
    blocks.append(_scores_table(material, scores, metrics))
    tables = (_difference_table(material, scores, metric) for metric in metrics)
    shown = [table for table in tables if table.groups]  # one clip in common is too few
    blocks += [replace(table, folded=table.folded and i > 0) for i, table in enumerate(shown)]
    return Section("rivals", TITLE, tuple(blocks))


def _scores_table(material: Material, scores: Scores, metrics: list[str]) -> Table:
    """Return means of ours and theirs, best first by the first metric that the set has."""
    columns = (
        Column("System", is_number=False),
        Column("P", "%"),
        Column("Whose", is_number=False),
        Column("n"),
        *(metric_column(metric) for metric in metrics),
        Column("Computing", "ms per s", "lower"),
    )
    groups = []
    for testset in scores.testsets:
        here = scores.metrics(testset)
        first = next((metric for metric in metrics if metric in here), metrics[0])
        variants = sorted(scores.variants(testset), key=lambda v: -_mean(scores, testset, v, first))
        table = []
        for variant in variants:
            time = _time(material, testset, variant)
            table.append(
                [
                    Cell(variant.name, strong=variant.kind in ("model", "folder")),
                    name_cells(variant)[1],
                    Cell(
                        {"rival": "rival", "noisy": "", "model": "ours"}.get(variant.kind, "files")
                    ),
                    Cell(str(len(scores.rows[testset, variant]))),
                    *(interval_cell(scores, testset, variant, metric) for metric in metrics),
                    Cell(number(time.ms_per_second, 1) if time else ""),
                ]
            )
        groups.append(Group(f"{testset}, best {label_of(first)} first", rows(table)))
    caption = "Mean and 95 % interval on the clips that both have"
    return without_empty(Table(caption, columns, tuple(groups), "Test set"))


def _difference_table(material: Material, scores: Scores, metric: str) -> Table:
    """Return ours minus each rival, a column for each variant of ours."""
    ours = [v for v in scores.all_variants if v.kind in ("model", "folder")]
    columns = (
        Column("Rival", is_number=False),
        Column("n"),
        *(Column(f"{variant.label}, minus rival", better="higher") for variant in ours),
    )
    groups = []
    for testset in scores.testsets:
        found = against_rivals(scores, testset, metric, material.margin_of(metric))
        pairs = {(contrast.second, contrast.first): contrast for contrast in found}
        names = dict.fromkeys(contrast.second for contrast in found)
        table = [
            [
                Cell(rival.name),
                Cell(_counts([pairs.get((rival, variant)) for variant in ours])),
                *(tested_cell(pairs.get((rival, variant)), metric) for variant in ours),
            ]
            for rival in names
        ]
        if table:
            groups.append(Group(testset, rows(table)))
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    caption = f"Difference in {label_of(metric)}{unit}: ours minus the rival, same clips"
    count = sum(len(group.rows) for group in groups)
    return Table(caption, columns, tuple(groups), "Test set", folded=count > MANY_ROWS)


def _mean(scores: Scores, testset: str, variant: Variant, metric: str) -> float:
    interval = scores.interval(testset, variant, metric)
    return interval.mean if interval else float("-inf")


def _time(material: Material, testset: str, variant: Variant) -> Time | None:
    if variant.kind == "rival":
        return material.times.of_rival(variant.system)
    macs = material.scores.executed_macs(testset, variant)
    return material.times.of_model(variant, macs)


def _counts(contrasts: list[Contrast | None]) -> str:
    """Return the number of clips, or the least and the most where they differ."""
    counts = sorted({contrast.n for contrast in contrasts if contrast})
    return " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
