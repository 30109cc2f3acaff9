"""The very audio that a row's scores are about."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wheesht.data.clip_set import TABLE, read_clip_set
from wheesht.data.testset import Clip
from wheesht.errors import StudyError
from wheesht.evaluation.clip_scores import audio_sha256
from wheesht.evaluation.study import NOISY, Row, Study
from wheesht.evaluation.systems.folders import EnhancedFolder
from wheesht.evaluation.systems.kinds import Model, System, Unprocessed


@dataclass(frozen=True)
class Audio:
    """Signals of one row: float32, shape (N,), 16 kHz; `clean` is None where there is none."""

    noisy: np.ndarray
    clean: np.ndarray | None
    enhanced: np.ndarray


def replay(study: Study, row: Row, data: Path | None = None) -> Audio:
    """Make the audio of a row again: mix or read the clip, run the model or read the file.

    Parameters
    ----------
    study : Study
    row : Row
        Of that study.
    data : Path, optional
        Folder of the corpus, where it is not where the study found it.

    Returns
    -------
    Audio

    Raises
    ------
    StudyError
        The row is of no system or test set of the study, or its audio is another one by now.
    BundleError
        The model is gone or was replaced.
    CorpusError, AudioFileError
        A file is gone.
    """
    clip = _clip(study, row, data)
    noisy, clean = clip.samples()
    system = _system(study, row, clip)
    enhanced = system.enhance(noisy).samples
    is_file = not row.backend and row.system != NOISY
    found = audio_sha256(noisy, clean, enhanced if is_file else None)
    if found != row.audio_sha256:
        raise StudyError(
            f"{row.testset}/{row.clip}, {row.system}: its audio has changed since it was scored "
            f"({found}, was {row.audio_sha256}); evaluate it again"
        )
    return Audio(noisy, clean, enhanced)


def _clip(study: Study, row: Row, data: Path | None) -> Clip:
    facts = study.facts.get("testsets", {}).get(row.testset)
    if facts is None:
        raise StudyError(f"{study.folder}: knows no test set {row.testset!r}")
    if data is None and facts["data"] is not None:
        data = Path(facts["data"])
    layout = None if facts["kind"] == TABLE else facts["kind"]
    clips = read_clip_set(Path(facts["path"]), data, layout, row.testset).clips
    for clip in clips:
        if clip.name == row.clip:
            return clip
    raise StudyError(f"{facts['path']}: has no clip {row.clip!r} any more; evaluate it again")


def _system(study: Study, row: Row, clip: Clip) -> System:
    if row.system == NOISY:
        return Unprocessed()
    facts = study.facts.get("systems", {}).get(row.system)
    if facts is None:
        raise StudyError(f"{study.folder}: knows no system {row.system!r}")
    if row.update_percent is not None:
        path = facts["path"]
        return Model(row.system, path, row.update_percent, row.backend, row.model_sha256)
    folder = EnhancedFolder(row.system, Path(facts["path"]), facts["lag_samples"])
    return folder.files_for(row.testset, [clip])[clip.name]
