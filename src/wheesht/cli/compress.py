"""`wheesht compress`: a smaller model from a trained one."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wheesht.audio.atomic import AtomicTarget
from wheesht.audio.opening import STANDARD
from wheesht.cli._compress_text import print_facts
from wheesht.cli._run import progress_bar
from wheesht.endings import tidy_on_termination
from wheesht.errors import BundleError, SpecError
from wheesht.spec.bundle import Bundle, read_bundle, write_bundle
from wheesht.spec.cost import weight_bytes
from wheesht.spec.integers import Dtype
from wheesht.spec.shapes import require_name

if TYPE_CHECKING:
    from wheesht.compress.material import Material
    from wheesht.compress.post_training import Compressed

DTYPES: dict[str, Dtype] = {"f32": "f32", "s8": "s8", "s16": "s16"}
DEFAULT_MINUTES = 2.0


def _choices(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, Dtype]:
    """Read ``NAME=DTYPE`` for each of several layers."""
    chosen: dict[str, Dtype] = {}
    for text in texts:
        name, _sign, dtype = text.partition("=")
        if not name or dtype not in DTYPES:
            raise click.BadParameter(f"{text!r} is not NAME=f32, NAME=s8 or NAME=s16")
        if name in chosen:
            raise click.BadParameter(f"layer {name!r} is there twice")
        chosen[name] = DTYPES[dtype]
    return chosen


@click.command(short_help="Make a trained model smaller and faster: integers of 8 bits.")
@click.argument("model")
@click.option("--int8", "integers", is_flag=True, help="Layers of integers; the only method yet.")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new bundle, a .safetensors file.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option(
    "--calibrate",
    "recordings",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Noisy recordings like those to come, a file or a folder, any rate. Repeatable."
    "  [default: signals made for it]",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="M",
    help=f"Of the recordings, at most.  [default: {DEFAULT_MINUTES:g}]",
)
@click.option(
    "--layer",
    "layers",
    metavar="NAME=DTYPE",
    multiple=True,
    callback=_choices,
    help="f32, s8 or s16 for one layer. Repeatable.  [default: s8 where it can be]",
)
@click.option("--name", metavar="NAME", help="Of the new model.  [default: the old one's, -int8]")
@click.option(
    "--update-percent",
    type=float,
    metavar="P",
    help="Dial while it is calibrated.  [default: the model's own]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(model: str, integers: bool, output: Path, as_json: bool, **options: Any) -> None:
    r"""Make MODEL, a shipped name or a bundle of floats, smaller and faster.

    With --int8 weights become integers of 8 bits, and so do the inputs of layers, on scales that
    are found by listening to recordings, or to signals that are made for it: no training, no clean
    speech. The result is a bundle that runs like any other.

    The report says which layer's integers hurt the output, and by how much.

    \b
    Example:
      wheesht compress default-float --int8 -o default-int8.safetensors
    """
    if not integers:
        raise click.UsageError("nothing to do: say how, with --int8.")
    if str(output) == STANDARD or (output.exists() and not output.is_file()):
        raise click.UsageError(f"{str(output)!r} cannot hold a bundle; give -o a file's name.")
    if options["minutes"] and not options["recordings"]:
        raise click.UsageError("--minutes is about recordings; name some with --calibrate.")
    bundle = read_bundle(model)
    if output.exists() and Path(model).exists() and output.samefile(model):
        raise click.UsageError(f"-o {output} is MODEL, whose floats would be lost; choose another.")
    name = f"{bundle.spec.name}-int8" if options["name"] is None else options["name"]
    _require_name(name)
    dtypes = _dtypes(bundle, options["layers"])

    # Imported before anything is written: numpy.random, while it is being imported, drops a Ctrl-C.
    from wheesht.compress.material import synthesised
    from wheesht.compress.recordings import recorded

    with tidy_on_termination():
        target = AtomicTarget(output, options["overwrite"])
        try:
            partial = target.create()
            paths, minutes = options["recordings"], options["minutes"] or DEFAULT_MINUTES
            material = recorded(paths, minutes) if paths else synthesised()
            done = _compress(bundle, material, dtypes, name, options["update_percent"])
            _write(partial, done.bundle, output)
            target.commit()
        finally:
            target.discard()
    facts = _facts(output, bundle, done)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        print_facts(facts, model)


def _write(partial: Path, bundle: Bundle, output: Path) -> None:
    try:
        write_bundle(partial, bundle.spec, bundle.tensors)
    except OSError as error:
        raise BundleError(f"{output}: cannot be written ({error.strerror or error})") from error


def _require_name(name: str) -> None:
    try:
        require_name(name, "--name")
    except SpecError as error:
        raise click.UsageError(f"{error}.") from None


def _dtypes(bundle: Bundle, chosen: dict[str, Dtype]) -> dict[str, Dtype]:
    """Return the type of every layer that can be of integers; refuse what a layer cannot have."""
    from wheesht.compress.quantize import integer_layers, integer_spec

    dtypes = dict.fromkeys(integer_layers(bundle), DTYPES["s8"]) | chosen
    try:
        integer_spec(bundle, dtypes)
    except SpecError:  # of types, since the layers are known: a GRU's inputs have 8 bits
        kinds = {layer.name: layer.type for layer in bundle.spec.layers}
        wrong = next(n for n, d in chosen.items() if d == "s16" and kinds[n] == "gru")
        raise click.UsageError(f"--layer {wrong}=s16: a gru layer is f32 or s8.") from None
    return dtypes


def _compress(
    bundle: Bundle,
    material: "Material",
    dtypes: dict[str, Dtype],
    name: str,
    percent: float | None,
) -> "Compressed":
    from wheesht.compress.post_training import n_steps, quantize_after_training

    with progress_bar(n_steps(bundle, material), bundle.spec.name) as advance:
        return quantize_after_training(bundle, material, dtypes, name, percent, lambda: advance(1))


def _facts(output: Path, bundle: Bundle, done: "Compressed") -> dict[str, Any]:
    """Return what ``--json`` prints; keys are stable."""
    new, errors = done.bundle, done.errors
    note = new.spec.provenance["quantisation"]
    return {
        "output": os.fspath(output),
        "name": new.spec.name,
        "sha256": new.sha256,
        "source": note["source"],
        "update_percent": note["update_percent"],
        "calibration": note["calibration"],
        "weight_bytes": {"before": weight_bytes(bundle.spec), "after": weight_bytes(new.spec)},
        "layers": [asdict(error) for error in errors.layers],
        "below_db": errors.below_db,
        "report_seconds": errors.seconds,
    }
