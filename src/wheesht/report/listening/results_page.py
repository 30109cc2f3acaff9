"""The outcome of a listening test as a page for people."""

from wheesht.report.charts.rows import Row, rows_panel
from wheesht.report.digits import bounds, number, p_value
from wheesht.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Group,
    Items,
    Paragraph,
    Section,
    Table,
    rows,
)
from wheesht.report.listening.results import Preference, Results
from wheesht.statistics import Interval

LEVEL = 0.05
MUSHRA_READING = (
    "Listeners rated from 0 (bad) to 100 (excellent), beside the clean speech as open reference. "
    "The hidden reference shows who could hear it; the low anchor, that reference without what "
    "lies above 3.5 kHz, gives the scale a foot.",
    "The interval says how far a mean would move had other listeners and other clips been drawn "
    "(bootstrap over both at once, 95 %).",
    "p is that of a paired Wilcoxon test; corrected, it keeps the chance of any false finding in "
    "the table at the level it is read at (Holm). Bold: corrected p below 0.05.",
    "A large p does not say that two systems sound alike; look at the interval.",
)
AB_READING = (
    "Listeners named the version that they would rather listen to, or neither.",
    "The share counts a preference as 1 and neither as one half; its interval says how far it "
    "would move had other listeners and other clips been drawn (bootstrap over both, 95 %).",
    "p is that of a binomial test. Over listeners it counts how many preferred one more often than "
    "the other; over answers it takes each answer, but for neither, as if it were from another "
    "listener, and is too small where listeners differ. The one named below the table is "
    "corrected: it keeps the chance of any false finding at the level it is read at (Holm).",
    "Bold: corrected p below 0.05, and the interval of the share excludes one half. Where all "
    "agree the interval has no width, however few they are; then look at the counts.",
)
OVER = {
    "listeners": "The tests compare the listeners' means over clips: they speak of other "
    "listeners, on these clips. The intervals allow for other clips too.",
    "answers": "With fewer than 6 listeners p over answers is corrected; it speaks of these "
    "listeners only.",
    "clips": "With fewer than 6 listeners the tests compare the clips' means over listeners: they "
    "speak of other clips, to these listeners.",
}


def document_of(results: Results) -> Document:
    """Return the page."""
    is_mushra = results.key.kind == "mushra"
    outcome = _mushra(results) if is_mushra else _preferences(results)
    reading = MUSHRA_READING if is_mushra else AB_READING
    sections = (
        Section("outcome", "Outcome", (_who(results), *outcome)),
        Section("reading", "How to read this", (Items(reading),)),
        Section("counted", "Who was counted", _counted(results)),
    )
    return Document("Listening test", sections)


def _who(results: Results) -> Paragraph:
    devices = ", ".join(f"{count} with {name}" for name, count in results.devices.items())
    trials = "clips" if results.key.kind == "mushra" else "pairs of sounds"
    return Paragraph(
        f"{len(results.listeners)} listener(s) ({devices}), {len(results.key.items)} {trials}; "
        f"median time {number(results.minutes, 0)} minutes."
    )


def _mushra(results: Results) -> tuple[Block, ...]:
    ordered = sorted(results.scores, key=lambda one: -one.score.mean)
    panel = rows_panel(
        "scores",
        "Mean rating",
        ["rating"],
        [Row(one.name, (one.score,)) for one in ordered],
        "rating, 0 to 100",
    )
    scores = Table(
        "Mean rating of each condition, best first",
        (
            Column("Condition", is_number=False),
            Column("Rating", "0-100", "higher"),
            Column("Median"),
        ),
        (
            Group(
                "",
                rows(
                    (Cell(one.name), _with_bounds(one.score), Cell(number(one.median, 1)))
                    for one in ordered
                ),
            ),
        ),
    )
    blocks: list[Block] = [Figure((panel,), "Mean and 95 % interval.", wide=True), scores]
    if results.contrasts:
        blocks += [_contrasts(results), Paragraph(OVER[results.unit])]
    return (*blocks, _clips(results))


def _contrasts(results: Results) -> Table:
    heads = (
        Column("Compared", is_number=False),
        Column("Difference"),
        Column("p"),
        Column("p corrected"),
    )
    return Table(
        "Differences: the first minus the second",
        heads,
        (
            Group(
                "",
                rows(
                    (
                        Cell(f"{one.a} / {one.b}"),
                        _with_bounds(one.difference, sign=True, strong=one.p_holm < LEVEL),
                        Cell(p_value(one.p_wilcoxon)),
                        Cell(p_value(one.p_holm), strong=one.p_holm < LEVEL),
                    )
                    for one in results.contrasts
                ),
            ),
        ),
    )


def _clips(results: Results) -> Table:
    conditions = [Column(condition.name) for condition in results.key.conditions]
    return Table(
        "Mean rating of each clip",
        (Column("Clip", is_number=False), Column("SNR", "dB"), *conditions),
        (
            Group(
                "",
                rows(
                    (
                        Cell(f"{clip.testset}/{clip.clip}"),
                        Cell(number(clip.snr_db, 1)),
                        *(Cell(number(mean, 1)) for mean in clip.means),
                    )
                    for clip in results.clips
                ),
            ),
        ),
        folded=True,
    )


def _preferences(results: Results) -> tuple[Block, ...]:
    panel = rows_panel(
        "shares",
        "Preference",
        ["preference"],
        [Row(f"{one.a} / {one.b}", (_leaning(one.share),)) for one in results.preferences],
        "answers for the first less those for the second, % of all",
    )
    heads = (
        Column("Compared", is_number=False),
        *(Column(title) for title in ("First", "Neither", "Second", "Share of the first")),
        *(Column(title) for title in ("p over answers", "p over listeners", "p corrected")),
    )
    table = Table(
        "Answers: the first, neither, or the second was preferred",
        heads,
        (
            Group(
                "",
                rows(
                    (
                        Cell(f"{one.a} / {one.b}"),
                        *(Cell(str(n)) for n in (one.prefer_a, one.neither, one.prefer_b)),
                        _with_bounds(one.share, places=2, strong=_leans(one)),
                        *map(Cell, map(p_value, (one.p_answers, one.p_listeners, one.p_holm))),
                    )
                    for one in results.preferences
                ),
            ),
        ),
    )
    note = OVER["answers"] if results.unit == "answers" else "p over listeners is corrected."
    return Figure((panel,), "Share and 95 % interval.", wide=True), table, Paragraph(note)


def _leaning(share: Interval) -> Interval:
    return Interval(*(100 * (2 * value - 1) for value in (share.mean, share.low, share.high)))


def _leans(one: Preference) -> bool:
    return one.p_holm < LEVEL and (one.share.low > 0.5 or one.share.high < 0.5)


def _with_bounds(
    interval: Interval, places: int = 1, sign: bool = False, strong: bool = False
) -> Cell:
    return Cell(number(interval.mean, places, sign), bounds(interval, places, sign), strong)


def _counted(results: Results) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(f"Counted: {', '.join(results.listeners)}.")]
    if results.excluded:
        lead = "Found by post-screening, but kept" if results.excluded_are_kept else "Excluded"
        blocks.append(Paragraph(f"{lead} (ITU-R BS.1534-3, section 4.1.2):"))
        blocks.append(Items(tuple(f"{one.listener}: {one.reason}." for one in results.excluded)))
    if results.rejected:
        blocks.append(Paragraph("Files that could not be used:"))
        blocks.append(Items(tuple(f"{sentence}." for sentence in results.rejected)))
    facts = results.key.facts
    blocks.append(Paragraph(f"Test {results.key.kit}. {facts.get('selection', '')}".strip()))
    notes = facts.get("notes", [])
    if notes:
        blocks.append(Items(tuple(f"{note}." for note in notes)))
    return tuple(blocks)
