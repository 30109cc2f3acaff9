"""Files that are complete or not there."""

import contextlib
import os
import shutil
from pathlib import Path

from wheesht.errors import AudioFileError, OutputExistsError


class AtomicTarget:
    """A path to write to beside the target, renamed to it by `commit`.

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

    def commit(self) -> None:
        """Put the finished file in place, with the permissions of the one it replaces."""
        self._check()  # it may have appeared meanwhile
        if self._real.exists():
            shutil.copymode(self._real, self.partial)
        os.replace(self.partial, self._real)

    def discard(self) -> None:
        """Remove what was written so far."""
        with contextlib.suppress(FileNotFoundError):
            self.partial.unlink()
