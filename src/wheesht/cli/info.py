"""`wheesht info`: what a model is."""

import json
import textwrap
from dataclasses import asdict
from typing import Any

import click

from wheesht.spec.bundle import BEST_MODEL, DEFAULT_MODEL, Bundle, read_bundle, shipped_models
from wheesht.spec.layers import Layer
from wheesht.spec.shapes import Shape

LINE_LENGTH = 80
PROVENANCE_LABELS = {"audio_hours_seen": "hours", "training_data": "data"}


@click.command(short_help="Describe a model, or list the shipped ones.")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(model: str | None, as_json: bool) -> None:
    r"""Describe MODEL, a shipped model's name or a bundle file; without it, list shipped models.

    \b
    Example:
      wheesht info default --json
    """
    if model is not None:
        facts = describe(read_bundle(model))
        click.echo(json.dumps(facts, indent=2) if as_json else _as_text(facts))
        return
    models = [describe(read_bundle(name)) for name in shipped_models()]
    if as_json:
        names = {"default": DEFAULT_MODEL, "best": BEST_MODEL}
        click.echo(json.dumps(names | {"models": models}, indent=2))
    elif not models:
        click.echo("No models are shipped with this installation.")
    for facts in [] if as_json else models:
        roles = {"default": DEFAULT_MODEL, "best": BEST_MODEL}
        own = ", ".join(role for role, name in roles.items() if facts["name"] == name)
        mark = f" ({own})" if own else ""
        click.echo(f"{facts['name']}{mark}: {_summary(facts)}")


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return the facts about a model that ``info --json`` prints; keys are stable."""
    spec = bundle.spec
    dial = spec.update_percent
    shapes = (spec.features.output_shape, *spec.layer_shapes)
    stages = zip(spec.layers, shapes[:-1], shapes[1:], strict=True)
    return {
        "name": spec.name,
        "host": spec.host,
        "dtype": spec.dtype,
        "params": spec.params,
        "sample_rate": spec.sample_rate,
        "hop_length": spec.front_end.hop_length,
        "latency_samples": spec.latency_samples,
        "update_percent": {"default": dial.default, "min": dial.min, "max": dial.max},
        "layers": [_layer(layer, before, after) for layer, before, after in stages],
        "mask": asdict(spec.mask),
        "sha256": bundle.sha256,
        "provenance": spec.provenance,
    }


def _layer(layer: Layer, before: Shape, after: Shape) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": layer.name,
        "type": layer.type,
        "input_size": before.channels,
        "output_size": after.channels,
        "input_positions": before.positions,
        "output_positions": after.positions,
    }
    return facts | {key: v for key, v in asdict(layer).items() if key not in facts}


def _summary(facts: dict[str, Any]) -> str:
    dial = facts["update_percent"]
    latency_ms = 1000 * facts["latency_samples"] / facts["sample_rate"]
    return (
        f"{facts['host']} host, {facts['params'] / 1e6:.2f} M parameters ({facts['dtype']}), "
        f"{facts['sample_rate']} Hz, latency {latency_ms:g} ms, update percentage "
        f"{dial['default']:g} ({dial['min']:g} to {dial['max']:g})"
    )


def _as_text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['name']}: {_summary(facts)}"]
    cells = [
        (layer["name"], layer["type"], _shapes(layer), ", ".join(filter(None, _words(layer))))
        for layer in facts["layers"]
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    name, kind, sizes = (max(pair) for pair in zip((10, 7, 12), widths[:3], strict=True))
    for row in cells:
        line = f"  {row[0]:<{name}} {row[1]:<{kind}} {row[2]:<{sizes}} {row[3]}"
        lines.append(line.rstrip())
    lines.append(f"  mask       {_mask(facts['mask'])}")
    lines.append(f"  sha256     {facts['sha256']}")
    return "\n".join(lines + _provenance(facts["provenance"]))


def _shapes(layer: dict[str, Any]) -> str:
    before = Shape(layer["input_positions"], layer["input_size"])
    return f"{before} -> {Shape(layer['output_positions'], layer['output_size'])}"


def _words(layer: dict[str, Any]) -> tuple[str, str]:
    """Return what kind of its type a layer is, and its numbers where they are integers."""
    dtype = layer.get("dtype", "f32")
    return _kind(layer), "" if dtype == "f32" else dtype


def _kind(layer: dict[str, Any]) -> str:
    """Return what else there is to say about a layer, in a few words."""
    match layer["type"]:
        case "linear":
            return str(layer["activation"])
        case "gru":
            within = {"time": "", "both": ", up and down"}.get(layer["scan"], f", {layer['scan']}")
            return f"{layer['gate']}{within}"
        case "conv":
            return f"kernel of {layer['kernel_size']}"
        case "layer_norm":
            return "affine" if layer["affine"] else ""
        case "residual":
            return f"of {layer['source']}"
    return ""


def _mask(mask: dict[str, Any]) -> str:
    text = f"{mask['kind']} of {mask['n_bins']} bins"
    if "order" in mask:
        bins = mask.get("filter_bins") or mask["width"]
        text += f", filter over {mask['order']} frames of {bins} bins"
    return text


def _provenance(provenance: dict[str, Any]) -> list[str]:
    """Return short lines with the plain facts, and the names of those left to ``--json``."""
    plain = {key: value for key, value in provenance.items() if not isinstance(value, dict)}
    facts = [(PROVENANCE_LABELS.get(key, key), value) for key, value in plain.items()]
    if nested := [key for key in provenance if key not in plain]:
        facts.append(("more", f"{', '.join(nested)}: see --json"))
    lines = []
    for label, value in facts:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines += textwrap.wrap(
            text,
            LINE_LENGTH,
            initial_indent=f"  {label:<10} ",
            subsequent_indent=13 * " ",
            break_on_hyphens=False,
        )
    return lines
