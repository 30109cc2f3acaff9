"""`wheesht bench`: what the engine costs in time and memory, beside others."""

import json
from pathlib import Path

import click

from wheesht.cli._bench_text import as_text, notes
from wheesht.cli._run import progress_bar
from wheesht.cli.cost import USUAL_PERCENTS, percents

MIN_RUNS, MIN_HOPS = 5, 60


def _names(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    """Read a list such as ``torch,webrtc``."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.command(short_help="Measure time per hop, after checking the result.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--update-percent",
    "update_percents",
    callback=percents,
    metavar="P[,P...]",
    help="Settings of the dial, one row each.  [default: those of 100,75,50,25 that a model has]",
)
@click.option(
    "--against",
    callback=_names,
    default="",
    metavar="NAME[,NAME]",
    help="Other runtimes (onnxruntime, torch), other denoisers (webrtc, speexdsp, rnnoise, "
    "dtln, dtln_int8, nsnet2, gtcrn, noisereduce), or all. One that is not there is skipped.",
)
@click.option(
    "--rival-files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with the models of dtln, dtln_int8, nsnet2 and gtcrn, or a librnnoise.so.",
)
@click.option(
    "--isa",
    "isas",
    callback=_names,
    default="",
    metavar="NAME[,NAME]",
    help="Instruction sets, or all; default the best of this machine.",
)
@click.option(
    "--runs", type=click.IntRange(MIN_RUNS), default=15, show_default=True, help="Runs of each."
)
@click.option(
    "--hops", type=click.IntRange(MIN_HOPS), default=300, show_default=True, help="Hops a run."
)
@click.option(
    "--max-spread",
    type=click.FloatRange(1.0, min_open=True),
    default=1.1,
    show_default=True,
    help="By how much runs may differ before the machine counts as too busy.",
)
@click.option("--times/--no-times", default=True, help="Whether to time hops.")
@click.option(
    "--processes/--no-processes", default=True, help="Whether to measure fresh processes."
)
@click.option("--instructions", is_flag=True, help="Count instructions too; needs valgrind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    models: tuple[str, ...],
    update_percents: tuple[float, ...] | None,
    against: tuple[str, ...],
    rival_files: Path | None,
    isas: tuple[str, ...],
    runs: int,
    hops: int,
    max_spread: float,
    times: bool,
    processes: bool,
    instructions: bool,
    as_json: bool,
) -> None:
    r"""Time MODEL (or several) hop by hop on one core, in microseconds.

    Whatever is timed is compared with the reference first; a wrong engine or rival is not timed.
    All rows take turns, each figure is the median over the runs, and when the runs differ too
    much, nothing is printed. The engine's hop holds everything from samples to samples; other
    runtimes run the network alone, every unit, which favours them. Time from process to first
    output, peak memory and time per layer come with it.

    \b
    Example:
      wheesht bench default --update-percent 100,50 --against onnxruntime,torch
    """
    from wheesht.bench.stream import Conditions, bench
    from wheesht.spec.bundle import Bundle, read_bundle

    bundles: dict[str, Bundle] = {}
    for model in models or ("default",):
        bundle = read_bundle(model)
        known = bundles.get(bundle.spec.name, bundle)
        bundles[bundle.spec.name if known.sha256 == bundle.sha256 else model] = bundle
    if update_percents is None:
        dials = [bundle.spec.update_percent for bundle in bundles.values()]
        usual = [p for p in USUAL_PERCENTS if any(d.min <= p <= d.max for d in dials)]
        update_percents = tuple(usual) or (dials[0].default,)
    conditions = Conditions(runs, hops, max_spread, times, processes, instructions)
    with progress_bar(runs if times else 0, f"{runs} runs") as advance:
        document = bench(
            bundles, update_percents, against, isas or ("",), conditions, advance, rival_files
        ).to_dict()
    click.echo(json.dumps(document, indent=2) if as_json else as_text(document))
    for sentence in notes(document):
        click.echo(sentence, err=True)
