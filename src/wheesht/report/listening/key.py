"""The key of a test: which sound is which. It stays with the experimenter."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wheesht.errors import StudyError

FORMAT = 1
NAME = "key.json"
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # names need not be text


@dataclass(frozen=True)
class KeyCondition:
    """A condition: its role (see `conditions`), name, and what the study knows of it."""

    role: str
    name: str
    system: str = ""
    update_percent: float | None = None
    backend: str = ""
    model_sha256: str = ""


@dataclass(frozen=True)
class KeyItem:
    """A trial: a clip, or in a test of preference a clip and two conditions.

    Attributes
    ----------
    testset, clip, noise_kind, speaker : str
    snr_db : float or None
    start_seconds, seconds : float
        The part that is played.
    loudness : float
        LUFS of every sound.
    gains_db : dict of str to float
        By stimulus, what it was amplified by.
    stimuli : dict of str to int
        By stimulus, the index of its condition.
    """

    testset: str
    clip: str
    noise_kind: str
    speaker: str
    snr_db: float | None
    start_seconds: float
    seconds: float
    loudness: float
    gains_db: dict[str, float]
    stimuli: dict[str, int]


@dataclass(frozen=True)
class Key:
    """All that the page does not say.

    Attributes
    ----------
    kit : str
        Names the test; in every listener's file.
    kind : str
        ``mushra`` or ``ab``.
    conditions : tuple of KeyCondition
    items : dict of str to KeyItem
        By the name that the page knows.
    facts : dict
        Seed, how the clips were chosen, the practice clip, and notes.
    """

    kit: str
    kind: str
    conditions: tuple[KeyCondition, ...]
    items: dict[str, KeyItem]
    facts: dict[str, Any] = field(default_factory=dict)


def write_key(path: Path, key: Key) -> None:
    """Write a key as JSON."""
    text = json.dumps({"format": FORMAT} | asdict(key), indent=1)
    path.write_text(text + "\n", **ENCODING)


def read_key(folder: Path) -> Key:
    """Read the key of a test from the folder of the results, or the one above.

    Raises
    ------
    StudyError
        There is none, or it is damaged or of another format.
    """
    path = next((p for p in (folder / NAME, folder.parent / NAME) if p.is_file()), None)
    if path is None:
        raise StudyError(
            f"{folder}: holds no {NAME}, which says what was heard; put the one that was written "
            f"with the page beside the listeners' files"
        )
    try:
        document = json.loads(path.read_text(**ENCODING))
        if document.pop("format") != FORMAT:
            raise ValueError(f"not of format {FORMAT}")
        document["conditions"] = tuple(KeyCondition(**one) for one in document["conditions"])
        document["items"] = {name: KeyItem(**one) for name, one in document["items"].items()}
        key = Key(**document)
        _check(key)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"{path}: is damaged ({error}); put the original back") from error
    return key


def _check(key: Key) -> None:
    if not key.items or not key.conditions:
        raise ValueError("no items or no conditions")
    for name, item in key.items.items():
        indices = sorted(item.stimuli.values())
        if not all(isinstance(i, int) and 0 <= i < len(key.conditions) for i in indices):
            raise ValueError(f"item {name} names a condition that is not there")
        complete = indices == list(range(len(key.conditions)))
        if key.kind == "mushra" and not complete:
            raise ValueError(f"item {name} does not hold every condition once")
        if key.kind == "ab" and len(set(indices)) != 2:
            raise ValueError(f"item {name} does not hold two conditions")
