"""Everything a run needs to go on exactly where it stopped, written atomically."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wheesht.errors import CheckpointError

FILE_NAME = "checkpoint.pt"


@dataclass
class Progress:
    """The state of a run: weights, their average, optimiser, and how far it got.

    `dtypes` are those of layers of integers, by name; `origin` is what the new bundle says of the
    one that the run began from.
    """

    step: int
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    best_score: float
    best_step: int
    best: dict[str, Tensor]
    history: list[dict[str, float]] = field(default_factory=list)
    dtypes: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: Path, recipe: dict[str, Any], corpus: str, progress: Progress) -> None:
    """Write the checkpoint of a run; the old one stays until the new one is complete."""
    partial = folder / f".{FILE_NAME}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            torch.save({"recipe": recipe, "corpus": corpus, **vars(progress)}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, folder / FILE_NAME)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(folder: Path, recipe: dict[str, Any], corpus: str) -> Progress | None:
    """Read the checkpoint in a folder, or None when there is none.

    Parameters
    ----------
    recipe : dict
        `Recipe.identity` of the run.
    corpus : str
        Fingerprint of its recordings; a checkpoint without one fits every corpus.

    Raises
    ------
    CheckpointError
        The file is damaged, or it belongs to another recipe or corpus.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        found, found_corpus = stored.pop("recipe"), stored.pop("corpus", corpus)
        progress = Progress(**stored)
    except Exception as error:  # torch raises many types for a damaged file
        raise CheckpointError(f"{path}: damaged ({error}); remove it to start anew") from error
    advice = "choose another --output, or remove it to start anew"
    if found != recipe:
        changed = ", ".join(_differences(found, recipe))
        raise CheckpointError(
            f"{path}: belongs to another recipe, different in {changed}; a run's recipe is fixed: "
            f"{advice}; initial_bundle goes on from the weights of a finished run"
        )
    if found_corpus != corpus:
        raise CheckpointError(
            f"{path}: belongs to another corpus, whose recordings differ in number or length; "
            f"name that one, {advice}"
        )
    return progress


def _differences(a: dict[str, Any], b: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the keys, in full, whose values differ."""
    for key in sorted(a.keys() | b.keys()):
        one, other = a.get(key), b.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            yield f"{prefix}{key}"
