"""One run at a time in a folder."""

import contextlib
import errno
import os
from pathlib import Path

from wheesht.errors import WheeshtError

LOCK = ".lock"  # holds the number of the process


class FolderLock:
    """Keeps a folder for this process until `release`, or until the process is gone.

    Parameters
    ----------
    folder : Path
        Made when missing.
    error : type of WheeshtError
        What is raised.

    Raises
    ------
    WheeshtError
        Of that type: another process holds it, or the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, error: type[WheeshtError]) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while not self._is_taken():
                pass
        except BlockingIOError:
            raise error(
                f"{folder}: process {self._owner()} is at work on it; wait for it, or name "
                f"another folder"
            ) from None
        except OSError as reason:
            raise error(
                f"{folder}: cannot be used for results ({reason.strerror}); name another folder"
            ) from reason

    def release(self) -> None:
        """Let others in; may be called again."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def _is_taken(self) -> bool:
        """Lock the file; False when it was removed by its last owner meanwhile."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)  # the system lets go of it when the process ends, however it ends
            if os.stat(self._path).st_ino != os.fstat(descriptor).st_ino:
                raise FileNotFoundError
        except FileNotFoundError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError:  # a full disk
            self.release()
            raise
        return True

    def _owner(self) -> str:
        with contextlib.suppress(OSError):
            return self._path.read_text().strip()
        return "unknown"


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise `BlockingIOError`; does nothing where the system cannot."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP):  # some network file systems
            raise
