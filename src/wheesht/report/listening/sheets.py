"""Answer sheets: the CSV files that listeners send back."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wheesht.report.listening.key import Key

COLUMNS = (
    "kit,kind,listener,device,seed,started,trial,item,slot,stimulus,score,plays,seconds".split(",")
)
SCORES = {"mushra": range(101), "ab": (0.0, 0.5, 1.0)}


@dataclass(frozen=True)
class Sheet:
    """All answers of one listener.

    Attributes
    ----------
    path : Path
    listener, device, started : str
    scores : dict of str to ndarray, shape (K,)
        By item; one score for each condition of the key, NaN where it was not in the trial.
    seconds : float
        Spent on all trials together.
    """

    path: Path
    listener: str
    device: str
    started: str
    scores: dict[str, np.ndarray]
    seconds: float


class BrokenSheet(Exception):
    """A file that cannot be used; the message says where it is wrong."""


def read_sheets(paths: Iterable[Path], key: Key) -> tuple[list[Sheet], list[str]]:
    """Read the files of all listeners.

    Parameters
    ----------
    paths : iterable of Path
    key : Key

    Returns
    -------
    sheets : list of Sheet
        One for each listener, in the order of the files.
    rejected : list of str
        A sentence for each file that cannot be used: what it lacks and in which line.
    """
    sheets: dict[str, Sheet] = {}
    rejected = []
    for path in paths:
        try:
            sheet = _read(path, key)
            if sheet.listener in sheets:
                raise _second(sheet, sheets[sheet.listener])
        except BrokenSheet as error:
            rejected.append(f"{path}{error}")
        else:
            sheets[sheet.listener] = sheet
    return list(sheets.values()), rejected


def _second(sheet: Sheet, first: Sheet) -> BrokenSheet:
    same = all(np.array_equal(sheet.scores[i], first.scores[i], True) for i in first.scores)
    if same and sheet.started == first.started:
        return BrokenSheet(f": is a copy of {first.path.name}")
    return BrokenSheet(
        f": listener {sheet.listener!r} has other answers in {first.path.name}, which was used; "
        f"if these are two people, give one of them another name in the file"
    )


def _read(path: Path, key: Key) -> Sheet:
    try:
        # Spreadsheets put a mark before the first column when they save.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BrokenSheet(f": cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BrokenSheet(": is not text in UTF-8; was it saved by another program?") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise BrokenSheet(f", line {reader.line_num}: {error}") from error
    if not lines or lines[0][1] != COLUMNS:
        found = ",".join(lines[0][1])[:60] if lines else "nothing"
        raise BrokenSheet(f", line 1: begins with {found!r}, needs the columns {','.join(COLUMNS)}")
    return _sheet(path, lines[1:], key)


def _sheet(path: Path, lines: Sequence[tuple[int, list[str]]], key: Key) -> Sheet:
    if not lines:
        raise BrokenSheet(": holds no answers")
    scores = {item: np.full(len(key.conditions), np.nan) for item in key.items}
    seconds: dict[str, float] = {}
    first: dict[str, str] | None = None
    for number, cells in lines:
        try:
            if len(cells) != len(COLUMNS):
                raise ValueError(f"has {len(cells)} cells, needs {len(COLUMNS)}")
            line = dict(zip(COLUMNS, cells, strict=True))
            first = first or line
            _check_same(line, first, key)
            condition = _condition(line, key)
            if not np.isnan(scores[line["item"]][condition]):
                raise ValueError(f"stimulus {line['stimulus']} is rated a second time")
            scores[line["item"]][condition] = _score(line["score"], key.kind)
            seconds[line["item"]] = _seconds(line["seconds"])
        except ValueError as error:
            raise BrokenSheet(f", line {number}: {error}") from error
    _check_complete(scores, key)
    assert first is not None  # there is a line
    return Sheet(
        path, first["listener"], first["device"], first["started"], scores, sum(seconds.values())
    )


def _check_same(line: dict[str, str], first: dict[str, str], key: Key) -> None:
    if (line["kit"], line["kind"]) != (key.kit, key.kind):
        raise ValueError(
            f"belongs to the test {line['kind']} {line['kit']}, the key to {key.kind} {key.kit}"
        )
    if not line["listener"]:
        raise ValueError("names no listener")
    for column in ("listener", "device", "started"):
        if line[column] != first[column]:
            raise ValueError(f"{column} is {line[column]!r}, above it is {first[column]!r}")


def _condition(line: dict[str, str], key: Key) -> int:
    item = key.items.get(line["item"])
    if item is None:
        raise ValueError(f"item {line['item']!r} is not one of the test's")
    condition = item.stimuli.get(line["stimulus"])
    if condition is None:
        raise ValueError(f"stimulus {line['stimulus']!r} is not one of item {line['item']}")
    return condition


def _score(text: str, kind: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = float("nan")
    if score not in SCORES[kind]:
        needed = "a whole number from 0 to 100" if kind == "mushra" else "0, 0.5 or 1"
        raise ValueError(f"score is {text!r}, needs {needed}")
    return score


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds is {text!r}, needs a number from 0 up")
    return seconds


def _check_complete(scores: dict[str, np.ndarray], key: Key) -> None:
    done = [
        name
        for name, item in key.items.items()
        if not np.isnan(scores[name][list(item.stimuli.values())]).any()
    ]
    if len(done) < len(key.items):
        raise BrokenSheet(
            f": {len(done)} of {len(key.items)} trials are complete; ask for the whole file"
        )
    if key.kind == "ab":
        for name in scores:
            if np.nansum(scores[name]) != 1:
                raise BrokenSheet(f": the two scores of item {name} are not each other's opposite")
