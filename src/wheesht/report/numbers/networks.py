"""What the models of a study are: size, host, and cost in both ways of counting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wheesht.errors import WheeshtError
from wheesht.evaluation.study import Study
from wheesht.report.numbers.scores import Variant
from wheesht.spec.bundle import read_bundle
from wheesht.spec.cost import MacSplit, paper_macs, strict_macs
from wheesht.spec.model_spec import ModelSpec

DENSE = 100.0  # percent of the units updated


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
    """

    params: int | None = None
    host: str = ""
    default_percent: float | None = None
    paper: MacSplit | None = None
    paper_dense: float | None = None
    dense_macs: float | None = None


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
    )
