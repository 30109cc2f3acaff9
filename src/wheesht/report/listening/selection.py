"""Which clips are listened to: some from each part of the range of SNRs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wheesht.errors import ParameterError
from wheesht.evaluation.study import Row
from wheesht.report.listening.conditions import REFERENCE, Condition
from wheesht.report.numbers.scores import ClipFacts, Scores, Variant


@dataclass(frozen=True)
class Candidate:
    """A clip that every condition has.

    Attributes
    ----------
    testset, clip : str
    facts : ClipFacts
    rows : tuple of Row
        One for each condition; that of another condition where the audio of noisy or clean is
        all that is needed.
    """

    testset: str
    clip: str
    facts: ClipFacts
    rows: tuple[Row, ...]


def candidates(scores: Scores, conditions: Sequence[Condition]) -> list[Candidate]:
    """Return the clips that could be read and that all systems were given.

    For a test with a reference only clips with clean speech count; those have an SNR.
    """
    variants = [condition.variant for condition in conditions if condition.variant]
    needs_clean = any(condition.role == REFERENCE for condition in conditions)
    found = []
    for testset in scores.testsets:
        for clip, facts in scores.clips[testset].items():
            rows = _rows(scores, testset, clip, variants)
            if rows and (facts.snr_db is not None or not needs_clean):
                per_condition = [rows.get(condition.variant) for condition in conditions]
                any_row = next(iter(rows.values()))
                found.append(
                    Candidate(testset, clip, facts, tuple(row or any_row for row in per_condition))
                )
    return found


def _rows(
    scores: Scores, testset: str, clip: str, variants: Sequence[Variant]
) -> dict[Variant | None, Row]:
    """Return the row of each variant; nothing when one is missing or was never read."""
    rows: dict[Variant | None, Row] = {}
    for variant in variants:
        row = scores.rows.get((testset, variant), {}).get(clip)
        if row is None or not row.audio_sha256:
            return {}
        rows[variant] = row
    return rows


def strata(
    clips: Sequence[Candidate], n_clips: int, rng: np.random.Generator
) -> list[list[Candidate]]:
    """Sort clips by SNR and cut the row into `n_clips` parts, each in random order.

    Parameters
    ----------
    clips : sequence of Candidate
        Those without an SNR go to the end of the row.
    n_clips : int
        Wanted for the test: the first of each part takes part, the others stand in for it.
    rng : Generator

    Returns
    -------
    list of list of Candidate
        From the lowest SNRs to the highest; sizes differ by at most one.

    Raises
    ------
    ParameterError
        There are fewer clips than wanted, or none is wanted.
    """
    if not 1 <= n_clips <= len(clips):
        raise ParameterError(
            f"listening test: got {n_clips} clips, the study has {len(clips)} that every chosen "
            f"system was given; ask for 1 to {len(clips)}"
        )
    shuffled = [clips[i] for i in rng.permutation(len(clips))]  # equal SNRs in no order
    ordered = sorted(shuffled, key=_snr)
    parts = np.array_split(np.arange(len(ordered)), n_clips)
    return [[ordered[i] for i in rng.permutation(part)] for part in parts]


def _snr(candidate: Candidate) -> float:
    snr = candidate.facts.snr_db
    return float("inf") if snr is None else snr
