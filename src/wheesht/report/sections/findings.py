"""The main findings as numbers, for the sentences of the summary."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wheesht.report.digits import bounds, decimals, number, percent
from wheesht.report.material import Material
from wheesht.report.numbers.contrasts import (
    Contrast,
    against_rivals,
    between,
    dial,
    models,
    over_noisy,
)
from wheesht.report.numbers.scores import Scores, Variant
from wheesht.report.sections.cells import MILLION, label_of, margin_phrase
from wheesht.statistics import Interval


@dataclass(frozen=True)
class Mean:
    """A system's score and its gain over the unprocessed input, ready to print.

    `n` and `n_gain` are numbers of clips, empty where they are those of the test set.
    """

    system: str
    mean: str
    gain: str
    bounds: str
    n: str
    n_gain: str


@dataclass(frozen=True)
class Step:
    """Two systems: by how much the one that scores higher does so, and what the tests say.

    `n` is the number of clips, empty where it is all of the test set.
    """

    upper: str
    lower: str
    mean: str
    bounds: str
    p_wilcoxon: float
    outcome: str
    n: str


@dataclass(frozen=True)
class Rank:
    """Among how many rivals a system is better than how many, and worse than how many.

    `is_chosen` says that its setting is the best of several on these very clips.
    """

    system: str
    is_chosen: bool
    rivals: int
    better: int
    worse: int


@dataclass(frozen=True)
class OnTestset:
    """What was found on one test set.

    `means` are of the settings that are told of, `outcomes` the verdicts of all over the
    unprocessed input; `steps` are within models, `others` between models and folders.
    """

    name: str
    n: int
    metric: str
    margin: str
    noisy: str
    n_noisy: str
    means: tuple[Mean, ...]
    outcomes: tuple[str, ...]
    steps: tuple[Step, ...]
    others: tuple[Step, ...]
    ranks: tuple[Rank, ...]


@dataclass(frozen=True)
class Gains:
    """Outcomes of the comparisons with the unprocessed input by one metric."""

    metric: str
    testsets: tuple[str, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True)
class ByMetric:
    """Test sets by verdict, as far as they are judged by one metric."""

    metric: str
    margin: str
    outcomes: dict[str, list[str]]


@dataclass(frozen=True)
class Dial:
    """What a model's lower setting costs against its highest, over all test sets.

    `default` is the setting that the model has when nobody turns the dial. `parts` gives, by
    metric, the test sets by verdict: ``first`` where the higher setting is better, ``second``
    where the lower one is, ``equal``, ``undecided``.
    """

    model: str
    high: str
    low: str
    default: str
    macs_high: str
    macs_low: str
    share: str
    time_share: str
    parts: tuple[ByMetric, ...]


@dataclass(frozen=True)
class Findings:
    """All of them."""

    testsets: tuple[OnTestset, ...]
    dials: tuple[Dial, ...]

    @property
    def gains(self) -> tuple[Gains, ...]:
        """Outcomes of all comparisons with the unprocessed input, by metric."""
        judged = [one for one in self.testsets if one.outcomes]
        found = []
        for metric in dict.fromkeys(one.metric for one in judged):
            sets = [one for one in judged if one.metric == metric]
            outcomes = tuple(outcome for one in sets for outcome in one.outcomes)
            found.append(Gains(metric, tuple(one.name for one in sets), outcomes))
        return tuple(found)


def findings(material: Material) -> Findings:
    """Return what the sentences of the summary are made from."""
    scores = material.scores
    on_testsets: list[OnTestset] = []
    dials: dict[tuple[Variant, Variant], dict[str, list[str]]] = {}
    for testset in scores.testsets:
        metric = material.metric_of(testset)
        if metric is None:
            continue
        steps = []
        for settings in models(scores, testset).values():
            told = _told(material, settings)
            contrasts = dial(scores, testset, metric, settings, material.margin_of(metric))
            against_highest = [c for c in contrasts if c.first == settings[0] and c.second in told]
            steps.extend(against_highest)
            for contrast in against_highest:
                found = dials.setdefault((contrast.first, contrast.second), {})
                found.setdefault(contrast.verdict, []).append(testset)
        on_testsets.append(_on_testset(material, testset, metric, steps))
    return Findings(
        tuple(on_testsets),
        tuple(_dial(material, high, low, found) for (high, low), found in dials.items()),
    )


def _told(material: Material, settings: Sequence[Variant]) -> set[Variant]:
    """Return the settings of a model that are worth a sentence: highest, default, lowest."""
    default = material.network(settings[0]).default_percent
    usual = {variant for variant in settings if variant.update_percent == default}
    return {settings[0], settings[-1]} | usual


def _on_testset(material: Material, testset: str, metric: str, steps: list[Contrast]) -> OnTestset:
    scores, margin = material.scores, material.margin_of(metric)
    noisy = scores.noisy(testset)
    before = scores.interval(testset, noisy, metric) if noisy else None
    gains = over_noisy(scores, testset, metric, margin)
    tops = _tops(scores, testset, metric)
    folders = [
        contrast
        for contrast in between(scores, testset, metric, margin)
        if {contrast.first.kind, contrast.second.kind} == {"model", "folder"}
        and {contrast.first, contrast.second} <= tops
    ]
    return OnTestset(
        name=testset,
        n=len(scores.clips[testset]),
        metric=label_of(metric),
        margin=margin_phrase(metric, margin),
        noisy=number(before.mean, decimals(metric)) if before else "",
        n_noisy=_count(scores, testset, len(scores.values(testset, noisy, metric)) if noisy else 0),
        means=tuple(_means(material, testset, metric, gains)),
        outcomes=tuple(contrast.verdict for contrast in gains),
        steps=tuple(_step(scores, testset, contrast, metric) for contrast in steps),
        others=tuple(_step(scores, testset, contrast, metric) for contrast in folders),
        ranks=_ranks(material, testset, metric),
    )


def _tops(scores: Scores, testset: str, metric: str) -> set[Variant]:
    """Return the setting of each system that has the highest mean."""
    tops: dict[str, tuple[float, Variant]] = {}
    for variant in scores.variants(testset):
        interval = scores.interval(testset, variant, metric)
        if variant.kind in ("model", "folder") and interval:
            known = tops.get(variant.name)
            if known is None or interval.mean > known[0]:
                tops[variant.name] = interval.mean, variant
    return {variant for _, variant in tops.values()}


def _means(
    material: Material, testset: str, metric: str, gains: Sequence[Contrast]
) -> Iterable[Mean]:
    scores, places = material.scores, decimals(metric)
    by_variant = {contrast.first: contrast for contrast in gains}
    told = {
        variant
        for settings in models(scores, testset).values()
        for variant in _told(material, settings)
    }
    for variant in scores.variants(testset):
        interval = scores.interval(testset, variant, metric)
        if interval is None or not (variant in told or variant.kind == "folder"):
            continue
        mean, contrast = number(interval.mean, places), by_variant.get(variant)
        n = _count(scores, testset, len(scores.values(testset, variant, metric)))
        if contrast is None:
            yield Mean(variant.phrase, mean, "", "", n, "")
            continue
        difference = contrast.difference
        yield Mean(
            variant.phrase,
            mean,
            number(difference.mean, places, sign=True),
            bounds(difference, places, sign=True),
            n,
            _count(scores, testset, contrast.n),
        )


def _count(scores: Scores, testset: str, n: int) -> str:
    return "" if n == len(scores.clips[testset]) else str(n)


def _ranks(material: Material, testset: str, metric: str) -> tuple[Rank, ...]:
    """Return where the setting of each system with the highest mean stands among the rivals."""
    scores = material.with_rivals
    if scores is None or testset not in scores.testsets:
        return ()
    tops = _tops(scores, testset, metric)
    contrasts = against_rivals(scores, testset, metric, material.margin_of(metric))
    ranks = []
    for variant in (v for v in scores.variants(testset) if v in tops):
        verdicts = [c.verdict for c in contrasts if c.first == variant]
        better, worse = verdicts.count("first"), verdicts.count("second")
        is_chosen = len(models(scores, testset).get(variant.name, ())) > 1
        ranks.append(Rank(variant.phrase, is_chosen, len(verdicts), better, worse))
    return tuple(rank for rank in ranks if rank.rivals)


def _step(scores: Scores, testset: str, contrast: Contrast, metric: str) -> Step:
    """Turn a contrast round, if need be, so that its difference is positive."""
    places, difference = decimals(metric), contrast.difference
    upper, lower = contrast.first, contrast.second
    if difference.mean < 0:
        upper, lower = lower, upper
        difference = Interval(-difference.mean, -difference.high, -difference.low)
    return Step(
        upper.phrase,
        lower.phrase,
        number(difference.mean, places),
        bounds(difference, places),
        contrast.p_wilcoxon,
        contrast.verdict,
        _count(scores, testset, contrast.n),
    )


def _dial(material: Material, high: Variant, low: Variant, found: dict[str, list[str]]) -> Dial:
    scores = material.scores
    testset = next(t for names in found.values() for t in names)
    macs = [scores.executed_macs(testset, variant) for variant in (high, low)]
    times = material.times.of_pair((high, low), macs)
    default = material.network(high).default_percent
    share = time_share = ""
    if macs[0] and macs[1]:
        share = number(100 * macs[1] / macs[0], 0)
    if times:
        time_share = number(100 * times[1].rtf / times[0].rtf, 0)
    millions = [number(count / MILLION, 1) if count else "" for count in macs]
    return Dial(
        model=high.name,
        high=percent(high.update_percent or 0.0),
        low=percent(low.update_percent or 0.0),
        default="" if default is None else percent(default),
        macs_high=millions[0],
        macs_low=millions[1],
        share=share,
        time_share=time_share,
        parts=_by_metric(material, found),
    )


def _by_metric(material: Material, found: dict[str, list[str]]) -> tuple[ByMetric, ...]:
    parts: dict[str, dict[str, list[str]]] = {}
    for testset in material.scores.testsets:
        for verdict in (v for v, names in found.items() if testset in names):
            metric = material.metric_of(testset)
            assert metric is not None  # a contrast was made with it
            parts.setdefault(metric, {}).setdefault(verdict, []).append(testset)
    return tuple(
        ByMetric(label_of(metric), margin_phrase(metric, material.margin_of(metric)), outcomes)
        for metric, outcomes in parts.items()
    )
