"""From settings to the work they stand for; everything that can be wrong is found here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wheesht.data.clip_set import ClipSet, read_clip_set
from wheesht.errors import ParameterError
from wheesht.evaluation.clip_scores import applicable
from wheesht.evaluation.study import Key
from wheesht.evaluation.systems.backends import BACKENDS, check_backend
from wheesht.evaluation.systems.folders import EnhancedFolder, enhanced_folders, fitted
from wheesht.evaluation.systems.kinds import Model, System, Unprocessed
from wheesht.evaluation.systems.models import models_of, split_name
from wheesht.metrics import METRICS


@dataclass(frozen=True)
class Settings:
    """What to score, and how.

    Attributes
    ----------
    testsets : tuple of str
        ``[NAME=]PATH`` of tables and folders.
    models : tuple of str
        ``[NAME=]MODEL[:P[,P...]]``, a shipped name or a bundle.
    enhanced : tuple of str
        ``NAME=DIR`` of files that some other system made of the clips.
    metrics : tuple of str
        Keys of `METRICS`; empty for all.
    update_percents : tuple of float
        For models that name none; empty for each model's default.
    data : Path or None
        Folder that tables' paths are relative to; None for the parent of the table's folder.
    backend : str
        ``engine``, ``torch`` or ``reference``.
    layout : str or None
        Of folders, and refused for a table; None to recognise it.
    limit : int or None
        Score only so many clips of each test set, the first ones.
    align : bool
        Whether to remove a constant lag of enhanced files.
    """

    testsets: tuple[str, ...]
    models: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    update_percents: tuple[float, ...] = ()
    data: Path | None = None
    backend: str = "engine"
    layout: str | None = None
    limit: int | None = None
    align: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    `sets` hold all their clips, of which the first `limit` are scored; `model_facts` is what
    ``study.json`` says about each model; `warnings` are sentences.
    """

    sets: tuple[ClipSet, ...]
    models: tuple[Model, ...]
    model_facts: dict[str, dict[str, Any]]
    folders: tuple[EnhancedFolder, ...]
    metrics: tuple[str, ...]
    limit: int | None
    warnings: tuple[str, ...]

    def systems_for(self, clips: ClipSet) -> dict[str, tuple[System, ...]]:
        """Return the systems that score each clip of a set, in order, by the clip's name."""
        files = [folder.files_for(clips.name, clips.clips) for folder in self.folders]
        ours: tuple[System, ...] = (Unprocessed(), *self.models)
        names = [clip.name for clip in clips.clips[: self.limit]]
        return {name: (*ours, *(found[name] for found in files)) for name in names}

    def keys(self) -> set[Key]:
        """Return what the rows are about that this plan asks for."""
        return {
            (clips.name, name, system.name, system.update_percent, system.backend)
            for clips in self.sets
            for name, systems in self.systems_for(clips).items()
            for system in systems
        }


def plan(settings: Settings) -> Plan:
    """Check settings and look up what they name.

    Raises
    ------
    ParameterError
        A name is unknown or taken, or a number out of range.
    BundleError, CorpusError
        A model, a test set or a folder cannot be used.
    MissingDependency
        The backend's library is not installed.
    """
    if settings.backend not in BACKENDS:
        raise ParameterError(
            f"backend: got {settings.backend!r}, needs one of {', '.join(BACKENDS)}"
        )
    if settings.limit is not None and settings.limit < 1:
        raise ParameterError(f"limit: got {settings.limit}, needs 1 clip or more")
    metrics = _metrics(settings.metrics)
    models, model_facts = models_of(settings.models, settings.update_percents, settings.backend)
    if models:
        check_backend(settings.backend)
    folders = enhanced_folders(settings.enhanced)
    for folder in folders:
        if folder.name in model_facts:
            raise ParameterError(f"--enhanced {folder.name}: a model has that name; give another")
    sets = _sets(settings)
    warnings = _without_clean(sets, metrics)
    for i, folder in enumerate(folders):
        scored = [replace(clips, clips=clips.clips[: settings.limit]) for clips in sets]
        folders[i], said = fitted(folder, scored, settings.align)
        warnings += said
    return Plan(
        tuple(sets),
        tuple(models),
        model_facts,
        tuple(folders),
        metrics,
        settings.limit,
        tuple(warnings),
    )


def _metrics(names: Sequence[str]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in METRICS]:
        raise ParameterError(f"no metric {unknown[0]!r}, needs one of {', '.join(METRICS)}")
    return tuple(name for name in METRICS if not names or name in names)


def _sets(settings: Settings) -> list[ClipSet]:
    if not settings.testsets:
        raise ParameterError("no test set is named, needs at least one; give --testset PATH")
    sets: dict[str, ClipSet] = {}
    for text in settings.testsets:
        name, path = split_name(text)
        clips = read_clip_set(Path(path), settings.data, settings.layout, name)
        if clips.name in sets:
            raise ParameterError(
                f"--testset {text}: another test set is named {clips.name!r}; give NAME={path}"
            )
        sets[clips.name] = clips
    return list(sets.values())


def _without_clean(sets: Sequence[ClipSet], metrics: tuple[str, ...]) -> list[str]:
    warnings = []
    for clips in sets:
        possible = applicable(metrics, clips.has_clean)
        if not possible:
            raise ParameterError(
                f"{clips.name}: has no clean signals, which {', '.join(metrics)} would need; "
                f"score it on {', '.join(applicable(tuple(METRICS), has_clean=False))}"
            )
        if len(possible) < len(metrics):
            warnings.append(
                f"{clips.name}: has no clean signals, so only {', '.join(possible)} are scored"
            )
    return warnings
