"""`wheesht cost`: parameters, bytes and MACs of a model, from its description alone."""

import json

import click

from wheesht.spec.bundle import read_bundle
from wheesht.spec.cost import Cost, MacSplit, model_cost
from wheesht.spec.model_spec import ModelSpec

USUAL_PERCENTS = (100.0, 75.0, 50.0, 25.0)  # the rows of the D-GRU paper's table


def percents(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Read a list such as ``100,50`` for an option of the dial."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a list of numbers with commas between, such as 100,50"
        ) from None


@click.command(short_help="Count parameters, bytes and MACs of a model.")
@click.argument("model", default="default")
@click.option(
    "--update-percent",
    "settings",
    callback=percents,
    metavar="P[,P...]",
    help="Settings of the dial, one row each.  [default: those of 100,75,50,25 that the model has]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(model: str, settings: tuple[float, ...] | None, as_json: bool) -> None:
    r"""Print what MODEL costs: parameters, bytes, MACs per second of audio.

    MODEL is a shipped name or a bundle file. Executed MACs are those of matrix products, as the
    engine counts them while it runs; the paper's convention is that of table 1 of the D-GRU
    paper, for comparison with published numbers.

    \b
    Example:
      wheesht cost default --update-percent 100,50
    """
    spec = read_bundle(model).spec
    dial = spec.update_percent
    if settings is None:
        usual = tuple(p for p in USUAL_PERCENTS if dial.min <= p <= dial.max)
        settings = usual or (dial.default,)
    costs = [model_cost(spec, percent) for percent in settings]
    if as_json:
        click.echo(json.dumps({"rows": [cost.to_dict() for cost in costs]}, indent=2))
    else:
        click.echo(_as_text(spec, costs))


def _as_text(spec: ModelSpec, costs: list[Cost]) -> str:
    first, columns = costs[0], f"{'recurrent':>9}{'other':>9}{'total':>9}"
    types = "" if spec.dtype == "f32" else f" ({spec.dtype})"
    weights = f"{first.weight_bytes:,} bytes of weights{types}"
    lines = [
        f"{spec.name}: {first.params:,} parameters, {weights}, "
        f"{first.state_bytes:,} bytes of state per stream",
        "",
        f"{'Million MACs per second:':<26}{'  executed':<30}  paper convention",
        f"{'update percent':<26}{columns}   {columns}",
    ]
    for cost in costs:
        lines.append(f"{cost.update_percent:<26g}{_cells(cost.strict)}   {_cells(cost.paper)}")
    return "\n".join(lines)


def _cells(split: MacSplit) -> str:
    return "".join(f"{macs / 1e6:9.2f}" for macs in (split.recurrent, split.other, split.total))
