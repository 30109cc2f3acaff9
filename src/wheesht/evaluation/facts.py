"""What ``study.json`` says about how the scores were made."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from wheesht.bench.machine import machine
from wheesht.data.clip_set import ClipSet
from wheesht.data.testset import RATE
from wheesht.errors import StudyError
from wheesht.evaluation.study import FORMAT, NOISY, Row
from wheesht.evaluation.systems.folders import EnhancedFolder

# The libraries whose code the scores come out of; for torch see `versions`.
DECIDING = (
    "wheesht",
    "numpy",
    "scipy",
    "soxr",
    "pesq",
    "pystoi",
    "pyloudnorm",
    "onnxruntime",
    "speechmos",
)


def versions(backend: str) -> dict[str, str]:
    """Return the versions of the installed libraries that decide the scores."""
    found = {}
    for name in (*DECIDING, *(["torch"] if backend == "torch" else [])):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def merged(
    before: dict[str, Any],
    command: str,
    sets: Sequence[ClipSet],
    models: dict[str, dict[str, Any]],
    folders: Sequence[EnhancedFolder],
    installed: dict[str, str],
) -> dict[str, Any]:
    """Return the facts of a study that goes on.

    Parameters
    ----------
    before : dict
        Facts so far; empty for a new study.
    command : str
        What is being run; stands there once, however often it is.
    sets : sequence of ClipSet
    models : dict
        Facts of each model, by name; see `models_of`.
    folders : sequence of EnhancedFolder
    installed : dict
        See `versions`.

    Raises
    ------
    StudyError
        A library that decides the scores has another version than before, or a model has the
        name of a folder, or the other way round.
    """
    _check_versions(before.get("versions", {}), installed)
    kinds = dict.fromkeys(models, "model") | {folder.name: "folder" for folder in folders}
    _check_kinds(before.get("systems", {}), kinds)
    commands = [*before.get("commands", []), command]
    machines = [*before.get("machine", "").split("; "), machine()]
    return {
        "format": FORMAT,
        "commands": list(dict.fromkeys(text for text in commands if text)),
        "machine": "; ".join(dict.fromkeys(name for name in machines if name)),
        "versions": before.get("versions", {}) | installed,
        "testsets": before.get("testsets", {}) | {s.name: _about_set(s) for s in sets},
        "systems": _in_order(
            before.get("systems", {})
            | {NOISY: {"kind": "noisy"}}
            | models
            | {folder.name: _about_folder(folder, before) for folder in folders}
        ),
    }


def counted(facts: dict[str, Any], sets: Sequence[ClipSet], rows: Sequence[Row]) -> dict[str, Any]:
    """Return facts with the number of clips, and seconds, that test sets have rows for."""
    testsets = dict(facts["testsets"])
    for clips in sets:
        scored = {row.clip for row in rows if row.testset == clips.name}
        lengths = [clip.n_samples for clip in clips.clips if clip.name in scored]
        counts = {"clips": len(lengths), "seconds": round(sum(lengths) / RATE, 1)}
        testsets[clips.name] = testsets[clips.name] | counts
    return facts | {"testsets": testsets}


def _check_versions(before: dict[str, str], now: dict[str, str]) -> None:
    for name, version in now.items():
        if before.get(name, version) != version:
            raise StudyError(
                f"the study was begun with {name} {before[name]}, here is {version}, so its "
                f"scores would not be comparable; begin anew with --overwrite, or another folder"
            )


def _check_kinds(before: dict[str, dict[str, Any]], now: dict[str, str]) -> None:
    for name, kind in now.items():
        if before.get(name, {}).get("kind", kind) != kind:
            raise StudyError(
                f"the study has a {before[name]['kind']} named {name!r}, so a {kind} cannot have "
                f"that name; give it another with NAME="
            )


def _about_set(clips: ClipSet) -> dict[str, Any]:
    return {
        "kind": clips.kind,
        "path": str(clips.path),
        "data": None if clips.data is None else str(clips.data),
        "sha256": clips.sha256,
    }


def _about_folder(folder: EnhancedFolder, before: dict[str, Any]) -> dict[str, Any]:
    lags = before.get("systems", {}).get(folder.name, {}).get("lag_samples", {})
    return {"kind": "folder", "path": str(folder.path), "lag_samples": lags | folder.lags}


def _in_order(systems: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sort systems into the unprocessed input, models, folders; within each as first named."""
    kinds = ("noisy", "model", "folder")
    return dict(sorted(systems.items(), key=lambda item: kinds.index(item[1]["kind"])))
