"""A study: a folder with the score of every clip, and the facts that say how they were made.

``scores.csv`` has a row for each test set, clip, system, update percentage and backend,
``study.json`` the commands, the machine, library versions, test sets and systems.
"""

import csv
import io
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheesht.errors import StudyError

FORMAT = 1  # of study.json
SCORES, SUMMARY, FACTS, BENCH = "scores.csv", "summary.csv", "study.json", "bench.json"
NOISY = "noisy"  # the unprocessed input, as a system
CODING, CODING_ERRORS = "utf-8", "surrogateescape"  # names of files need not be text
# Columns of scores.csv; between the last two stands one for each metric.
COLUMNS = (
    "testset",
    "clip",
    "system",
    "update_percent",
    "backend",
    "model_sha256",
    "audio_sha256",
    "snr_db",
    "noise_kind",
    "speaker",
    "executed_macs",
    "update_fraction",
    "error",
)
_BEFORE_METRICS = len(COLUMNS) - 1


@dataclass(frozen=True)
class Row:
    """What one system made of one clip.

    Attributes
    ----------
    testset, clip, system : str
        Names; the unprocessed input is the system ``noisy``.
    update_percent : float or None
        The dial in percent; None where no model ran.
    backend : str
        ``engine``, ``torch`` or ``reference``; empty where no model ran.
    model_sha256, audio_sha256 : str
        First 12 hexadecimal digits: of the bundle (empty where no model ran), and of the samples
        of noisy, clean and, for a folder of enhanced files, enhanced. Empty when they could not
        be read.
    snr_db : float or None
        Of the mixture; None when there is no clean signal.
    noise_kind, speaker : str
        As the test set has it, empty when it does not say.
    executed_macs : float or None
        Per second of audio, as counted.
    update_fraction : float or None
        Share of the units that were updated, 0 to 1.
    scores : dict of str to float
        By the name of the metric; one that could not be scored, or was not asked for, is absent.
    error : str
        Why scores are missing; empty when all went well.
    """

    testset: str
    clip: str
    system: str
    update_percent: float | None
    backend: str
    model_sha256: str
    audio_sha256: str
    snr_db: float | None
    noise_kind: str
    speaker: str
    executed_macs: float | None
    update_fraction: float | None
    scores: dict[str, float]
    error: str = ""


@dataclass(frozen=True)
class Study:
    """All rows of a study, in the order of its file, and its ``study.json``."""

    folder: Path
    rows: tuple[Row, ...]
    facts: dict[str, Any]


def read_study(folder: str | os.PathLike[str]) -> Study:
    """Read what `wheesht evaluate` wrote, also while it is still at work.

    Parameters
    ----------
    folder : str or path
        The folder of the study.

    Raises
    ------
    StudyError
        The folder holds no study, or one that is damaged.
    """
    folder = Path(folder)
    rows, _ = read_scores(folder / SCORES)
    return Study(folder, tuple(rows), read_facts(folder / FACTS))


def read_facts(path: Path) -> dict[str, Any]:
    """Return the content of a ``study.json``.

    Raises
    ------
    StudyError
        It is missing, damaged, or of another format.
    """
    try:
        facts = json.loads(path.read_text(CODING, CODING_ERRORS))
    except OSError as error:
        raise _no_study(path, error) from error
    except ValueError as error:
        raise StudyError(f"{path}: is damaged ({error}); start anew with --overwrite") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise StudyError(f"{path}: is not of format {FORMAT}; start anew with --overwrite")
    return facts


def read_scores(path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of a ``scores.csv`` and the names of its metrics.

    A last line that was cut off is left out. Of several rows for the same thing, as they stand
    there while a run is at work, the last one counts.

    Raises
    ------
    StudyError
        It is missing or damaged.
    """
    try:
        text = path.read_bytes().decode(CODING, CODING_ERRORS)
    except OSError as error:
        raise _no_study(path, error) from error
    whole = text[: text.rfind("\n") + 1]
    lines = list(csv.reader(io.StringIO(whole, newline="")))
    if not lines:
        return [], []
    metrics = _metrics_of(path, lines[0])
    rows: dict[Key, Row] = {}
    for number, cells in enumerate(lines[1:], start=2):
        try:
            row = _parse(cells, metrics)
        except ValueError as error:
            if number == len(lines):  # a name with a line break in it, cut off there
                break
            raise StudyError(f"{path}, line {number}: is damaged ({error})") from error
        rows[key_of(row)] = row
    return list(rows.values()), metrics


Key = tuple[str, str, str, float | None, str]


def key_of(row: Row) -> Key:
    """Return what a row is about; no two rows of a study share it."""
    return row.testset, row.clip, row.system, row.update_percent, row.backend


def header(metrics: list[str]) -> list[str]:
    """Return the column names of a ``scores.csv`` with these metrics."""
    return [*COLUMNS[:_BEFORE_METRICS], *metrics, *COLUMNS[_BEFORE_METRICS:]]


def cells_of(row: Row, metrics: list[str]) -> list[str]:
    """Return a row as the cells of a line; every number reads back as it is shown."""
    return [
        row.testset,
        row.clip,
        row.system,
        _number(row.update_percent, "g"),
        row.backend,
        row.model_sha256,
        row.audio_sha256,
        _number(row.snr_db, "g"),
        row.noise_kind,
        row.speaker,
        _number(row.executed_macs, ".0f"),
        _number(row.update_fraction, ".6f"),
        *(_number(row.scores.get(name), ".6f") for name in metrics),
        " ".join(row.error.split()),  # a line break would look like the end of the row
    ]


def csv_line(cells: list[str]) -> str:
    """Return a line of CSV; unlike the library's, it keeps a carriage return inside a name."""
    doubled = [cell.replace('"', '""') for cell in cells]
    quoted = [f'"{cell}"' if set(cell) & set(',"\r\n') else cell for cell in doubled]
    return ",".join(quoted) + "\n"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _metrics_of(path: Path, columns: list[str]) -> list[str]:
    metrics = columns[_BEFORE_METRICS:-1]
    if columns != header(metrics):
        raise StudyError(
            f"{path}: its columns are {','.join(columns)}, needs {','.join(header(['...']))}; "
            f"start anew with --overwrite"
        )
    return metrics


def _parse(cells: list[str], metrics: list[str]) -> Row:
    if len(cells) != len(COLUMNS) + len(metrics):
        raise ValueError(f"{len(cells)} cells, needs {len(COLUMNS) + len(metrics)}")
    named = dict(zip(header(metrics), cells, strict=True))
    numbers = {
        name: _finite(named[name]) if named[name] else None
        for name in ("update_percent", "snr_db", "executed_macs", "update_fraction")
    }
    texts = {name: named[name] for name in COLUMNS if name not in numbers}
    scores = {name: _finite(named[name]) for name in metrics if named[name]}
    return Row(**texts, **numbers, scores=scores)  # type: ignore[arg-type]


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    return value


def _no_study(path: Path, error: OSError) -> StudyError:
    return StudyError(
        f"{path}: cannot be read ({error.strerror}); a study is made with wheesht evaluate -o "
        f"{path.parent}"
    )
