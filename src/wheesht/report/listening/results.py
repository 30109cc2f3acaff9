"""What listeners heard: mean scores, comparisons, and who could not be counted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.errors import StudyError
from wheesht.report.listening.conditions import ANCHOR, REFERENCE
from wheesht.report.listening.key import Key, read_key
from wheesht.report.listening.screening import Finding, screen
from wheesht.report.listening.sheets import read_sheets
from wheesht.statistics import Interval, binomial, crossed_interval, holm, wilcoxon

# From 6 listeners on a Wilcoxon test over them can fall below 0.05 at all: 2 / 2**6 = 0.03.
LEAST_LISTENERS = 6


@dataclass(frozen=True)
class ConditionScore:
    """A condition of a MUSHRA test: mean of all ratings (0 to 100) with its interval, median."""

    name: str
    role: str
    score: Interval
    median: float


@dataclass(frozen=True)
class Contrast:
    """Two conditions of a MUSHRA test.

    Attributes
    ----------
    a, b : str
    difference : Interval
        Mean rating of a minus that of b, 0 to 100.
    p_wilcoxon, p_holm : float
        Two-sided, paired, over listeners or clips (see `Results.unit`); corrected for all pairs.
    """

    a: str
    b: str
    difference: Interval
    p_wilcoxon: float
    p_holm: float


@dataclass(frozen=True)
class Preference:
    """Two conditions of a test of preference.

    Attributes
    ----------
    a, b : str
    prefer_a, neither, prefer_b : int
        Answers of all listeners on all clips.
    share : Interval
        Mean of the answers, 1 for a, 0 for b, 0.5 for neither; over listeners and clips.
    p_answers : float
        Binomial, two-sided, over single answers, those for neither left out.
    p_listeners : float
        The same over listeners: how many preferred a more often than b.
    p_holm : float
        The one that counts (see `Results.unit`), corrected for all pairs.
    """

    a: str
    b: str
    prefer_a: int
    neither: int
    prefer_b: int
    share: Interval
    p_answers: float
    p_listeners: float
    p_holm: float


@dataclass(frozen=True)
class ClipScore:
    """A clip of a MUSHRA test: mean rating of each condition over listeners."""

    testset: str
    clip: str
    snr_db: float | None
    noise_kind: str
    means: tuple[float, ...]


@dataclass(frozen=True)
class Results:
    """The outcome of a listening test.

    Attributes
    ----------
    key : Key
    listeners : tuple of str
        Those who count.
    devices : dict of str to int
        How many of them listened with what.
    minutes : float
        Median time that they took.
    unit : str
        What the tests go over: ``listeners`` or, when there are few, ``clips`` (MUSHRA) or
        ``answers`` (preference).
    scores, contrasts, clips : tuple
        Of a MUSHRA test, else empty. Contrasts leave out hidden reference and anchor.
    preferences : tuple
        Of a test of preference, else empty.
    excluded : tuple of Finding
        Listeners that post-screening found.
    excluded_are_kept : bool
        Whether they count all the same.
    rejected : tuple of str
        A sentence for each file that could not be used.
    """

    key: Key
    listeners: tuple[str, ...]
    devices: dict[str, int]
    minutes: float
    unit: str
    scores: tuple[ConditionScore, ...]
    contrasts: tuple[Contrast, ...]
    clips: tuple[ClipScore, ...]
    preferences: tuple[Preference, ...]
    excluded: tuple[Finding, ...]
    excluded_are_kept: bool
    rejected: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; numbers that do not exist are None."""
        document = asdict(self)
        key = document.pop("key")
        return _without_nan({"kit": key["kit"], "kind": key["kind"], **document})

    def to_markdown(self) -> str:
        """Return the tables and what they mean as Markdown."""
        from wheesht.report.listening.results_page import document_of
        from wheesht.report.page import to_markdown

        return to_markdown(document_of(self))

    def to_html(self) -> str:
        """Return the same as a page."""
        from wheesht.report.listening.results_page import document_of
        from wheesht.report.page import to_html

        return to_html(document_of(self))


def analyse(folder: str | Path, keep_excluded: bool = False) -> Results:
    """Analyse the answers of all listeners.

    Parameters
    ----------
    folder : str or path
        Holds the listeners' CSV files, or has them in its folder ``results``; ``key.json`` is
        beside them or one folder above.
    keep_excluded : bool
        Whether listeners that post-screening finds count all the same.

    Returns
    -------
    Results

    Raises
    ------
    StudyError
        There is no key or no usable file, or post-screening leaves nobody.
    MissingDependency
        SciPy is not installed.

    Notes
    -----
    Intervals come from a bootstrap over listeners and clips at once (`crossed_interval`). The
    tests take the mean of each listener over clips as one value, because the answers of one
    listener are not independent: taken as if they were, 12 listeners who differ find something in
    nothing in a quarter of the studies (``benchmarks/false_positive_rates.py``). Only where there
    are fewer than 6 listeners, too few for that, the means of the clips over listeners, or the
    single answers, are compared. That speaks of these listeners only.
    """
    folder = Path(folder)
    key = read_key(folder)
    paths = sorted(folder.glob("*.csv")) + sorted((folder / "results").glob("*.csv"))
    if not paths:
        raise StudyError(f"{folder}: holds no CSV file of a listener; put them there")
    sheets, rejected = read_sheets(paths, key)
    if not sheets:
        raise StudyError(f"{folder}: none of {len(paths)} files can be used. " + " ".join(rejected))
    excluded = screen(sheets, key)
    names = {finding.listener for finding in excluded}
    counted = [sheet for sheet in sheets if keep_excluded or sheet.listener not in names]
    if not counted:
        reasons = "; ".join(f"{finding.listener} {finding.reason}" for finding in excluded)
        raise StudyError(
            f"{folder}: post-screening excludes every listener ({reasons}); keep them all the same "
            f"with --keep-excluded"
        )
    ratings = np.array([[sheet.scores[item] for item in key.items] for sheet in counted])
    over_listeners = len(counted) >= LEAST_LISTENERS
    is_mushra = key.kind == "mushra"
    devices = [sheet.device for sheet in counted]
    return Results(
        key=key,
        listeners=tuple(sheet.listener for sheet in counted),
        devices={device: devices.count(device) for device in sorted(set(devices))},
        minutes=float(np.median([sheet.seconds for sheet in counted])) / 60,
        unit="listeners" if over_listeners else "clips" if is_mushra else "answers",
        scores=_scores(key, ratings) if is_mushra else (),
        contrasts=_contrasts(key, ratings, over_listeners) if is_mushra else (),
        clips=_clips(key, ratings) if is_mushra else (),
        preferences=() if is_mushra else _preferences(key, ratings, over_listeners),
        excluded=tuple(excluded),
        excluded_are_kept=keep_excluded,
        rejected=tuple(rejected),
    )


def _scores(key: Key, ratings: np.ndarray) -> tuple[ConditionScore, ...]:
    """Summarise ratings, (L, I, K), by condition."""
    return tuple(
        ConditionScore(
            condition.name,
            condition.role,
            crossed_interval(ratings[:, :, k]),
            float(np.median(ratings[:, :, k])),
        )
        for k, condition in enumerate(key.conditions)
    )


def _contrasts(key: Key, ratings: np.ndarray, over_listeners: bool) -> tuple[Contrast, ...]:
    tested = [k for k, c in enumerate(key.conditions) if c.role not in (REFERENCE, ANCHOR)]
    pairs = list(combinations(tested, 2))
    means = ratings.mean(axis=1 if over_listeners else 0)  # (L, K) or (I, K)
    raw = [wilcoxon(means[:, a], means[:, b]) for a, b in pairs]
    return tuple(
        Contrast(
            key.conditions[a].name,
            key.conditions[b].name,
            crossed_interval(ratings[:, :, a] - ratings[:, :, b]),
            p,
            float(corrected),
        )
        for (a, b), p, corrected in zip(pairs, raw, holm(raw), strict=True)
    )


def _clips(key: Key, ratings: np.ndarray) -> tuple[ClipScore, ...]:
    means = ratings.mean(axis=0)
    found = [
        ClipScore(item.testset, item.clip, item.snr_db, item.noise_kind, tuple(map(float, row)))
        for item, row in zip(key.items.values(), means, strict=True)
    ]
    # By falling SNR; clips that have none come last.
    return tuple(sorted(found, key=lambda c: np.inf if c.snr_db is None else -c.snr_db))


def _preferences(key: Key, ratings: np.ndarray, over_listeners: bool) -> tuple[Preference, ...]:
    """Summarise answers, (L, I, K) with NaN for what a trial does not hold, by pair."""
    indices = [sorted(item.stimuli.values()) for item in key.items.values()]
    pairs = sorted({(a, b) for a, b in indices})
    answers = [
        ratings[:, [i for i, pair in enumerate(indices) if tuple(pair) == (a, b)], a]
        for a, b in pairs
    ]  # (L, clips): 1 where a is preferred
    over_answers = [_binomial(x) for x in answers]
    over_people = [_binomial(x.mean(axis=1)) for x in answers]
    corrected = holm(over_people if over_listeners else over_answers).tolist()
    names = [condition.name for condition in key.conditions]
    return tuple(
        Preference(
            a=names[a],
            b=names[b],
            prefer_a=int(np.sum(x == 1)),
            neither=int(np.sum(x == 0.5)),
            prefer_b=int(np.sum(x == 0)),
            share=crossed_interval(x),
            p_answers=over_answers[i],
            p_listeners=over_people[i],
            p_holm=corrected[i],
        )
        for i, ((a, b), x) in enumerate(zip(pairs, answers, strict=True))
    )


def _binomial(answers: np.ndarray) -> float:
    return binomial(int(np.sum(answers > 0.5)), int(np.sum(answers != 0.5)))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
