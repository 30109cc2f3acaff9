"""Which listeners heard what they were asked about: the post-screening of BS.1534."""

from collections.abc import Sequence
from dataclasses import dataclass

from wheesht.report.listening.conditions import REFERENCE
from wheesht.report.listening.key import Key
from wheesht.report.listening.sheets import Sheet

LEAST_FOR_REFERENCE = 90  # of 100
MOST_BELOW = 0.15  # share of the clips


@dataclass(frozen=True)
class Finding:
    """A listener who did not recognise the hidden reference; `reason` is a sentence."""

    listener: str
    reason: str


def screen(sheets: Sequence[Sheet], key: Key) -> list[Finding]:
    """Return the listeners to be excluded.

    Parameters
    ----------
    sheets : sequence of Sheet
    key : Key

    Returns
    -------
    list of Finding
        Empty for a test of preference, which has no reference to screen with.

    Notes
    -----
    ITU-R BS.1534-3, section 4.1.2: who rates the hidden reference below 90 in more than 15 % of
    the clips is excluded. Its second rule is about a 7 kHz anchor, which speech at 16 kHz hardly
    differs from; this test has none.
    """
    roles = [condition.role for condition in key.conditions]
    if REFERENCE not in roles:
        return []
    reference = roles.index(REFERENCE)
    found = []
    for sheet in sheets:
        below = sum(scores[reference] < LEAST_FOR_REFERENCE for scores in sheet.scores.values())
        if below > MOST_BELOW * len(sheet.scores):
            found.append(
                Finding(
                    sheet.listener,
                    f"rated the hidden reference below {LEAST_FOR_REFERENCE} in {below} of "
                    f"{len(sheet.scores)} clips, allowed are {MOST_BELOW:.0%}",
                )
            )
    return found
