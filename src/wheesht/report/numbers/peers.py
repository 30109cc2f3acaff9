"""Scores of rivals on the same clips, from a folder of tables."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from wheesht.errors import StudyError
from wheesht.evaluation.study import NOISY, Row
from wheesht.metrics import METRICS
from wheesht.report.digits import shown
from wheesht.report.numbers.scores import Scores, Variant

# Their si_sdr has the means removed, which is what we call SI-SNR.
OUR_NAME = {"si_sdr": "si_snr"}
_FIXED = ("peer", "file")


@dataclass(frozen=True)
class Peers:
    """Scores of rivals.

    Attributes
    ----------
    folder : Path
        Where they were read.
    scores : dict
        Test set to rival to clip to metric to score; names of metrics are ours. The unprocessed
        input is the rival ``noisy``, which shows whether the clips are the same.
    """

    folder: Path
    scores: dict[str, dict[str, dict[str, dict[str, float]]]]


@dataclass(frozen=True)
class Agreement:
    """How far two sources' scores of the same unprocessed clips are apart at most."""

    testset: str
    metric: str
    n: int
    worst: float


def read_peers(folder: Path, testsets: tuple[str, ...]) -> Peers:
    """Read ``scores_<testset>.csv`` of every test set that has one.

    Parameters
    ----------
    folder : Path
        Its tables have the columns ``peer``, ``file`` (the clip's name) and one a metric.
    testsets : tuple of str
        Names of the test sets of the study.

    Raises
    ------
    StudyError
        There is no table for any of the test sets, or one is damaged.
    """
    scores = {}
    for testset in testsets:
        path = folder / f"scores_{testset}.csv"
        if path.is_file():
            scores[testset] = _read(path)
    if not scores:
        wanted = ", ".join(f"scores_{name}.csv" for name in testsets)
        raise StudyError(f"{folder}: has none of {wanted}; name the folder that holds one")
    return Peers(folder, scores)


def beside(scores: Scores, peers: Peers) -> Scores:
    """Return our scores and the rivals', on the clips of the study that rivals have."""
    together = Scores(tuple(name for name in scores.testsets if name in peers.scores), {}, {})
    for testset in together.testsets:
        rivals = peers.scores[testset]
        common = {clip for found in rivals.values() for clip in found}
        clips = {c: facts for c, facts in scores.clips[testset].items() if c in common}
        together.clips[testset] = clips
        for variant in scores.variants(testset):
            rows = scores.rows[testset, variant]
            together.rows[testset, variant] = {c: rows[c] for c in clips if c in rows}
        for name, found in rivals.items():
            theirs = {c: _row(testset, c, name, found[c]) for c in clips if c in found}
            if name != NOISY and theirs:
                together.rows[testset, _rival(name)] = theirs
    return together


def agreement(scores: Scores, peers: Peers, testset: str) -> tuple[Agreement, ...]:
    """Compare both sources' scores of the unprocessed clips, which must be equal.

    Returns
    -------
    tuple of Agreement
        One for each metric that both have; empty when one of them lacks the unprocessed input.
    """
    theirs = peers.scores.get(testset, {}).get(NOISY, {})
    noisy = scores.noisy(testset)
    found = []
    for metric in scores.metrics(testset) if noisy else ():
        ours = scores.values(testset, noisy, metric)  # type: ignore[arg-type]
        gaps = [abs(ours[c] - theirs[c][metric]) for c in ours if metric in theirs.get(c, {})]
        if gaps:
            found.append(Agreement(testset, metric, len(gaps), max(gaps)))
    return tuple(found)


def _rival(name: str) -> Variant:
    return Variant(name, None, "", "", "rival", name)


def _row(testset: str, clip: str, name: str, scores: dict[str, float]) -> Row:
    return Row(testset, clip, name, None, "", "", "", None, "", "", None, None, scores)


def _read(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            for row in csv.DictReader(file):
                clips = found.setdefault(shown(row["peer"]), {})
                clips[row["file"]] = _scores(row)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise StudyError(
            f"{path}: not a table with the columns peer, file and metrics ({error!r})"
        ) from error
    return found


def _scores(row: dict[str, str]) -> dict[str, float]:
    named = {OUR_NAME.get(name, name): text for name, text in row.items() if name not in _FIXED}
    scores = {name: float(text) for name, text in named.items() if text and name in METRICS}
    return {name: value for name, value in scores.items() if math.isfinite(value)}
