"""Models as a command line names them: ``[NAME=]MODEL[:P[,P...]]``."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wheesht.errors import ParameterError
from wheesht.evaluation.study import NOISY
from wheesht.evaluation.systems.kinds import SHORT, Model
from wheesht.spec.bundle import SUFFIX, read_bundle

_PERCENTS = re.compile(r"(?P<model>.+):(?P<percents>[-\d.,\s]+)")
_NAMED = re.compile(r"(?P<name>[^=/\\]+)=(?P<rest>.+)")


def models_of(
    texts: Sequence[str], update_percents: Sequence[float], backend: str
) -> tuple[list[Model], dict[str, dict[str, Any]]]:
    """Read ``[NAME=]MODEL[:P[,P...]]`` and check that every setting exists.

    Parameters
    ----------
    texts : sequence of str
    update_percents : sequence of float
        For models that name none; empty for each model's default.
    backend : str
        Key of `BACKENDS`.

    Returns
    -------
    models : list
        In the order given, P descending; the same setting once.
    facts : dict
        What ``study.json`` says about each model, by name.

    Raises
    ------
    BundleError
        A model is unknown or damaged.
    ParameterError
        P is out of range, or two models have one name.
    """
    models: dict[tuple[str, float], Model] = {}
    facts: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, path, percents = _parts(text)
        bundle = read_bundle(path)
        spec, sha256 = bundle.spec, bundle.sha256[:SHORT]
        if facts.get(name, {}).get("sha256", bundle.sha256) != bundle.sha256:
            raise ParameterError(f"{text}: another model is named {name!r}; give NAME={text}")
        dial = spec.update_percent
        for percent in sorted(percents or update_percents or [dial.default], reverse=True):
            if not dial.min <= percent <= dial.max:
                raise ParameterError(
                    f"{text}: got an update percentage of {percent:g}, needs {dial.min:g} to "
                    f"{dial.max:g} for this model"
                )
            models[name, percent] = Model(name, path, float(percent), backend, sha256)
        facts[name] = {
            "kind": "model",
            "path": path,
            "sha256": bundle.sha256,
            "params": spec.params,
            "host": spec.host,
            "update_percent": {"default": dial.default, "min": dial.min, "max": dial.max},
            "latency_samples": spec.latency_samples,
        }
    return list(models.values()), facts


def split_name(text: str) -> tuple[str | None, str]:
    """Split ``NAME=PATH``; a path that has an equals sign in it is a path."""
    match = _NAMED.fullmatch(text)
    if match is None or Path(text).exists():
        return None, text
    return match["name"], match["rest"]


def _parts(text: str) -> tuple[str, str, list[float]]:
    """Return name, bundle and percentages."""
    name, rest = split_name(text)
    match = None if Path(rest).exists() else _PERCENTS.fullmatch(rest)
    path = match["model"] if match else rest
    try:
        percents = [float(part) for part in match["percents"].split(",")] if match else []
    except ValueError:
        raise ParameterError(
            f"{text}: {match['percents']!r} is no list of percentages"  # type: ignore[index]
        ) from None
    if name is None:
        name = Path(path).name.removesuffix(SUFFIX)
    if name == NOISY:
        raise ParameterError(f"{text}: {NOISY!r} is the unprocessed input; give another NAME=")
    return name, path, percents
