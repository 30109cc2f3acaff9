"""Folders of already enhanced files: matched with the clips, checked before any work starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from wheesht.audio.mono import read_mono, samples_at
from wheesht.data.clip_set import ClipSet
from wheesht.data.testset import RATE, Clip
from wheesht.data.testset_folders import audio_files
from wheesht.errors import CorpusError, ParameterError, WheeshtError
from wheesht.evaluation.study import NOISY
from wheesht.evaluation.systems.alignment import lag_of
from wheesht.evaluation.systems.kinds import EnhancedFile
from wheesht.evaluation.systems.models import split_name

LISTENED_TO = 25  # clips per test set that the lag is estimated on, evenly spread
LAG_SPREAD = 8  # samples, 0.5 ms; what noise and a system's own phase do to the estimate


@dataclass(frozen=True)
class EnhancedFolder:
    """Files of a system that is not ours.

    Attributes
    ----------
    name : str
    path : Path
    lags : dict of str to int
        Samples to be removed, by test set.
    """

    name: str
    path: Path
    lags: dict[str, int] = field(default_factory=dict)

    def folder_for(self, testset: str) -> Path:
        """Return where the files for a test set are: a folder of its name, or this one."""
        own = self.path / testset
        return own if own.is_dir() else self.path

    def files_for(self, testset: str, clips: Sequence[Clip]) -> dict[str, EnhancedFile]:
        """Return the file of each clip by the clip's name, missing ones included."""
        folder = self.folder_for(testset)
        found = audio_files(folder)
        lag = self.lags.get(testset, 0)
        return {c.name: EnhancedFile(self.name, folder, found.get(c.name), lag) for c in clips}


def enhanced_folders(texts: Sequence[str]) -> list[EnhancedFolder]:
    """Read ``NAME=DIR``.

    Raises
    ------
    ParameterError
        A name is missing, taken, or given twice.
    CorpusError
        There is no such folder.
    """
    folders: dict[str, EnhancedFolder] = {}
    for text in texts:
        name, path = split_name(text)
        if name is None:
            raise ParameterError(f"--enhanced {text}: needs NAME=DIR, such as rnnoise={text}")
        if name == NOISY or name in folders:
            raise ParameterError(f"--enhanced {text}: the name {name!r} is taken; give another")
        if not Path(path).is_dir():
            raise CorpusError(f"--enhanced {text}: no such folder")
        folders[name] = EnhancedFolder(name, Path(path))
    return list(folders.values())


def fitted(
    folder: EnhancedFolder, sets: Sequence[ClipSet], align: bool
) -> tuple[EnhancedFolder, list[str]]:
    """Look at a folder's files before they are scored.

    Parameters
    ----------
    folder : EnhancedFolder
    sets : sequence of ClipSet
    align : bool
        Whether a constant lag shall be removed.

    Returns
    -------
    folder : EnhancedFolder
        With the lags to remove.
    warnings : list of str
        Of files that are missing, too long, too short, or late.

    Raises
    ------
    CorpusError
        For some test set it holds no file at all.
    """
    lags, warnings = {}, []
    for clips in sets:
        files = folder.files_for(clips.name, clips.clips)
        where, what = folder.folder_for(clips.name), f"{folder.name} on {clips.name}"
        pairs = [(clip, files[clip.name].path) for clip in clips.clips]
        there = [(clip, path) for clip, path in pairs if path is not None]
        if not there:
            raise CorpusError(
                f"{where}: holds no file named like a clip of {clips.name}, such as "
                f"{clips.clips[0].name}.wav"
            )
        if len(there) < len(pairs):
            warnings.append(f"{what}: {len(pairs) - len(there)} of {len(pairs)} files are missing")
        lengths = [(samples_at(path, RATE), clip.n_samples) for clip, path in there]
        misfits = [own - wanted for own, wanted in lengths if own and wanted]
        lag = constant_lag(there)
        if lag and align:
            lags[clips.name] = lag
        warnings += _about_length(what, misfits) + _about_lag(what, lag, align)
    return EnhancedFolder(folder.name, folder.path, lags), warnings


def constant_lag(pairs: Sequence[tuple[Clip, Path]]) -> int:
    """Return by how many samples files are late, 0 unless most of them agree.

    Parameters
    ----------
    pairs : sequence of (Clip, Path)
        Clips and their enhanced files; at most 25, evenly spread, are read.
    """
    lags = []
    for clip, path in pairs[:: -(-len(pairs) // LISTENED_TO)]:
        try:
            noisy, clean = clip.samples()
            enhanced = read_mono(path, RATE)
        except WheeshtError:
            continue  # scoring it will say why
        lags.append(lag_of(enhanced, noisy if clean is None else clean))
    if not lags:
        return 0
    usual = round(median(lags))
    agreeing = sum(abs(lag - usual) <= LAG_SPREAD for lag in lags)
    return usual if 2 * agreeing > len(lags) else 0


def _about_length(what: str, misfits: Sequence[int]) -> list[str]:
    wrong = [misfit for misfit in misfits if misfit]
    if not wrong:
        return []
    span = f"{min(wrong):+d}" + (f" to {max(wrong):+d}" if min(wrong) != max(wrong) else "")
    return [
        f"{what}: {len(wrong)} of {len(misfits)} files are not as long as their clip ({span} "
        f"samples); they are cut or padded with silence"
    ]


def _about_lag(what: str, lag: int, align: bool) -> list[str]:
    if not lag:
        return []
    lateness = (
        f"{abs(lag)} samples ({1000 * abs(lag) / RATE:.1f} ms) {'late' if lag > 0 else 'early'}"
    )
    if align:
        return [f"{what}: {lateness}, which is removed"]
    return [f"{what}: {lateness}, which lowers its scores; --align removes it"]
