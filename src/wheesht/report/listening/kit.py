"""A listening test in a folder: a page for the listeners, and the key to its sounds."""

import base64
import hashlib
import io
import json
import os
import shutil
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.data.testset import RATE
from wheesht.errors import OutputExistsError, ParameterError
from wheesht.evaluation.replay import replay
from wheesht.evaluation.study import Study
from wheesht.report.listening.conditions import Condition, choose_conditions
from wheesht.report.listening.guide import guide
from wheesht.report.listening.key import NAME as KEY_NAME
from wheesht.report.listening.key import Key, KeyCondition, write_key
from wheesht.report.listening.selection import candidates
from wheesht.report.listening.trials import Trial, choose_clips, make_trials, opaque_names
from wheesht.report.numbers.scores import gather

PAGE = Path(__file__).with_name("page")
SECONDS_A_SOUND = {"mushra": 12, "ab": 10}  # of a listener's time, for the estimate on the page
MOST_TRIALS = 150  # of a test of preference: 50 minutes


def write_kit(
    study: Study,
    n_clips: int,
    folder: str | Path,
    data: Path | None,
    systems: Sequence[str] | None = None,
    seed: int = 0,
    kind: str = "mushra",
) -> Path:
    """Write a blind listening test.

    Parameters
    ----------
    study : Study
        Its systems are compared, on its clips.
    n_clips : int
        How many, one from each of as many parts of the range of SNRs, drawn by `seed`; a further
        one for practice, where there is one.
    folder : str or path
        Made here; must not exist, or be empty. It gets ``page/`` for the listeners, ``key.json``,
        which says what each sound is, and ``README.txt`` for the experimenter.
    data : path or None
        Folder of the corpus; None for where the study says it was.
    systems : sequence of str or None
        See `wheesht.report.listening.conditions.choose_conditions`.
    seed : int
        Of the clips, of the sounds' names, and of their order in the files.
    kind : str
        ``mushra``: every system, a hidden reference, a low anchor and the unprocessed input are
        rated from 0 to 100 beside the clean speech (ITU-R BS.1534). ``ab``: of two systems the
        preferred one is named.

    Returns
    -------
    Path
        The page, ``page/index.html``. It needs no server and no network.

    Raises
    ------
    ParameterError
        No such kind or system, too many of them, or more clips than the study has.
    StudyError
        A clip cannot be played and none is left to take its place.
    OutputExistsError
        The folder holds something.
    MissingDependency
        pyloudnorm is not installed.
    """
    folder = Path(folder)
    _check_folder(folder)
    scores = gather([study])
    conditions = choose_conditions(scores, kind, systems)
    pool = candidates(scores, conditions)
    _check_pool(kind, conditions, pool, n_clips)
    rng = np.random.default_rng(seed)
    chosen, practice, notes = choose_clips(
        pool, n_clips, conditions, lambda clip, i: replay(study, clip.rows[i], data), rng
    )
    names = opaque_names(rng)
    trials = [t for clip in chosen for t in make_trials(clip, conditions, names, rng)]
    rehearsal = next(make_trials(practice, conditions, names, rng))
    trials = [trials[i] for i in rng.permutation(len(trials))]  # their order says nothing
    facts = {
        "seed": seed,
        "selection": _selection(pool, n_clips, seed),
        "practice": rehearsal.key.clip,
        "notes": notes,
    }
    items = {trial.name: trial.key for trial in trials}
    key = Key(_kit_name(trials), kind, tuple(map(_key_condition, conditions)), items, facts)
    return _write(folder, key, trials, rehearsal)


def _check_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputExistsError(
            f"{folder}: exists already, and listeners may have answered it; name another folder"
        )


def _check_pool(
    kind: str, conditions: Sequence[Condition], pool: Sequence[object], n_clips: int
) -> None:
    if not pool and kind == "mushra":
        raise ParameterError(
            "listening test: no clip that every chosen system was given has clean speech, which "
            "is the reference of a MUSHRA test; make a test of preference: --listening-kind ab"
        )
    pairs = len(conditions) * (len(conditions) - 1) // 2
    if kind == "ab" and n_clips * pairs > MOST_TRIALS:
        raise ParameterError(
            f"listening test: {n_clips} clips of {pairs} pairs make {n_clips * pairs} trials, a "
            f"listener can do {MOST_TRIALS}; name fewer systems or ask for fewer clips"
        )


def _selection(pool: Sequence[object], n_clips: int, seed: int) -> str:
    return (
        f"The {len(pool)} clips that every condition has were sorted by SNR and cut into {n_clips} "
        f"parts of equal size; of each part one was drawn with the seed {seed}."
    )


def _kit_name(trials: Sequence[Trial]) -> str:
    """Return a name that belongs to these sounds under these names alone."""
    digest = hashlib.sha256()
    for trial in trials:
        digest.update(trial.name.encode())
        for name, samples in trial.sounds.items():
            digest.update(name.encode() + samples.tobytes())
    return digest.hexdigest()[:12]


def _key_condition(condition: Condition) -> KeyCondition:
    variant = condition.variant
    if variant is None:
        return KeyCondition(condition.role, condition.name)
    return KeyCondition(
        condition.role,
        condition.name,
        variant.system,
        variant.update_percent,
        variant.backend,
        variant.model_sha256,
    )


def _write(folder: Path, key: Key, trials: Sequence[Trial], rehearsal: Trial) -> Path:
    """Write everything beside the target and put it in place when complete."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    partial.mkdir(parents=True)
    try:
        shutil.copytree(PAGE, partial / "page")
        (partial / "page" / "audio").mkdir()
        for trial in (*trials, rehearsal):
            sounds = {name: _wav_in_base64(x) for name, x in trial.sounds.items()}
            _write_script(
                partial / "page" / "audio" / f"{trial.name}.js",
                f'receiveAudio("{trial.name}", {json.dumps(sounds, indent=0)});\n',
            )
        kit = json.dumps(_for_page(key, trials, rehearsal), indent=1)
        _write_script(partial / "page" / "kit.js", f"const KIT = {kit};\n")
        write_key(partial / KEY_NAME, key)
        (partial / "README.txt").write_text(guide(key), encoding="utf-8", errors="replace")
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder / "page" / "index.html"


def _for_page(key: Key, trials: Sequence[Trial], rehearsal: Trial) -> dict[str, Any]:
    """Return what the page may know: names that say nothing, in an order that says nothing."""
    rated = [len(trial.key.stimuli) for trial in trials]
    return {
        "id": key.kit,
        "kind": key.kind,
        "sampleRate": RATE,
        "minutes": max(1, round(sum(rated) * SECONDS_A_SOUND[key.kind] / 60)),
        "trials": [_trial_for_page(trial) for trial in trials],
        "practice": _trial_for_page(rehearsal),
    }


def _trial_for_page(trial: Trial) -> dict[str, Any]:
    rated = [name for name in trial.sounds if name != trial.reference]
    return {"name": trial.name, "reference": trial.reference or None, "sounds": rated}


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def _wav_in_base64(samples: np.ndarray) -> str:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return base64.b64encode(buffer.getvalue()).decode("ascii")
