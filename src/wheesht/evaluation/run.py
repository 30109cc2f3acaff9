"""Scoring systems on test sets: the whole study, resumable, in worker processes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheesht.data.clip_set import ClipSet
from wheesht.evaluation.clip_scores import ClipJob, failed, score_clip
from wheesht.evaluation.facts import counted, merged, versions
from wheesht.evaluation.ledger import Ledger
from wheesht.evaluation.plan import Plan, Settings, plan
from wheesht.evaluation.study import SUMMARY, Row, Study, key_of, read_study
from wheesht.evaluation.summary import Summary, summarise, summary_table
from wheesht.evaluation.systems.backends import BACKENDS
from wheesht.metrics import METRICS
from wheesht.workers import run_in_processes, worker_count

KILLED = (
    "the process at work on this clip was killed, perhaps for want of memory; run the same "
    "command again with --jobs 1"
)


class Watcher:
    """Is told how a run goes on; this one does nothing."""

    def warn(self, sentence: str) -> None:
        """Something deserves attention; nothing has been scored yet."""

    def begin(self, n_clips: int) -> None:
        """So many clips are about to be scored."""

    def advance(self) -> None:
        """One more clip is done and on disk."""


@dataclass(frozen=True)
class Evaluation:
    """What a run came to.

    Attributes
    ----------
    study : Study
        All of it, with the rows of earlier runs.
    rows : tuple of Row
        Those that the settings asked for.
    summaries : tuple of Summary
        Of these rows.
    plan : Plan
        What the settings stood for.
    """

    study: Study
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    plan: Plan

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows that lack a score."""
        return tuple(row for row in self.rows if row.error)

    def to_dict(self) -> dict[str, Any]:
        """Return the document that ``wheesht evaluate --json`` prints."""
        about = ("testset", "clip", "system", "update_percent", "backend", "error")
        return {
            "study": str(self.study.folder),
            "rows": [summary.to_dict() for summary in self.summaries],
            "failed": [{name: getattr(row, name) for name in about} for row in self.failed],
        }


def evaluate(
    settings: Settings,
    folder: Path | str = "evaluation",
    jobs: int = 0,
    overwrite: bool = False,
    command: str = "",
    watcher: Watcher | None = None,
) -> Evaluation:
    """Score systems on test sets and write the study.

    Parameters
    ----------
    settings : Settings
        What to score. The unprocessed input is always scored too.
    folder : path
        Of the study. Rows of an earlier run stay where audio and model are still the same, so a
        run that was cut off goes on, and one study can be made by several commands.
    jobs : int
        Worker processes, one thread each; 0 for all cores. The result does not depend on it.
    overwrite : bool
        Whether to forget a study that is there.
    command : str
        To be kept in ``study.json``; default says what was asked.
    watcher : Watcher, optional

    Returns
    -------
    Evaluation

    Raises
    ------
    ParameterError, BundleError, CorpusError
        The settings name what is not there; nothing has been written.
    StudyError
        The folder cannot be used, or holds a study that this would spoil.
    MissingDependency
        A metric or backend is not installed.

    Notes
    -----
    In a script, call this below ``if __name__ == "__main__":``, since workers import the script.

    Examples
    --------
    >>> found = evaluate(Settings(("noisy_and_clean/",), ("gru:100,50",)))  # doctest: +SKIP
    >>> found.summaries[0].metrics["pesq_wb"].mean  # doctest: +SKIP
    1.9
    """
    watcher = watcher or Watcher()
    wanted = plan(settings)
    for sentence in wanted.warnings:
        watcher.warn(sentence)
    with Ledger(Path(folder), overwrite) as ledger:
        metrics = [name for name in METRICS if name in {*ledger.metrics, *wanted.metrics}]
        _drop_stale(ledger, wanted, watcher)
        facts = merged(
            ledger.facts,
            command or f"evaluate({settings!r})",
            wanted.sets,
            wanted.model_facts,
            wanted.folders,
            versions(settings.backend if wanted.models else ""),
        )
        ledger.begin(counted(facts, wanted.sets, ledger.rows), metrics)
        _score(ledger, wanted, worker_count(jobs), watcher)
        ledger.finish(_order(facts))
        ledger.write_facts(counted(facts, wanted.sets, ledger.rows))
        study = read_study(folder)  # what is on disk is what is summed up
        ledger.write_table(SUMMARY, summary_table(summarise(study.rows, metrics), metrics))
    asked = wanted.keys()
    rows = tuple(row for row in study.rows if key_of(row) in asked)
    return Evaluation(study, rows, tuple(summarise(rows, metrics)), wanted)


def _score(ledger: Ledger, wanted: Plan, workers: int, watcher: Watcher) -> None:
    jobs = [job for clips in wanted.sets for job in _jobs(ledger, wanted, clips)]
    watcher.begin(len(jobs))

    def keep(job: ClipJob, rows: list[Row] | None) -> None:
        if rows is None:
            rows = [row for row in failed(job, KILLED) if key_of(row) not in job.known]
        ledger.add(rows)
        watcher.advance()

    run_in_processes(jobs, score_clip, workers, keep)


def _jobs(ledger: Ledger, wanted: Plan, clips: ClipSet) -> list[ClipJob]:
    systems = wanted.systems_for(clips)
    return [
        ClipJob(
            clips.name,
            clip,
            systems[clip.name],
            tuple(ledger.metrics),
            ledger.rows_of(clips.name, clip.name),
        )
        for clip in clips.clips[: wanted.limit]
    ]


def _drop_stale(ledger: Ledger, wanted: Plan, watcher: Watcher) -> None:
    """Drop rows of models and test sets that were replaced, which nothing would check again."""
    models = {model.name: model.sha256 for model in wanted.models}
    before = ledger.facts.get("testsets", {})
    changed = {
        clips.name
        for clips in wanted.sets
        if before.get(clips.name, {}).get("sha256", clips.sha256) != clips.sha256
    }
    asked = wanted.keys()

    def is_wanted(row: Row) -> bool:
        if row.backend and models.get(row.system, row.model_sha256) != row.model_sha256:
            return False
        return row.testset not in changed or key_of(row) in asked

    count = len(ledger.rows)
    ledger.retain(is_wanted)
    if dropped := count - len(ledger.rows):
        watcher.warn(
            f"{ledger.folder}: {dropped} of its rows are about a model or a test set that has "
            f"changed since; they are dropped"
        )


def _order(facts: dict[str, Any]) -> Callable[[Row], tuple[Any, ...]]:
    """Return the sorting key of rows: test set, system, P from high to low, backend, clip."""
    testsets, systems = list(facts["testsets"]), list(facts["systems"])
    backends = ["", *BACKENDS]

    def key(row: Row) -> tuple[Any, ...]:
        return (
            testsets.index(row.testset),
            systems.index(row.system),
            -(row.update_percent or 0.0),
            backends.index(row.backend),
            row.clip,
        )

    return key
