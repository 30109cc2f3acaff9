"""Files that are complete or not there."""

import contextlib
import functools
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from wheesht.errors import AudioFileError, OutputExistsError

PARTIAL = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.part", re.DOTALL)  # see `AtomicTarget`


class AtomicTarget:
    """A path to write to beside the target, renamed to it by `commit`.

    Its name is ``.<target's name>.<process>.part``. What a process that was killed left for the
    same target is removed.

    Parameters
    ----------
    target : str or path
        Its folder is made when missing. A symbolic link is followed, not replaced.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExistsError
        The target exists and `overwrite` is false.
    AudioFileError
        The target is a folder or a device, or its folder cannot be made.
    """

    def __init__(self, target: str | os.PathLike[str], overwrite: bool) -> None:
        self.target = Path(target)
        self._real = Path(os.path.realpath(self.target))
        self._overwrite = overwrite
        self._check()
        try:
            self._real.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AudioFileError(
                f"{self.target}: its folder cannot be made ({error.strerror}); choose another"
            ) from error
        self.partial = self._real.with_name(f".{self._real.name}.{os.getpid()}.part")
        _remove(self._real)

    def _check(self) -> None:
        if self._real.is_dir():
            raise AudioFileError(f"{self.target}: is a folder; name a file in it")
        if self._real.exists() and not self._real.is_file():
            raise AudioFileError(
                f"{self.target}: is not a regular file; write to standard output with -o - and "
                f"redirect that"
            )
        if self._real.exists() and not self._overwrite:
            raise OutputExistsError(
                f"{self.target}: exists already; choose another name or allow --overwrite"
            )

    def create(self) -> Path:
        """Make the empty partial file and return its path.

        Raises
        ------
        AudioFileError
            The system refuses; the message names the target.
        """
        try:
            self.partial.touch()
        except OSError as error:
            raise AudioFileError(
                f"{self.target}: cannot be written ({error.strerror}); check the folder's "
                f"permissions"
            ) from error
        return self.partial

    def commit(self) -> None:
        """Put the finished file in place, with the permissions of the one it replaces."""
        self._check()  # it may have appeared meanwhile
        if self._real.exists():
            shutil.copymode(self._real, self.partial)
        os.replace(self.partial, self._real)

    def discard(self) -> None:
        """Remove what was written so far."""
        with contextlib.suppress(OSError):  # the error that led here is the one to report
            self.partial.unlink()


def remove_leftovers(targets: Iterable[str | os.PathLike[str]]) -> None:
    """Remove the partial files that processes which are dead by now left for these targets."""
    _leftovers.cache_clear()
    for target in targets:
        _remove(Path(os.path.realpath(target)))


def _remove(real: Path) -> None:
    for path in _leftovers(str(real.parent)).get(real.name, ()):
        with contextlib.suppress(OSError):
            path.unlink()


# Kept, since a run over a large folder would else list it anew for each of its files.
@functools.lru_cache(maxsize=64)
def _leftovers(folder: str) -> dict[str, list[Path]]:
    """Return the partial files of dead processes in a folder, by the name of their target."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = PARTIAL.fullmatch(entry.name)
            if match and not _may_live(int(match["pid"])):
                found.setdefault(match["name"], []).append(Path(entry.path))
    return found


def _may_live(pid: int) -> bool:
    if os.name != "posix":  # where signal 0 is not a question but a kill
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # of another user, or no process number at all
        return True
    return True
