"""Trials: what is heard side by side, under names that say nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from wheesht.data.testset import RATE
from wheesht.report.listening.conditions import REFERENCE, Condition
from wheesht.report.listening.key import KeyItem
from wheesht.report.listening.selection import Candidate, strata
from wheesht.report.listening.stimuli import Replay, Stimuli, UnusableClip, make_stimuli

Chosen = tuple[Candidate, Stimuli]


@dataclass(frozen=True)
class Trial:
    """One page of the test.

    Attributes
    ----------
    name : str
        All that the page knows of the clip.
    sounds : dict of str to ndarray of int16, shape (N,)
        By name, in random order; the open reference is among them.
    reference : str
        Name of the open reference; empty where there is none.
    key : KeyItem
        What it is.
    """

    name: str
    sounds: dict[str, np.ndarray]
    reference: str
    key: KeyItem


def choose_clips(
    pool: Sequence[Candidate],
    n_clips: int,
    conditions: Sequence[Condition],
    replay: Replay,
    rng: np.random.Generator,
) -> tuple[list[Chosen], Chosen, list[str]]:
    """Choose clips from the whole range of SNRs and make their sounds.

    Returns
    -------
    chosen : list
        `n_clips` clips with their sounds.
    practice : (Candidate, Stimuli)
        Another clip, from the middle of the range; one of the chosen where no other can be used.
    notes : list of str
        What is unusual, such as a clip that was passed over.

    Raises
    ------
    ParameterError
        There are fewer clips than wanted.
    UnusableClip
        A part of the range holds no clip that can be played.
    """
    notes: list[str] = []

    def first_usable(clips: Sequence[Candidate]) -> tuple[Chosen | None, UnusableClip | None]:
        failure = None
        for clip in clips:
            try:
                return (clip, make_stimuli(clip, conditions, replay)), failure
            except UnusableClip as error:
                failure = error
                notes.append(f"passed over: {error}")
        return None, failure

    chosen, spare = [], []
    for part in strata(pool, n_clips, rng):
        found, failure = first_usable(part)
        if found is None:
            assert failure is not None  # a part holds at least one clip
            raise failure
        chosen.append(found)
        spare.append(part[part.index(found[0]) + 1 :])
    middle_first = sorted(range(n_clips), key=lambda i: abs(i - n_clips // 2))
    practice, _ = first_usable([clip for i in middle_first for clip in spare[i]][:MOST_TRIED])
    notes += [note for _, stimuli in chosen for note in stimuli.notes]
    return chosen, practice or chosen[0], notes


MOST_TRIED = 5  # clips for practice, before one of the test's own serves


def make_trials(
    chosen: Chosen, conditions: Sequence[Condition], names: Iterator[str], rng: np.random.Generator
) -> Iterator[Trial]:
    """Yield the trials of a clip: one with all conditions, or one for each pair of them."""
    every = range(len(conditions))
    has_reference = conditions[0].role == REFERENCE
    for indices in [tuple(every)] if has_reference else combinations(every, 2):
        yield _trial(chosen, indices, has_reference, names, rng)


def opaque_names(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of six hexadecimal digits, none twice."""
    used: set[str] = set()
    while True:
        name = f"{rng.integers(16**6):06x}"
        if name not in used:
            used.add(name)
            yield name


def _trial(
    chosen: Chosen,
    indices: Sequence[int],
    has_reference: bool,
    names: Iterator[str],
    rng: np.random.Generator,
) -> Trial:
    clip, stimuli = chosen
    by_name = {next(names): index for index in indices}
    reference = next(names) if has_reference else ""
    index_of = by_name | ({reference: 0} if reference else {})
    order = [list(index_of)[i] for i in rng.permutation(len(index_of))]
    key = KeyItem(
        testset=clip.testset,
        clip=clip.clip,
        noise_kind=clip.facts.noise_kind,
        speaker=clip.facts.speaker,
        snr_db=clip.facts.snr_db,
        start_seconds=stimuli.start_seconds,
        seconds=len(stimuli.samples[0]) / RATE,
        loudness=round(stimuli.loudness, 2),
        gains_db={name: round(stimuli.gains_db[i], 2) for name, i in by_name.items()},
        stimuli=by_name,
    )
    sounds = {name: stimuli.samples[index_of[name]] for name in order}
    return Trial(next(names), sounds, reference, key)
