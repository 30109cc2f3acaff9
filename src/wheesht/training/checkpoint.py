"""Everything a run needs to go on exactly where it stopped, written atomically."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wheesht.errors import CheckpointError

FILE_NAME = "checkpoint.pt"


@dataclass
class Progress:
    """The state of a run: weights, their average, optimiser, and how far it got."""

    step: int
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    best_score: float
    best_step: int
    best: dict[str, Tensor]
    history: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(folder: Path, recipe: dict[str, Any], progress: Progress) -> None:
    """Write the checkpoint of a run; the old one stays until the new one is complete."""
    partial = folder / f".{FILE_NAME}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            torch.save({"recipe": recipe, **vars(progress)}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, folder / FILE_NAME)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(folder: Path, recipe: dict[str, Any]) -> Progress | None:
    """Read the checkpoint in a folder, or None when there is none.

    Raises
    ------
    CheckpointError
        The file is damaged, or it belongs to another recipe.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        found = stored.pop("recipe")
        progress = Progress(**stored)
    except Exception as error:  # torch raises many types for a damaged file
        raise CheckpointError(f"{path}: damaged ({error}); remove it to start anew") from error
    if found != recipe:
        changed = sorted(k for k in recipe if found.get(k) != recipe[k])
        raise CheckpointError(
            f"{path}: belongs to another recipe, different in {', '.join(changed)}; "
            f"choose another --output, or remove it to start anew"
        )
    return progress
