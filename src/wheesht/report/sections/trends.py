"""The trends of the D-GRU paper, each confirmed, contradicted or left undecided by the scores."""

from wheesht.report.digits import number, p_value
from wheesht.report.document import Block, Cell, Column, Group, Items, Section, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import LEVEL
from wheesht.report.numbers.paper import paper_results
from wheesht.report.numbers.trends import (
    CONFIRMED,
    CONTRADICTED,
    METRIC,
    ORDER,
    UNDECIDED,
    Case,
    Trend,
    trends,
)
from wheesht.report.sections.cells import difference_cell, margin_phrase, without_empty
from wheesht.report.words import words

PAPER_PLACES = 2  # decimals that the paper prints PESQ with


def paper_trends(material: Material) -> Section | None:
    """Return verdicts and the numbers behind them; None for fewer than two of the hosts."""
    hosts = {network.host for network in material.networks.values()} & set(ORDER)
    if len(hosts) < 2:  # the tests of pairs say all about the dial of one
        return None
    margin = material.margin_of(METRIC)
    found = trends(material.scores, material.networks, margin)
    if not any(trend.cases for trend in found):
        return None
    blocks: list[Block] = list(
        words(
            "paper_trends",
            margin=margin_phrase(METRIC, margin),
            level=LEVEL,
            citation=paper_results().citation,
        )
    )
    blocks.append(Items(tuple(_sentence(i, trend) for i, trend in enumerate(found, start=1))))
    blocks.append(_table(material, found))
    return Section("trends", "The trends of the D-GRU paper", tuple(blocks))


def _sentence(i: int, trend: Trend) -> str:
    if not trend.cases:
        return f"Trend {i}. {trend.claim}: not judged, the study has no scores that bear on it."
    counts = ", ".join(
        f"{verdict} in {trend.count(verdict)}" for verdict in (CONFIRMED, CONTRADICTED, UNDECIDED)
    )
    one = "comparison" if len(trend.cases) == 1 else "comparisons"
    return f"Trend {i}. {trend.claim}: {trend.verdict} (of {len(trend.cases)} {one} {counts})."


def _table(material: Material, found: tuple[Trend, ...]) -> Table:
    columns = (
        Column("First", is_number=False),
        Column("Second", is_number=False),
        Column("Test set", is_number=False),
        Column("n"),
        Column("Difference in PESQ-WB, first minus second"),
        Column("Wilcoxon, corrected"),
        Column(f"Equal within \u00b1{material.margin_of(METRIC):g}, corrected"),
        Column("The paper's difference"),
        Column("Verdict", is_number=False),
    )
    groups = [
        Group(f"Trend {i}", rows(_row(case) for case in trend.cases))
        for i, trend in enumerate(found, start=1)
        if trend.cases
    ]
    caption = "The comparisons behind the verdicts"
    return without_empty(Table(caption, columns, tuple(groups), "Trend"))


def _row(case: Case) -> list[Cell]:
    contrast = case.contrast
    snr = "" if case.snr_db is None else f", {case.snr_db:g} dB"
    p_values = (contrast.p_wilcoxon, contrast.p_equivalence)
    return [
        Cell(contrast.first.label),
        Cell(contrast.second.label),
        Cell(f"{case.testset}{snr}"),
        Cell(str(contrast.n)),
        difference_cell(contrast, METRIC),
        *(Cell(p_value(p), strong=p < LEVEL) for p in p_values),
        Cell(number(case.paper, PAPER_PLACES, sign=True)),
        Cell(case.verdict, strong=case.verdict != UNDECIDED),
    ]
