"""Everything that the sections of a page are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    metric : str
        The one that sections on a single metric are about.
    margin : float
        Of the equivalence test, in the unit of the metric, > 0.
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
    metric: str = "pesq_wb"
    margin: float = 0.05
    worst: int = 10
    has_audio: bool = True
    listening_results: Path | None = None
    keep_excluded: bool = False
    command: str = ""


@dataclass(frozen=True)
class Material:
    """The studies, read and put together, and what was given beside them.

    `scores` holds the studies only, `with_rivals` also the rivals, on the clips that both have.
    """

    studies: tuple[Study, ...]
    scores: Scores
    networks: dict[Variant, Network]
    times: Times
    peers: Peers | None
    with_rivals: Scores | None
    options: Options

    def metric_of(self, testset: str) -> str | None:
        """Return the metric that a test set is judged by; None when nothing fits.

        That is the wanted one, or where no clip has it (recordings without clean speech) one
        that does without.
        """
        scored = self.scores.metrics(testset)
        for metric in (self.options.metric, *WITHOUT_CLEAN, *scored):
            if metric in scored and metric in METRICS and METRICS[metric].better:
                return metric
        return None

    def network(self, variant: Variant) -> Network:
        """Return what is known of a variant's model; of others, nothing."""
        return self.networks.get(variant, Network())


def read_material(studies: Sequence[Study], options: Options) -> Material:
    """Put studies and what stands beside them together.

    Raises
    ------
    ParameterError
        No such metric, it has no better direction, or the margin is not positive.
    StudyError
        Studies do not fit together, or a file beside them is damaged.
    """
    known = METRICS.get(options.metric)
    if known is None or not known.better:
        judged = ", ".join(name for name, metric in METRICS.items() if metric.better)
        raise ParameterError(f"report: got metric {options.metric!r}, needs one of {judged}")
    if not 0 < options.margin < float("inf"):
        raise ParameterError(f"report: got margin {options.margin}, needs a number above 0")
    if options.worst < 0:
        raise ParameterError(f"report: got the worst {options.worst} clips, needs 0 or more")
    scores = gather(studies)
    benched = [study.folder / BENCH for study in studies if (study.folder / BENCH).is_file()]
    peers = read_peers(options.peers, scores.testsets) if options.peers else None
    return Material(
        studies=tuple(studies),
        scores=scores,
        networks=describe(studies, scores.all_variants),
        times=read_times([*benched, *options.bench]),
        peers=peers,
        with_rivals=beside(scores, peers) if peers else None,
        options=options,
    )
