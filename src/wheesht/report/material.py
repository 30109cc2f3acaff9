"""Everything that the sections of a page are made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wheesht.errors import ParameterError
from wheesht.evaluation.study import BENCH, Study
from wheesht.metrics import METRICS
from wheesht.report.numbers.networks import Network, describe
from wheesht.report.numbers.peers import Peers, beside, read_peers
from wheesht.report.numbers.scores import Scores, Variant, gather
from wheesht.report.numbers.times import Times, read_times

# What a test set without clean speech is judged by when the wanted metric needs one.
WITHOUT_CLEAN = ("dnsmos_ovrl", "dnsmos_p808")
# By unit, the largest mean difference that is called equal unless the user names another: about
# what listeners and other papers would not make a point of.
MARGINS = {"MOS": 0.05, "MOS-LQO": 0.05, "dB": 0.5, "": 0.01}


@dataclass(frozen=True)
class Options:
    """What a page is to hold.

    Attributes
    ----------
    peers : Path or None
        Folder of rivals' scores.
    bench : tuple of Path
        Files of times, beside those in the studies.
    data : Path or None
        Folder of the corpus; None for where the studies say it was.
    metric : str or None
        The one that sections on a single metric are about; None for the first in the order of
        `wheesht.metrics.METRICS` that the studies have.
    margin : float or None
        Of the equivalence test, in the unit of that metric, > 0; None for that of `MARGINS`.
    worst : int
        How many of the worst clips to show; 0 for none.
    has_audio : bool
        Whether the worst clips come with spectrograms and players.
    listening_results : Path or None
        Folder of the answers of a listening test.
    keep_excluded : bool
        Whether listeners count whom post-screening would leave out.
    command : str
        The command line that made the page, to be quoted there; may be empty.
    """

    peers: Path | None = None
    bench: tuple[Path, ...] = ()
    data: Path | None = None
    metric: str | None = None
    margin: float | None = None
    worst: int = 10
    has_audio: bool = True
    listening_results: Path | None = None
    keep_excluded: bool = False
    command: str = ""


@dataclass(frozen=True)
class Material:
    """The studies, read and put together, and what was given beside them.

    `scores` holds the studies only, `with_rivals` also the rivals, on the clips that both have.
    `metric` is the one that stands for all, None where nothing was scored.
    """

    studies: tuple[Study, ...]
    scores: Scores
    networks: dict[Variant, Network]
    times: Times
    peers: Peers | None
    with_rivals: Scores | None
    options: Options
    metric: str | None

    def metric_of(self, testset: str) -> str | None:
        """Return the metric that a test set is judged by; None when nothing fits.

        That is the one that stands for all. A set of recordings without clean speech is judged
        by one that does without. A set that has clean speech but not that metric is judged by
        the first that it has, unless the user asked for a certain one.
        """
        scored = _judging(self.scores.metrics(testset))
        if self.metric in scored:
            return self.metric
        if not any(METRICS[metric].needs_clean for metric in scored):
            return next((m for m in (*WITHOUT_CLEAN, *scored) if m in scored), None)
        return scored[0] if self.options.metric is None else None

    def margin_of(self, metric: str) -> float:
        """Return the margin of the equivalence test in a metric.

        The user's counts for the metric that stands for all and those on a scale like its own.
        """
        usual = MARGINS[METRICS[metric].unit]
        if self.options.margin is None or self.metric is None:
            return usual
        is_alike = usual == MARGINS[METRICS[self.metric].unit]
        return self.options.margin if is_alike else usual

    @property
    def margins(self) -> dict[str, float]:
        """Margin of each metric that some test set is judged by."""
        judged = (self.metric_of(testset) for testset in self.scores.testsets)
        return {metric: self.margin_of(metric) for metric in judged if metric is not None}

    def network(self, variant: Variant) -> Network:
        """Return what is known of a variant's model; of others, nothing."""
        return self.networks.get(variant, Network())


def read_material(studies: Sequence[Study], options: Options) -> Material:
    """Put studies and what stands beside them together.

    Raises
    ------
    ParameterError
        No such metric, it has no better direction, no clip was scored with it, or the margin is
        not positive.
    StudyError
        Studies do not fit together, or a file beside them is damaged.
    """
    _check(options)
    scores = gather(studies)
    metric = _standing_for_all(options.metric, scores)
    benched = [study.folder / BENCH for study in studies if (study.folder / BENCH).is_file()]
    peers = read_peers(options.peers, scores.testsets) if options.peers else None
    return Material(
        studies=tuple(studies),
        scores=scores,
        networks=describe(studies, scores.all_variants),
        times=_of_one_machine(read_times([*benched, *options.bench]), scores),
        peers=peers,
        with_rivals=beside(scores, peers) if peers else None,
        options=options,
        metric=metric,
    )


def _check(options: Options) -> None:
    if options.metric is not None and options.metric not in _judging(METRICS):
        judged = ", ".join(_judging(METRICS))
        raise ParameterError(f"report: got metric {options.metric!r}, needs one of {judged}")
    if options.margin is not None and not 0 < options.margin < float("inf"):
        raise ParameterError(f"report: got margin {options.margin}, needs a number above 0")
    if options.worst < 0:
        raise ParameterError(f"report: got the worst {options.worst} clips, needs 0 or more")


def _judging(metrics: Iterable[str]) -> list[str]:
    """Return those that are known and of which more is better."""
    return [name for name in metrics if name in METRICS and METRICS[name].better]


def _standing_for_all(wanted: str | None, scores: Scores) -> str | None:
    scored = _judging(scores.metrics())
    if wanted is None:
        return scored[0] if scored else None
    if wanted not in scored:
        raise ParameterError(
            f"report: got metric {wanted!r}, which no clip of the study was scored with; it has "
            f"{', '.join(scored) or 'none'}; choose one of these or evaluate with --metric"
        )
    return wanted


def _of_one_machine(times: Times, scores: Scores) -> Times:
    """Settle on the machine that timed the most models and settings of the studies."""
    tested = [(testset, v) for testset in scores.testsets for v in scores.variants(testset)]

    def count(place: str) -> int:
        here = replace(times, place=place)
        return sum(
            here.of_model(variant, scores.executed_macs(testset, variant)) is not None
            for testset, variant in tested
        )

    return replace(times, place=max(times.places, key=count, default=""))
