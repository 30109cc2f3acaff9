"""The scores of one study or several, by test set, variant, metric and clip."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from wheesht.errors import StudyError
from wheesht.evaluation.study import NOISY, Row, Study
from wheesht.metrics import METRICS
from wheesht.report.digits import percent, shown
from wheesht.statistics import Interval, mean_interval

KINDS = ("noisy", "model", "folder", "rival")  # of systems, in the order of every table


@dataclass(frozen=True)
class Variant:
    """A system at one setting: a row of a table, a point of a chart.

    Attributes
    ----------
    system : str
        As the study names it.
    update_percent : float or None
        The dial in percent; None where no model ran.
    backend, model_sha256 : str
        Empty where no model ran.
    kind : str
        One of `KINDS`.
    name : str
        The system for people, with what tells it apart from others of that name.
    """

    system: str
    update_percent: float | None
    backend: str
    model_sha256: str
    kind: str
    name: str

    @property
    def label(self) -> str:
        """Name and setting."""
        if self.update_percent is None:
            return self.name
        return f"{self.name}, P = {percent(self.update_percent)}"

    @property
    def phrase(self) -> str:
        """Name and setting within a sentence."""
        if self.update_percent is None:
            return self.name
        return f"{self.name} at P = {percent(self.update_percent)}"


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a clip whatever was done to it."""

    snr_db: float | None
    noise_kind: str
    speaker: str


@dataclass
class Scores:
    """All scores; made by `gather`.

    Attributes
    ----------
    testsets : tuple of str
        In the order of the studies.
    clips : dict
        Test set to clip to `ClipFacts`.
    rows : dict
        (Test set, variant) to clip to `Row`.
    """

    testsets: tuple[str, ...]
    clips: dict[str, dict[str, ClipFacts]]
    rows: dict[tuple[str, Variant], dict[str, Row]]
    _intervals: dict[tuple[str, Variant, str], Interval | None] = field(default_factory=dict)

    @property
    def all_variants(self) -> tuple[Variant, ...]:
        """Every variant: unprocessed, then models by falling update percentage, then folders."""
        return _ordered(variant for _, variant in self.rows)

    def variants(self, testset: str) -> tuple[Variant, ...]:
        """Return the variants that a test set was given to, in order."""
        return _ordered(variant for name, variant in self.rows if name == testset)

    def noisy(self, testset: str) -> Variant | None:
        """Return the unprocessed input, if the study has it."""
        return next((v for v in self.variants(testset) if v.kind == "noisy"), None)

    def metrics(self, testset: str | None = None) -> tuple[str, ...]:
        """Return the metrics that anything was scored with, in the usual order."""
        found = {
            metric: None
            for (name, _), rows in self.rows.items()
            if testset in (None, name)
            for row in rows.values()
            for metric in row.scores
        }
        return (*(m for m in METRICS if m in found), *(m for m in found if m not in METRICS))

    def values(self, testset: str, variant: Variant, metric: str) -> dict[str, float]:
        """Return the scores by clip; a clip without a finite score is absent."""
        rows = self.rows.get((testset, variant), {})
        found = ((clip, row.scores.get(metric, math.nan)) for clip, row in rows.items())
        return {clip: value for clip, value in found if math.isfinite(value)}

    def interval(self, testset: str, variant: Variant, metric: str) -> Interval | None:
        """Return the mean over clips and its 95 % interval; None without any score."""
        key = testset, variant, metric
        if key not in self._intervals:
            values = list(self.values(*key).values())
            self._intervals[key] = mean_interval(values) if values else None
        return self._intervals[key]

    def paired(
        self, testset: str, metric: str, variants: Sequence[Variant]
    ) -> tuple[list[str], np.ndarray]:
        """Return the clips that all variants have a score of, and the scores.

        Returns
        -------
        clips : list of str, length N
        scores : ndarray, shape (len(variants), N)
        """
        by_clip = [self.values(testset, variant, metric) for variant in variants]
        clips = [clip for clip in by_clip[0] if all(clip in one for one in by_clip)]
        return clips, np.array([[one[clip] for clip in clips] for one in by_clip])

    def only(self, testset: str, keep: Callable[[ClipFacts], bool]) -> "Scores":
        """Return the scores of those clips of one test set whose facts `keep` accepts."""
        clips = {clip: facts for clip, facts in self.clips[testset].items() if keep(facts)}
        rows = {
            (name, variant): {clip: row for clip, row in found.items() if clip in clips}
            for (name, variant), found in self.rows.items()
            if name == testset
        }
        return Scores((testset,), {testset: clips}, rows)

    def executed_macs(self, testset: str, variant: Variant) -> float | None:
        """Return the mean over clips of the MACs per second of audio, where counted."""
        rows = self.rows.get((testset, variant), {}).values()
        counts = [row.executed_macs for row in rows if row.executed_macs is not None]
        return float(np.mean(counts)) if counts else None


def gather(studies: Sequence[Study]) -> Scores:
    """Put the rows of several studies together.

    Parameters
    ----------
    studies : sequence of Study
        At least one. Where two hold the same clip for the same variant, the metrics of both are
        kept; of a metric that both have, the first study's value.

    Raises
    ------
    StudyError
        There is no row at all, or two studies hold different audio under one name.
    """
    if not any(study.rows for study in studies):
        folders = ", ".join(str(study.folder) for study in studies)
        raise StudyError(f"{folders}: no clip has been scored yet; let wheesht evaluate finish")
    name_of = _names(studies)
    scores = Scores(tuple(dict.fromkeys(row.testset for s in studies for row in s.rows)), {}, {})
    audio: dict[tuple[str, ...], tuple[str, Study]] = {}
    for study in studies:
        for row in study.rows:
            kind = _kind(row, study)
            variant = Variant(
                row.system,
                row.update_percent,
                row.backend,
                row.model_sha256,
                kind,
                name_of[row.system, row.backend, row.model_sha256],
            )
            _check_same_audio(audio, row, kind, study)
            facts = ClipFacts(row.snr_db, row.noise_kind, row.speaker)
            scores.clips.setdefault(row.testset, {}).setdefault(row.clip, facts)
            rows = scores.rows.setdefault((row.testset, variant), {})
            known = rows.get(row.clip)
            rows[row.clip] = row if known is None else _merged(known, row)
    return scores


def _ordered(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    systems = list(dict.fromkeys(variants))
    first = {variant.name: i for i, variant in reversed(list(enumerate(systems)))}

    def place(variant: Variant) -> tuple[int, int, float]:
        setting = variant.update_percent
        return KINDS.index(variant.kind), first[variant.name], -(setting or 0.0)

    return tuple(sorted(systems, key=place))


def _kind(row: Row, study: Study) -> str:
    fact = study.facts.get("systems", {}).get(row.system, {})
    if isinstance(fact, dict) and fact.get("kind") in KINDS:
        return str(fact["kind"])
    if row.system == NOISY:
        return "noisy"
    return "folder" if row.update_percent is None else "model"


def _names(studies: Sequence[Study]) -> dict[tuple[str, str, str], str]:
    """Return a name for each (system, backend, hash), with what tells equal systems apart."""
    found = {(r.system, r.backend, r.model_sha256): None for s in studies for r in s.rows}
    names = {}
    for system, backend, sha256 in found:
        others = [key for key in found if key[0] == system]
        marks = []
        if len({b for _, b, _ in others}) > 1:
            marks.append(backend)
        if len({sha for _, _, sha in others if sha}) > 1:
            marks.append(sha256[:6])
        mark = ", ".join(filter(None, marks))
        names[system, backend, sha256] = shown(f"{system} ({mark})" if mark else system)
    return names


def _check_same_audio(
    audio: dict[tuple[str, ...], tuple[str, Study]], row: Row, kind: str, study: Study
) -> None:
    """Raise when a clip's samples are not those that another row was made from."""
    if not row.audio_sha256:
        return
    owner = row.system if kind == "folder" else ""  # its hash covers its own files too
    known, other = audio.setdefault((row.testset, row.clip, owner), (row.audio_sha256, study))
    if known != row.audio_sha256:
        raise StudyError(
            f"{study.folder}: clip {row.clip} of test set {row.testset} has samples "
            f"{row.audio_sha256}, in {other.folder} {known}; evaluate one of them anew, or give "
            f"different things different names"
        )


def _merged(first: Row, second: Row) -> Row:
    scores = second.scores | first.scores
    return Row(**{**vars(first), "scores": scores, "error": first.error or second.error})
