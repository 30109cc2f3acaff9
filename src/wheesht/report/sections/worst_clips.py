"""The clips that came out worst: to look at and to listen to."""

from wheesht.report.digits import decimals, number
from wheesht.report.document import (
    Block,
    Cell,
    ClipCard,
    Clips,
    Column,
    Group,
    Section,
    Table,
    rows,
)
from wheesht.report.material import Material
from wheesht.report.numbers.scores import Variant
from wheesht.report.numbers.worst import Bad, focus, worst
from wheesht.report.sections.cells import label_of, metric_column, unit_of, without_empty
from wheesht.report.sections.clip_cards import Place, clip_cards
from wheesht.report.words import words

OTHERS = ("pesq_wb", "estoi", "si_sdr", "dnsmos_ovrl")  # scores beside the one sorted by


def worst_clips(material: Material) -> Section | None:
    """Return the worst clips by gain and by score; None when none were asked for."""
    metric, testsets = _judged_by(material)
    variant = focus(material.scores, metric, testsets) if metric else None
    count = material.options.worst
    if not count or variant is None:
        return None
    by_gain, by_score = worst(material.scores, variant, metric, testsets, count)
    places = dict.fromkeys((one.testset, one.clip) for one in (*by_gain, *by_score))
    numbers: dict[Place, int] = {place: i for i, place in enumerate(places, start=1)}
    cards: tuple[ClipCard, ...] = ()
    why_not = ""
    if material.options.has_audio:
        facts = {place: _facts(material, variant, metric, *place) for place in numbers}
        cards, why_not = clip_cards(material, variant, numbers, facts)
    size = sum(len(s.audio) + len(s.spectrogram) for card in cards for s in card.sounds)
    blocks: list[Block] = list(
        words(
            "worst_clips",
            system=variant.label,
            metric=label_of(metric),
            testsets=testsets,
            n_cards=len(cards),
            n_clips=len(numbers),
            wants_cards=material.options.has_audio,
            why_not=why_not,
            megabytes=number(size / 1e6, 1),
        )
    )
    for caption, bad in (("Smallest gain", by_gain), ("Lowest score", by_score)):
        if bad:
            blocks.append(_table(material, variant, metric, bad, numbers, caption))
    if cards:
        blocks.append(Clips(cards))
    return Section("worst", "The worst clips", tuple(blocks))


def _judged_by(material: Material) -> tuple[str, list[str]]:
    """Return the metric of most test sets' choice, wanted one first, and the sets that have it."""
    judged = {testset: material.metric_of(testset) for testset in material.scores.testsets}
    found = [metric for metric in judged.values() if metric]
    if not found:
        return "", []
    metric = material.metric if material.metric in found else found[0]
    return metric, [testset for testset, judge in judged.items() if judge == metric]


def _table(
    material: Material,
    variant: Variant,
    metric: str,
    bad: tuple[Bad, ...],
    numbers: dict[Place, int],
    caption: str,
) -> Table:
    others = [m for m in OTHERS if m != metric and m in material.scores.metrics()]
    columns = (
        Column("Clip", is_number=False),
        Column("No."),
        Column("Test set", is_number=False),
        Column("SNR", "dB"),
        Column("Noise", is_number=False),
        Column("Unprocessed", better="higher"),
        Column("Enhanced", better="higher"),
        Column("Gain", better="higher"),
        *(metric_column(other) for other in others),
    )
    places = decimals(metric)
    table = []
    for one in bad:
        facts = material.scores.clips[one.testset][one.clip]
        before = None if one.gain is None else one.score - one.gain
        scores = material.scores.rows[one.testset, variant][one.clip].scores
        table.append(
            [
                Cell(one.clip),
                Cell(str(numbers[one.testset, one.clip])),
                Cell(one.testset),
                Cell(number(facts.snr_db, 1)),
                Cell(facts.noise_kind),
                Cell(number(before, places)),
                Cell(number(one.score, places)),
                Cell(number(one.gain, places, sign=True)),
                *(Cell(number(scores.get(other), decimals(other))) for other in others),
            ]
        )
    unit = f", {unit_of(metric)}" if unit_of(metric) else ""
    title = f"{caption} in {label_of(metric)}{unit}: {variant.label}"
    return without_empty(Table(title, columns, (Group("", rows(table)),)))


def _facts(material: Material, variant: Variant, metric: str, testset: str, clip: str) -> str:
    """Return a line about a clip: where from, what noise, and the score before and after."""
    facts = material.scores.clips[testset][clip]
    parts = [testset]
    if facts.snr_db is not None:
        parts.append(f"SNR {number(facts.snr_db, 1)} dB")
    if facts.noise_kind:
        parts.append(facts.noise_kind)
    places = decimals(metric)
    after = material.scores.values(testset, variant, metric)[clip]
    noisy = material.scores.noisy(testset)
    before = material.scores.values(testset, noisy, metric).get(clip) if noisy else None
    change = number(after, places)
    if before is not None:
        change = f"{number(before, places)} \u2192 {change}"
    parts.append(f"{label_of(metric)} {change}")
    return ", ".join(parts)
