"""Print the README's table of the shipped models: cost and quality at four positions of the dial.

    python benchmarks/model_table.py $WHEESHT_DATA/testsets/dnslike.tsv [--study DIR] [--jobs N]

The study is as `wheesht evaluate` keeps it: cut off, the same command goes on, and what has been
scored is not scored again.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

MODELS = ("default", "small", "gru")
UPDATE_PERCENTS = "100,75,50,25"
METRICS = {"pesq_wb": 3, "estoi": 3, "si_sdr": 1}  # digits after the point
HEADER = "| | P | MMAC/s | PESQ-WB | ESTOI | SI-SDR, dB |\n| --- | --- | --- | --- | --- | --- |"


def row_of_table(row: dict[str, str]) -> str:
    """Return a line of the table for a row of ``summary.csv``."""
    macs = f"{float(row['executed_macs']) / 1e6:.2f}" if row["executed_macs"] else ""
    cells = [f"`{row['system']}`" if macs else row["system"], row["update_percent"], macs]
    for name, digits in METRICS.items():
        mean, low, high = (float(row[name + end]) for end in ("", "_low", "_high"))
        cells.append(f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("testset", help="table or folder, see wheesht evaluate")
    parser.add_argument("--study", type=Path, default=Path("study"), help="folder; default study")
    parser.add_argument("--jobs", default="0", help="processes; default all cores")
    asked = parser.parse_args()
    command = [sys.executable, "-m", "wheesht", "evaluate"]
    command += [f"{model}:{UPDATE_PERCENTS}" for model in MODELS]
    command += ["--testset", asked.testset, "--metric", ",".join(METRICS)]
    subprocess.run(
        [*command, "-o", asked.study, "--jobs", asked.jobs], check=True, stdout=sys.stderr
    )
    with open(asked.study / "summary.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["testset"] == Path(asked.testset).stem]
    print("\n".join([HEADER, *map(row_of_table, rows)]))


if __name__ == "__main__":
    main()
