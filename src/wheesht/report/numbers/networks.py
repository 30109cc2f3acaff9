"""What the models of a study are: size, host, and cost in both ways of counting."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from wheesht.errors import WheeshtError
from wheesht.evaluation.study import Study
from wheesht.report.numbers.scores import Variant
from wheesht.spec.bundle import read_bundle
from wheesht.spec.cost import MacSplit, paper_macs, strict_macs
from wheesht.spec.model_spec import ModelSpec

DENSE = 100.0  # percent of the units updated
HISTORY = "history.jsonl"  # that `wheesht train` leaves beside a bundle


@dataclass(frozen=True)
class Training:
    """How a model was trained, as far as its bundle and the run beside it say; else None.

    Attributes
    ----------
    updates : int or None
    audio_hours : float or None
        Of mixtures, those heard again counted again.
    minutes : float or None
        That the updates took, from ``history.jsonl`` in the bundle's folder.
    """

    updates: int | None = None
    audio_hours: float | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Network:
    """A model at one setting of the dial.

    Attributes
    ----------
    params : int or None
        Trained parameters.
    host : str
        Name of the network that the recurrent layers sit in; empty if unknown.
    paper : MacSplit or None
        MACs per second in the counting of the D-GRU paper's table, `paper_macs`.
    paper_dense : float or None
        In that counting, with every unit updated.
    default_percent : float or None
        Of the dial, where nobody turns it.
    dense_macs : float or None
        MACs per second with every unit updated, as the engine counts.
    training : Training
    """

    params: int | None = None
    host: str = ""
    default_percent: float | None = None
    paper: MacSplit | None = None
    paper_dense: float | None = None
    dense_macs: float | None = None
    training: Training = Training()


def describe(studies: Sequence[Study], variants: Iterable[Variant]) -> dict[Variant, Network]:
    """Return what is known of each model.

    The studies say the number of parameters and the host. The rest is counted from the bundle,
    as long as the file that was scored is still where it was.
    """
    specs: dict[tuple[str, str], ModelSpec | None] = {}
    found = {}
    for variant in variants:
        if variant.kind != "model":
            continue
        facts = _facts(studies, variant)
        key = variant.system, variant.model_sha256
        if key not in specs:
            specs[key] = _spec(facts, variant)
        found[variant] = _network(facts, specs[key], variant)
    return found


def _facts(studies: Sequence[Study], variant: Variant) -> dict[str, Any]:
    for study in studies:
        facts = study.facts.get("systems", {}).get(variant.system)
        if isinstance(facts, dict) and _same(facts.get("sha256"), variant.model_sha256):
            return facts
    return {}


def _same(whole: Any, start: str) -> bool:
    return isinstance(whole, str) and bool(start) and whole.startswith(start)


def _spec(facts: dict[str, Any], variant: Variant) -> ModelSpec | None:
    if not facts.get("path"):
        return None
    try:
        bundle = read_bundle(facts["path"])
    except WheeshtError:  # moved or replaced since: its costs stay empty, and the page says so
        return None
    return bundle.spec if _same(bundle.sha256, variant.model_sha256) else None


def _network(facts: dict[str, Any], spec: ModelSpec | None, variant: Variant) -> Network:
    params = facts.get("params")
    host = str(facts.get("host") or "")
    dial = facts.get("update_percent")
    default = dial.get("default") if isinstance(dial, dict) else None
    if spec is None or variant.update_percent is None:
        return Network(params=params, host=host, default_percent=default)
    return Network(
        params=spec.params if params is None else params,
        host=host or spec.host,
        default_percent=spec.update_percent.default,
        paper=paper_macs(spec, variant.update_percent),
        paper_dense=paper_macs(spec, DENSE).total,
        dense_macs=strict_macs(spec, DENSE).total,
        training=_training(spec, Path(str(facts["path"])).parent),
    )


def _training(spec: ModelSpec, folder: Path) -> Training:
    updates = _number(spec.provenance.get("updates"))
    return Training(
        updates=None if updates is None else int(updates),
        audio_hours=_number(spec.provenance.get("audio_hours_seen")),
        minutes=None if updates is None else training_minutes(folder / HISTORY, int(updates)),
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def training_minutes(history: Path, updates: int) -> float | None:
    """Return how long the updates of a run took, from the pace that its log gives.

    Parameters
    ----------
    history : Path
        ``history.jsonl`` of `wheesht train`.
    updates : int
        How many to count.

    Returns
    -------
    float or None
        Minutes, validation included; None where the log is missing, damaged, or ends before.
    """
    try:
        lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
        paces = {
            int(line["step"]): float(line["updates_per_second"])
            for line in lines
            if line["kind"] == "train" and line["step"] <= updates
        }
        steps = pairwise([0, *sorted(paces)])
        seconds = sum((step - before) / paces[step] for before, step in steps)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None
    return seconds / 60 if max(paces, default=0) == updates and 0 < seconds < math.inf else None
