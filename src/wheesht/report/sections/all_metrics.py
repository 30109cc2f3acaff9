"""Every metric of every variant on every test set."""

from wheesht.report.document import Group, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import best
from wheesht.report.sections.cells import (
    PERCENT,
    SYSTEM,
    metric_column,
    name_cells,
    score_cell,
    set_title,
    without_empty,
)
from wheesht.report.words import words

# Tables of a page's width; a metric that is in none of them comes last.
TABLES = {
    "Overall quality, compared with the clean speech": (
        "pesq_wb",
        "pesq_nb",
        "csig",
        "cbak",
        "covl",
    ),
    "Intelligibility and fidelity of the signal": (
        "stoi",
        "estoi",
        "si_sdr",
        "si_snr",
        "sdr",
        "seg_snr",
    ),
    "Judged without the clean speech": (
        "dnsmos_ovrl",
        "dnsmos_sig",
        "dnsmos_bak",
        "dnsmos_p808",
        "lufs",
    ),
}


def all_metrics(material: Material) -> Section:
    """Return tables of all metrics."""
    scored = material.scores.metrics()
    placed = {metric for metrics in TABLES.values() for metric in metrics}
    wanted = {caption: [m for m in metrics if m in scored] for caption, metrics in TABLES.items()}
    wanted["Other measures"] = [metric for metric in scored if metric not in placed]
    tables = [_table(material, caption, m) for caption, m in wanted.items() if m]
    return Section("measures", "Every measure", (*words("all_metrics"), *tables))


def _table(material: Material, caption: str, metrics: list[str]) -> Table:
    groups = []
    for testset in material.scores.testsets:
        winners = {metric: best(material.scores, testset, metric) for metric in metrics}
        table = [
            [
                *name_cells(variant),
                *(
                    score_cell(material, testset, variant, m, strong=winners[m] == variant)
                    for m in metrics
                ),
            ]
            for variant in material.scores.variants(testset)
        ]
        groups.append(Group(set_title(material.scores, testset), rows(table)))
    columns = (SYSTEM, PERCENT, *(metric_column(metric) for metric in metrics))
    return without_empty(Table(caption, columns, tuple(groups), "Test set"))
