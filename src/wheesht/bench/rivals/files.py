"""Files of rivals that no package brings and that are not ours to ship: models, a library."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from wheesht.errors import GateError, MissingDependency

Shapes = Mapping[str, tuple[int, ...]]  # of a network's inputs, by their names
Opened = TypeVar("Opened")


def files_of(rival: str, names: Sequence[str], origin: str, folder: Path | None) -> list[Path]:
    """Return the paths of a rival's files.

    Parameters
    ----------
    rival : str
    names : sequence of str
    origin : str
        Where somebody without them finds them, for the message.
    folder : Path or None
        Where they are looked for.

    Raises
    ------
    MissingDependency
        No folder is named, or it lacks one of them.
    """
    missing = [name for name in names if folder is None or not (folder / name).is_file()]
    if folder is None or missing:
        where = "in a folder that --rival-files names" if folder is None else f"in {folder}"
        raise MissingDependency(f"{rival} needs {' and '.join(missing)} {where}: {origin}")
    return [folder / name for name in names]


def opened(rival: str, path: Path, opener: Callable[[str], Opened]) -> Opened:
    """Open a file of somebody else, whose reader may raise whatever it likes.

    Raises
    ------
    GateError
        The file cannot be read.
    MissingDependency
        As `opener` does.
    """
    try:
        return opener(str(path))
    except ImportError:
        raise
    except Exception as problem:
        first = (str(problem).splitlines() or [""])[0]
        raise GateError(
            f"not timed: {rival}: {path} cannot be read ({first}); leave it out, or fetch the file "
            f"again"
        ) from None


def require_inputs(rival: str, path: Path, got: Shapes, want: Shapes) -> None:
    """Refuse a network that is not the one that its rival's code was written for.

    Raises
    ------
    GateError
        Its inputs have other names or shapes.
    """
    if dict(got) != dict(want):
        raise GateError(
            f"not timed: {rival}: {path} takes {_listed(got)}, needs {_listed(want)}; leave it "
            f"out, or fetch the file that the documentation of wheesht bench names"
        )


def _listed(shapes: Shapes) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items())) or "nothing"
