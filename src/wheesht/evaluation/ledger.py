"""The files of a study while a run is at work: locked, added to row by row, sorted at the end."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from wheesht.audio.atomic import AtomicTarget
from wheesht.errors import StudyError, WheeshtError
from wheesht.evaluation.study import (
    BENCH,
    CODING,
    CODING_ERRORS,
    FACTS,
    SCORES,
    SUMMARY,
    Key,
    Row,
    cells_of,
    csv_line,
    header,
    key_of,
    read_facts,
    read_scores,
)
from wheesht.folder_lock import FolderLock


class Ledger:
    """The one writer of a study; a context manager that holds its lock.

    Parameters
    ----------
    folder : Path
        Made when missing.
    overwrite : bool
        Whether to forget what is there.

    Raises
    ------
    StudyError
        The folder cannot be made, holds something that is no study, or another run is at work.
    """

    def __init__(self, folder: Path, overwrite: bool = False) -> None:
        self.folder = folder
        self._lock = FolderLock(folder, StudyError)
        self._file: TextIO | None = None
        self.metrics: list[str] = []
        self.facts: dict[str, Any] = {}
        self._rows: dict[Key, Row] = {}
        try:
            if overwrite:
                for name in (SCORES, SUMMARY, FACTS, BENCH):
                    (folder / name).unlink(missing_ok=True)
            if (folder / SCORES).exists():
                rows, self.metrics = read_scores(folder / SCORES)
                self._rows = {key_of(row): row for row in rows}
                self.facts = read_facts(folder / FACTS)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file and let others in."""
        if self._file is not None:
            self._file.close()
        self._lock.release()

    @property
    def rows(self) -> list[Row]:
        """All rows so far."""
        return list(self._rows.values())

    def rows_of(self, testset: str, clip: str) -> dict[Key, Row]:
        """Return the rows about one clip."""
        return {key: row for key, row in self._rows.items() if key[:2] == (testset, clip)}

    def begin(self, facts: dict[str, Any], metrics: Iterable[str]) -> None:
        """Write the facts, and the rows there are under columns for these metrics."""
        self.metrics = list(metrics)
        self.write_facts(facts)
        self._write_scores(self.rows)
        self._file = open(
            self.folder / SCORES, "a", encoding=CODING, errors=CODING_ERRORS, newline=""
        )

    def retain(self, is_wanted: Callable[[Row], bool]) -> None:
        """Drop the rows that nobody wants, before `begin`."""
        self._rows = {key: row for key, row in self._rows.items() if is_wanted(row)}

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows that are new or have changed, so that they outlive this process."""
        assert self._file is not None
        new = [row for row in rows if self._rows.get(key_of(row)) != row]
        try:
            self._file.write(_lines([cells_of(row, self.metrics) for row in new]))
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.folder / SCORES, error) from error
        self._rows |= {key_of(row): row for row in new}

    def finish(self, order: Callable[[Row], Any]) -> None:
        """Write all rows sorted, in one step."""
        assert self._file is not None
        self._file.close()
        self._write_scores(sorted(self.rows, key=order))

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Write ``study.json``."""
        self.facts = facts
        self.write(FACTS, json.dumps(facts, indent=2) + "\n")

    def write_table(self, name: str, lines: list[list[str]]) -> None:
        """Write a CSV file."""
        self.write(name, _lines(lines))

    def write(self, name: str, text: str) -> None:
        """Write a file of the study in one step."""
        write_whole(self.folder / name, text)

    def _write_scores(self, rows: list[Row]) -> None:
        cells = [cells_of(row, self.metrics) for row in rows]
        self.write_table(SCORES, [header(self.metrics), *cells])


def write_whole(path: Path, text: str) -> None:
    """Write a text file that is complete or not there.

    Raises
    ------
    StudyError
        The disk is full, or the folder cannot be written to.
    """
    try:
        target = AtomicTarget(path, overwrite=True)
        try:
            target.create().write_bytes(text.encode(CODING, CODING_ERRORS))
            target.commit()
        except BaseException:
            target.discard()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _lines(lines: list[list[str]]) -> str:
    return "".join(csv_line(cells) for cells in lines)


def _unwritable(path: Path, error: OSError) -> StudyError:
    if isinstance(error, WheeshtError):  # a sentence already
        return StudyError(str(error))
    why = os.strerror(error.errno) if error.errno else str(error)
    return StudyError(
        f"{path}: cannot be written ({why}); rows that are there are kept, so free some space or "
        f"name another folder, and go on"
    )
