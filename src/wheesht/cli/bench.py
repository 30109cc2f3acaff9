"""`wheesht bench`: time per hop of the engine, beside other runtimes on the same weights."""

import json

import click

from wheesht.cli.cost import percents


@click.command(short_help="Measure time per hop, after checking the result.")
@click.argument("model", default="default")
@click.option(
    "--update-percent",
    "update_percents",
    callback=percents,
    default="100,75,50,25",
    show_default=True,
    metavar="P[,P...]",
    help="Settings of the dial, one row each.",
)
@click.option(
    "--against",
    default="",
    metavar="NAME[,NAME]",
    help="Other runtimes: onnxruntime, torch. One that is not installed is skipped.",
)
@click.option("--isa", default="", metavar="NAME[,NAME]", help="Instruction sets; default best.")
@click.option("--runs", type=click.IntRange(5), default=7, show_default=True, help="Turns each.")
@click.option("--hops", type=click.IntRange(50), default=300, show_default=True, help="Hops a run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    model: str,
    update_percents: tuple[float, ...],
    against: str,
    isa: str,
    runs: int,
    hops: int,
    as_json: bool,
) -> None:
    r"""Time MODEL hop by hop on one thread, in microseconds.

    The engine is first compared with the reference; a wrong engine is not timed. All rows take
    turns, and each figure is the median over the runs. The engine's hop holds everything from
    samples to samples; the other runtimes run the network alone, every unit, which favours them.

    \b
    Example:
      wheesht bench default --update-percent 100,50 --against onnxruntime,torch
    """
    from wheesht.bench.stream import bench
    from wheesht.spec.bundle import read_bundle

    result = bench(
        read_bundle(model),
        update_percents,
        tuple(name for name in against.split(",") if name),
        tuple(isa.split(",")),
        runs,
        hops,
    ).to_dict()
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"{result['machine']}, one thread, {runs} runs of {hops} hops in turn, medians")
    click.echo(f"engine against reference: error {result['gate']['error_db']} dB below the output")
    head = ("us/hop", "p99", "recurrent", "real time", "MMAC/s")
    click.echo(f"{'':<28}{'P':>5}" + "".join(f"{name:>11}" for name in head))
    for row in result["rows"]:
        label = f"{row['backend']} {row['dtype']} {row['isa']}"
        macs = "-" if row["executed_macs"] is None else f"{row['executed_macs'] / 1e6:.2f}"
        click.echo(
            f"{label:<28}{row['update_percent']:>5g}{row['us_hop_median']:>11.2f}"
            f"{row['us_hop_p99']:>11.2f}{row['us_recurrent_median']:>11.2f}"
            f"{1 / row['rtf']:>10.0f}x{macs:>11}"
        )
    for sentence in result["skipped"]:
        click.echo(f"skipped: {sentence}", err=True)
    if not result["quiet"]:
        click.echo(
            f"the machine was busy: slowest run {result['slowest_run_over_fastest']} times the "
            f"fastest; repeat before quoting",
            err=True,
        )
