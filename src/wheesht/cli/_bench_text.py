"""What `wheesht bench` prints for people, from the document that it prints for programs."""

from collections.abc import Sequence
from typing import Any

HEADS = ("us/hop", "p99", "worst", "network", "recurrent", "ratio", "real time", "MMAC/s")
BUSY_SHARE = 0.95  # of the core; with less of it, wall times of single hops hold the waits


def as_text(document: dict[str, Any]) -> str:
    """Return the tables: rows, layers, fresh processes, instructions."""
    lines = [
        f"{document['machine']}; engine against reference: error {document['gate']['error_db']} "
        f"dB below the output at worst"
    ]
    if document["rows"]:
        lines += ["", *_rows(document), "", *_layers(document["rows"])]
    if document["cold_start"]:
        lines += ["", *_processes(document["cold_start"], document["memory"])]
    if document["instructions"]:
        lines += ["", *_instructions(document["instructions"])]
    return "\n".join(lines)


def notes(document: dict[str, Any]) -> list[str]:
    """Return what a reader must know beside the numbers, a sentence each."""
    sentences = [f"skipped: {sentence}" for sentence in document["skipped"]]
    conditions = document["conditions"]
    if document["rows"] and conditions["core_share"] < BUSY_SHARE:
        sentences.append(
            f"other programs took {100 * (1 - conditions['core_share']):.0f} % of the core; "
            f"medians and ratios leave that out, us_hop_p99 and us_hop_worst hold it"
        )
    if not document["quiet"]:
        sentences.append(
            f"the slowest run took {document['slowest_run_over_fastest']} times the fastest: "
            f"ratios hold, repeat before quoting times"
        )
    return sentences


def _rows(document: dict[str, Any]) -> list[str]:
    how = document["conditions"]
    core = "" if how["core"] is None else f" on core {how['core']}"
    cpu = any(row["cpu_us_hop_p99"] is not None for row in document["rows"])
    tail = "cpu_us_hop" if cpu else "us_hop"
    table = [("", "P", *HEADS)]
    for row in document["rows"]:
        macs = row["executed_macs"]
        table.append(
            (
                " ".join(filter(None, (row["backend"], row["model"], row["isa"]))),
                f"{row['update_percent']:g}",
                _number(row["us_hop_median"], 2),
                _number(row[f"{tail}_p99"], 2),
                _number(row[f"{tail}_worst"], 1),
                _number(row["us_network_median"], 2),
                _number(row["us_recurrent_median"], 2),
                _number(row["ratio"], 3),
                f"{1 / row['rtf']:.0f}x",
                _number(None if macs is None else macs / 1e6, 2),
            )
        )
    return [
        f"One thread{core}, medians of {how['runs']} runs of {how['hops']} hops in turns that "
        f"spread by {how['spread']:.2f}; p99 and worst in {'CPU' if cpu else 'wall'} time",
        *_aligned(table),
    ]


def _layers(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a table per model at its first instruction set: layers down, percentages across."""
    engine = [row for row in rows if row["layers"]]
    lines = []
    for model in dict.fromkeys(row["model"] for row in engine):
        isa = next(row["isa"] for row in engine if row["model"] == model)
        own = [row for row in engine if (row["model"], row["isa"]) == (model, isa)]
        heads = [f"P = {row['update_percent']:g}" for row in own]
        table = [(f"us per hop in {model} {isa}", *heads)]
        for i, layer in enumerate(own[0]["layers"]):
            cells = [row["layers"][i] for row in own]
            times = [f"{c['us_median']:.2f}{100 * c['share']:4.0f} %" for c in cells]
            table.append((f"  {layer['name']}: {layer['type']}", *times))
        lines += [*_aligned(table), *_roofline(own)]
    return lines


def _roofline(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Say how near the layers of one model come to a plain read of their weights."""
    layers = [sum(layer["us_median"] for layer in row["layers"][:-1]) for row in rows]
    shares = [row["us_read_median"] / us for row, us in zip(rows, layers, strict=True)]
    return _aligned(
        [
            ("weights of a hop", *(f"P = {row['update_percent']:g}" for row in rows)),
            ("* bytes", *(f"{row['weight_bytes_hop']:,}" for row in rows)),
            ("* us of a plain read", *(f"{row['us_read_median']:.2f}" for row in rows)),
            ("* read over layers", *(f"{100 * share:.0f} %" for share in shares)),
        ]
    )


def _processes(cold: dict[str, Any], memory: dict[str, Any]) -> list[str]:
    lines = [f"fresh process, median of {cold['starts']}: python {cold['python_ms']:.0f} ms, "
             f"with numpy {cold['numpy_ms']:.0f} ms"]  # fmt: skip
    for start, peak in zip(cold["rows"], memory["rows"], strict=True):
        line = (
            f"  {start['model']}: first hop of output after {start['first_hop_ms']:.0f} ms "
            f"({start['own_ms']:.0f} ms on top of numpy)"
        )
        if peak["peak_bytes"] is not None:
            line += (
                f"; peak of memory {peak['peak_bytes'] / 1e6:.1f} MB "
                f"({peak['own_bytes'] / 1e6:.1f} MB on top of numpy)"
            )
        lines.append(line)
    return lines


def _instructions(counts: Sequence[dict[str, Any]]) -> list[str]:
    table = [("instructions per hop", "P", "", "per MAC")]
    for count in counts:
        table.append(
            (
                f"  {count['model']} {count['isa']}",
                f"{count['update_percent']:g}",
                f"{count['per_hop']:,.0f}",
                f"{count['per_hop'] / count['macs_per_hop']:.3f}",
            )
        )
    return _aligned(table)


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose first column is flush left and whose others are flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        f"{label:<{widths[0]}}"
        + "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths[1:], strict=True))
        for label, *cells in table
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
