"""Gains over the unprocessed input, broken down by a property of the clips."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from wheesht.report.numbers.contrasts import gain
from wheesht.report.numbers.scores import ClipFacts, Scores, Variant
from wheesht.statistics import Interval, mean_interval

PAPER_SNRS = (-5.0, 0.0, 5.0)  # dB; of Figure 2 of the D-GRU paper
SAME_SNR = 0.05  # dB; SNRs are given to one decimal
STEP = 5.0  # dB


@dataclass(frozen=True)
class Part:
    """The clips that share a property.

    Attributes
    ----------
    key : str or float
        The property's value.
    n : int
        Clips with a gain for at least one variant.
    noisy : Interval
        Of the unprocessed input.
    gains : dict
        Variant to its mean gain, and how many clips that is of.
    """

    key: str | float
    n: int
    noisy: Interval
    gains: dict[Variant, tuple[Interval, int]]

    @property
    def mean_gain(self) -> float:
        """Mean over the variants, to sort by."""
        return math.fsum(one.mean for one, _ in self.gains.values()) / len(self.gains)


def breakdown(
    scores: Scores,
    testset: str,
    metric: str,
    key_of: Callable[[ClipFacts], str | float | None],
    least: int = 1,
) -> tuple[Part, ...]:
    """Return the gains of every variant in each part of a test set.

    Parameters
    ----------
    scores : Scores
    testset, metric : str
    key_of : callable
        Gives the property of a clip; clips of which it is None are left out.
    least : int
        Parts of fewer clips are left out.

    Returns
    -------
    tuple of Part
        By rising key; empty where the unprocessed input was not scored.
    """
    noisy = scores.noisy(testset)
    if noisy is None:
        return ()
    gains = {v: gain(scores, testset, v, metric) for v in scores.variants(testset) if v != noisy}
    before = scores.values(testset, noisy, metric)
    members: dict[str | float, list[str]] = {}
    for clip, facts in scores.clips[testset].items():
        key = key_of(facts)
        if key is not None and any(clip in found for found in gains.values()):
            members.setdefault(key, []).append(clip)
    parts = []
    for key in sorted(members):
        clips = members[key]
        if len(clips) < least:
            continue
        found = {}
        for variant, by_clip in gains.items():
            values = [by_clip[clip] for clip in clips if clip in by_clip]
            if values:
                found[variant] = mean_interval(values), len(values)
        start = mean_interval([before[clip] for clip in clips])
        parts.append(Part(key, len(clips), start, found))
    return tuple(parts)


def paper_snr(facts: ClipFacts) -> float | None:
    """Return -5, 0 or 5 for a clip at exactly that SNR in dB, else None."""
    if facts.snr_db is None:
        return None
    return next((s for s in PAPER_SNRS if abs(facts.snr_db - s) <= SAME_SNR), None)


def snr_step(facts: ClipFacts) -> float | None:
    """Return the middle of the step of 5 dB that a clip's SNR lies in: [2.5, 7.5) is 5."""
    if facts.snr_db is None or not math.isfinite(facts.snr_db):
        return None
    return STEP * math.floor(facts.snr_db / STEP + 0.5)


def noise_kind(facts: ClipFacts) -> str | None:
    """Return the kind of noise, None where the test set does not say."""
    return facts.noise_kind or None
