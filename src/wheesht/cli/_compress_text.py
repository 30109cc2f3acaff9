"""The table that `wheesht compress` prints: layers, what they weigh and what they do."""

import math
import shlex
from typing import Any

import click

from wheesht.cli._text import say

HEADINGS = ("layer", "type", "dtype", "bytes", "now", "error below output", "beyond range")
TEXT_COLUMNS = 3  # of the table, the others are numbers
EXPLANATION = (
    "Error below output: with integers in that layer alone, both models choosing their units",
    "freely; the less, the more it hurts. Beyond range: inputs that are limited.",
)


def print_facts(facts: dict[str, Any], model: str) -> None:
    """Print what there is to say about a model that was made of the one named."""
    size, heard = facts["weight_bytes"], facts["calibration"]
    signals = "signals made for it"
    if heard["signals"] == "recordings":
        plural = "" if heard["files"] == 1 else "s"
        signals = f"recordings ({heard['files']} file{plural})"
    say(
        f"{facts['output']}: {facts['name']}, {size['after']:,} bytes of weights, "
        f"{size['before'] / size['after']:.2f} times fewer than {facts['source']['name']} "
        f"({size['before']:,})"
    )
    say(
        f"Calibrated on {heard['seconds']:.1f} s of {signals} at P = "
        f"{facts['update_percent']:g}; {_heard(facts)}."
    )
    click.echo()
    for line in _table(facts):
        click.echo(line)
    click.echo()
    for line in EXPLANATION:
        click.echo(line)
    if any(row["dtype"] != row["tried"] for row in facts["layers"]):
        click.echo("f32 (s8): the layer stays float; the error is what integers would do to it.")
    next_step = shlex.join(["wheesht", "evaluate", model, facts["output"], "--testset", "PATH"])
    say(f"Now compare them: {next_step}")


def _table(facts: dict[str, Any]) -> list[str]:
    """Return the layers, those first that hurt most, and all of them together."""
    rows = sorted(facts["layers"], key=lambda row: _sortable(row["below_db"]))
    size = [sum(row[key] for row in rows) for key in ("bytes_before", "bytes_after")]
    cells: list[tuple[str, ...]] = [HEADINGS]
    cells += [
        (
            row["name"],
            row["type"],
            row["dtype"] if row["dtype"] == row["tried"] else f"{row['dtype']} ({row['tried']})",
            f"{row['bytes_before']:,}",
            f"{row['bytes_after']:,}",
            _below(row["below_db"], facts),
            f"{100 * row['beyond_range']:.3f} %" if facts["report_seconds"] else "not measured",
        )
        for row in rows
    ]
    whole = _below(facts["below_db"], facts)
    cells.append(("together", "", "", *(f"{n:,}" for n in size), whole, ""))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < TEXT_COLUMNS else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _heard(facts: dict[str, Any]) -> str:
    """Say on how much errors were measured; without any output there is none to be measured."""
    if not facts["report_seconds"]:
        return "errors not measured: the part kept for them is silent"
    return f"errors on {facts['report_seconds']:.1f} s of others"


def _below(value: float | None, facts: dict[str, Any]) -> str:
    if value is None:
        return "no error" if facts["report_seconds"] else "not measured"
    return f"{value:.1f} dB"


def _sortable(value: float | None) -> float:
    return math.inf if value is None else value
