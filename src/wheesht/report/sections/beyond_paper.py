"""What the D-GRU paper does not print beside its table: measured time, and the training."""

from wheesht.report.digits import number
from wheesht.report.document import Cell, Column, Group, Table, rows
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import models
from wheesht.report.numbers.networks import DENSE
from wheesht.report.numbers.scores import Variant
from wheesht.report.numbers.times import Time
from wheesht.report.sections.cells import (
    MILLION,
    PERCENT,
    SYSTEM,
    name_cells,
    without_empty,
)

TIMES = (
    Column("Time per hop", "\u00b5s", "lower"),
    Column("of P = 100", "%", "lower"),
    Column("GRU layers alone", "\u00b5s", "lower"),
    Column("of P = 100", "%", "lower"),
    Column("RTF", better="lower"),
)


def beyond_table(material: Material) -> Table | None:
    """Return training and measured time of every setting; None where no model has either."""
    columns = (
        SYSTEM,
        PERCENT,
        Column("Executed", "MMAC/s", "lower"),
        Column("Audio seen in training", "h"),
        Column("Updates"),
        Column("Training", "min"),
        *TIMES,
    )
    seen: dict[Variant, list[Cell]] = {}
    for testset in material.scores.testsets:
        for settings in models(material.scores, testset).values():
            for variant in settings:
                if variant not in seen:
                    seen[variant] = _row(material, testset, settings[0], variant)
    order = [variant for variant in material.scores.all_variants if variant in seen]
    if not any(cell.text for variant in order for cell in seen[variant][3:]):
        return None
    caption = "Beside every row what the paper does not print: training, and measured time"
    groups = (Group("", rows(seen[variant] for variant in order)),)
    return without_empty(Table(caption, columns, groups))


def _row(material: Material, testset: str, dense: Variant, variant: Variant) -> list[Cell]:
    training = material.network(variant).training
    executed = material.scores.executed_macs(testset, variant)
    counted = [material.scores.executed_macs(testset, v) for v in (dense, variant)]
    time = material.times.of_model(variant, executed)
    pair = None
    if dense.update_percent == DENSE:
        pair = material.times.of_pair((dense, variant), counted)
    return [
        *name_cells(variant),
        Cell(number(executed / MILLION, 2) if executed else ""),
        Cell(number(training.audio_hours, 1)),
        Cell("" if training.updates is None else str(training.updates)),
        Cell(number(training.minutes, 0)),
        *_time_cells(time, pair),
    ]


def _time_cells(time: Time | None, pair: tuple[Time, Time] | None) -> list[Cell]:
    if time is None:
        return [Cell()] * len(TIMES)
    whole = recurrent = None
    if pair is not None:
        dense, here = pair
        whole = 100 * here.rtf / dense.rtf
        if dense.us_recurrent_median and here.us_recurrent_median:
            recurrent = 100 * here.us_recurrent_median / dense.us_recurrent_median
    return [
        Cell(number(time.us_per_hop, 1)),
        Cell(number(whole, 0)),
        Cell(number(time.us_recurrent_median, 1)),
        Cell(number(recurrent, 0)),
        Cell(number(time.rtf, 4)),
    ]
