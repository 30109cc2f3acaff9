"""What the D-GRU paper says of its three hosts, held against the scores of a study.

Each trend is a claim about differences in PESQ. A comparison confirms it, contradicts it, or leaves
it undecided; a large p-value alone does neither of the first two.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from wheesht.report.numbers.breakdown import PAPER_SNRS, paper_snr
from wheesht.report.numbers.contrasts import LEVEL, Contrast, dial, models, of_pairs
from wheesht.report.numbers.networks import Network
from wheesht.report.numbers.paper import paper_results
from wheesht.report.numbers.scores import ClipFacts, Scores, Variant

METRIC = "pesq_wb"  # that the paper's trends are of
CONFIRMED, CONTRADICTED, UNDECIDED = "confirmed", "contradicted", "undecided"
ORDER = ("dprnn", "mpt", "gru")  # the paper's hosts, best first, at every P
MIN_CLIPS = 10  # with fewer a comparison decides nothing: they may be alike by chance
HIGH, MORE, HALF, LOW = 100.0, 75.0, 50.0, 25.0  # the paper's settings of the dial, percent


@dataclass(frozen=True)
class Case:
    """One comparison that a trend is judged by.

    Attributes
    ----------
    testset : str
    snr_db : float or None
        Of the clips compared; None for all of the test set.
    contrast : Contrast
        In PESQ.
    paper : float or None
        The difference that the paper's table has; None where it only draws one.
    verdict : str
        ``confirmed``, ``contradicted`` or ``undecided``.
    """

    testset: str
    snr_db: float | None
    contrast: Contrast
    paper: float | None
    verdict: str


@dataclass(frozen=True)
class Trend:
    """A claim of the paper and the comparisons that bear on it.

    `needs_all` says whether one contradiction suffices against it and only all confirm it; else
    one comparison confirms it, and only all together contradict it.
    """

    claim: str
    needs_all: bool
    cases: tuple[Case, ...]

    def count(self, verdict: str) -> int:
        """Return how many comparisons come to a verdict."""
        return sum(case.verdict == verdict for case in self.cases)

    @property
    def verdict(self) -> str:
        """Return the verdict on the claim as a whole; empty without a comparison."""
        if not self.cases:
            return ""
        decisive, other = CONFIRMED, CONTRADICTED
        if self.needs_all:
            decisive, other = CONTRADICTED, CONFIRMED
        if self.count(decisive):
            return decisive
        return other if self.count(other) == len(self.cases) else UNDECIDED


@dataclass(frozen=True)
class _Compared:
    """The scores of the paper's hosts on one test set, or on its clips of one SNR."""

    scores: Scores
    testset: str
    snr_db: float | None
    margin: float
    hosts: dict[Variant, str]

    @cached_property
    def dials(self) -> tuple[Contrast, ...]:
        """The contrasts between the settings of each model."""
        return tuple(
            contrast
            for settings in models(self.scores, self.testset).values()
            if settings[0] in self.hosts
            for contrast in dial(self.scores, self.testset, METRIC, settings, self.margin)
        )

    def steps(self, low: float, judge: "Judge", hosts: Sequence[str] = ORDER) -> Iterable[Case]:
        """Yield the comparison of P = 100 with a lower P for each model."""
        for contrast in self.dials:
            setting, lower = contrast.first.update_percent, contrast.second.update_percent
            if (setting, lower) == (HIGH, low) and self.hosts[contrast.first] in hosts:
                yield self.case(contrast, judge)

    def hosts_in_order(self) -> Iterable[Case]:
        """Yield the comparisons of each host with the next best at each P."""
        pairs = [
            (better, worse)
            for better_host, worse_host in zip(ORDER[:-1], ORDER[1:], strict=True)
            for better in self.scores.variants(self.testset)
            for worse in self.scores.variants(self.testset)
            if (self.hosts.get(better), self.hosts.get(worse)) == (better_host, worse_host)
            and better.update_percent == worse.update_percent
        ]
        for contrast in of_pairs(self.scores, self.testset, METRIC, pairs, self.margin):
            yield self.case(contrast, is_better)

    def case(self, contrast: Contrast, judge: "Judge") -> Case:
        """Return the verdict of a contrast, with the paper's difference beside it."""
        paper = None
        if self.snr_db is None:
            rows = [
                paper_results().row(self.hosts[v], v.update_percent)
                for v in (contrast.first, contrast.second)
            ]
            if rows[0] and rows[1]:
                paper = rows[0].pesq_wb - rows[1].pesq_wb
        verdict = judge(contrast, self.margin) if contrast.n >= MIN_CLIPS else UNDECIDED
        return Case(self.testset, self.snr_db, contrast, paper, verdict)


Judge = Callable[[Contrast, float], str]


def _is_at(snr_db: float, facts: ClipFacts) -> bool:
    return paper_snr(facts) == snr_db


def is_equal(contrast: Contrast, margin: float) -> str:
    """Judge that the two are equal: shown to lie within the margin, or to lie outside it."""
    if contrast.is_equivalent:
        return CONFIRMED
    is_outside = contrast.difference.low > margin or contrast.difference.high < -margin
    return CONTRADICTED if contrast.differs and is_outside else UNDECIDED


def is_better(contrast: Contrast, margin: float) -> str:
    """Judge that the first scores higher: by any amount, as long as it is beyond chance."""
    if contrast.differs:
        return CONFIRMED if contrast.difference.mean > 0 else CONTRADICTED
    return CONTRADICTED if contrast.is_equivalent else UNDECIDED


def is_worse(contrast: Contrast, margin: float) -> str:
    """Judge that the first scores lower beyond chance."""
    if contrast.differs:
        return CONFIRMED if contrast.difference.mean < 0 else CONTRADICTED
    return UNDECIDED


def trends(scores: Scores, networks: dict[Variant, Network], margin: float) -> tuple[Trend, ...]:
    """Hold the paper's trends against the scores.

    Parameters
    ----------
    scores : Scores
    networks : dict
        Says which host a variant is; those of other hosts than the paper's are left out.
    margin : float
        In PESQ: differences up to it are equal.

    Returns
    -------
    tuple of Trend
        All five, whether or not there are comparisons that bear on them. Test sets whose every
        clip is at -5, 0 or 5 dB answer the last, as the paper's own set of that kind does for its
        Figure 2; all others answer the first four.
    """
    hosts = {v: network.host for v, network in networks.items() if network.host in ORDER}
    whole, levels = [], []
    for testset in scores.testsets:
        if {paper_snr(facts) for facts in scores.clips[testset].values()} <= set(PAPER_SNRS):
            for snr_db in PAPER_SNRS:
                here = scores.only(testset, partial(_is_at, snr_db))
                levels.append(_Compared(here, testset, snr_db, margin, hosts))
        else:
            whole.append(_Compared(scores, testset, None, margin, hosts))
    table_2 = paper_results().p_values
    falling = [host for host in ORDER if table_2[host, HIGH, LOW] < LEVEL]

    def gathered(cases: Callable[[_Compared], Iterable[Case]]) -> tuple[Case, ...]:
        return tuple(case for one in whole for case in cases(one))

    low_snr = tuple(case for p in (MORE, HALF) for one in levels for case in one.steps(p, is_equal))
    return (
        Trend(
            f"P = 50 is equal to P = 100 within {margin:g} PESQ, for every host",
            True,
            gathered(lambda one: one.steps(HALF, is_equal)),
        ),
        Trend(
            f"P = 25 scores lower than P = 100 beyond chance, for the hosts "
            f"{' and '.join(host.upper() for host in reversed(falling))}",
            True,
            gathered(lambda one: one.steps(LOW, is_better, falling)),
        ),
        Trend(
            "P = 75 sometimes scores higher than P = 100",
            False,
            gathered(lambda one: one.steps(MORE, is_worse)),
        ),
        Trend(
            f"The hosts rank {' > '.join(host.upper() for host in ORDER)} at every P",
            True,
            gathered(_Compared.hosts_in_order),
        ),
        Trend(
            f"At -5, 0 and 5 dB the gains at P = 75 and 50 are on a par with P = 100, within "
            f"{margin:g} PESQ, for every host",
            True,
            low_snr,
        ),
    )
