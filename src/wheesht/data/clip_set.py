"""A test set as a whole: its clips, its name, and the checksum that pins it down."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from wheesht.data.testset import Clip, Mixture, clips_of_table
from wheesht.data.testset_folders import clips_of_folder, layout_of
from wheesht.errors import CorpusError, ParameterError

TABLE = "table"  # kind of a test set that is no folder


@dataclass(frozen=True)
class ClipSet:
    """A test set.

    Attributes
    ----------
    name : str
    kind : str
        ``table``, or the layout of a folder.
    path : Path
        The table or the folder.
    data : Path or None
        Folder that a table's paths are relative to.
    clips : tuple of Clip
        Sorted by name for folders, in the order of the table else.
    sha256 : str
        Of the table, or of the names and sizes of a folder's files.
    """

    name: str
    kind: str
    path: Path
    data: Path | None
    clips: tuple[Clip, ...]
    sha256: str

    @property
    def has_clean(self) -> bool:
        """Whether its clips have clean signals."""
        return self.clips[0].has_clean


def read_clip_set(
    path: Path, data: Path | None = None, layout: str | None = None, name: str | None = None
) -> ClipSet:
    """Find the clips of a test set; no audio is read.

    Parameters
    ----------
    path : path
        A table, or a folder.
    data : path, optional
        Folder that a table's paths are relative to; default the parent of the table's folder.
    layout : str, optional
        Of a folder; recognised when left out.
    name : str, optional
        Default the file name without extension.

    Raises
    ------
    CorpusError
        Not found, no test set, or two clips have one name.
    ParameterError
        There is no such layout, or one is named for a table, which has none.
    """
    whole = Path(os.path.abspath(path))  # "." has a name too; a link keeps its own
    if path.is_dir():
        name = whole.name if name is None else name
        clips = tuple(clips_of_folder(path, layout))
        found = ClipSet(name, layout or layout_of(path), path, None, clips, _sum_of_files(clips))
    elif path.is_file():
        if layout is not None:
            raise ParameterError(
                f"layout: got {layout!r} for {path}, which is a table; only folders have a layout, "
                f"so score tables by themselves, without it"
            )
        name = whole.stem if name is None else name
        data = whole.parents[1] if data is None else data
        clips = tuple(clips_of_table(path, data))
        _check_data(path, data, clips[0])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found = ClipSet(name, TABLE, path, data, clips, digest)
    else:
        raise CorpusError(f"{path}: no such file or folder, needs a test set")
    repeated, count = Counter(clip.name for clip in clips).most_common(1)[0]
    if count > 1:
        raise CorpusError(f"{path}: {count} clips are named {repeated!r}, needs a name for each")
    return found


def _check_data(table: Path, data: Path, first: Clip) -> None:
    assert isinstance(first.source, Mixture)
    if not first.source.noise.is_file():
        raise CorpusError(
            f"{table}: its file {first.source.noise} is not there; name the corpus with --data or "
            f"WHEESHT_DATA"
        )


def _sum_of_files(clips: tuple[Clip, ...]) -> str:
    """Return a checksum over names and sizes: cheap, and it shows files that came or went."""
    digest = hashlib.sha256()
    for clip in clips:
        for role in ("noisy", "clean"):
            path = getattr(clip.source, role, None)
            if path is not None:
                digest.update(
                    f"{role}/{path.name}\t{path.stat().st_size}\n".encode(
                        "utf-8", "surrogateescape"
                    )
                )
    return digest.hexdigest()
