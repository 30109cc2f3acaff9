"""How numbers and names are written, alike in HTML, Markdown and charts."""

import math
import re
import unicodedata

from wheesht.metrics import METRICS
from wheesht.statistics import Interval

# Below this a p-value is written as "<0.001": more digits of a tail nobody can check.
LEAST_P = 0.001
_DECIMALS_OF_UNIT = {"dB": 2, "LUFS": 2}
_DECIMALS = 3  # of opinion scores and shares
_UNPRINTABLE = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, surrogates, unassigned, breaks
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # what follows them


def decimals(metric: str) -> int:
    """Return how many decimals a metric's numbers are shown with."""
    known = METRICS.get(metric)
    return _DECIMALS_OF_UNIT.get(known.unit, _DECIMALS) if known else _DECIMALS


def number(value: float | None, places: int, sign: bool = False) -> str:
    """Write a number with a fixed number of decimals; nothing for None, NaN and Inf.

    Parameters
    ----------
    value : float or None
    places : int
        Decimals, 0 or more.
    sign : bool
        Whether positive numbers get a plus.

    Returns
    -------
    str
        ASCII; zero has no sign.

    Examples
    --------
    >>> number(1.2345, 2), number(-0.0004, 3), number(0.5, 1, sign=True), number(None, 1)
    ('1.23', '0.000', '+0.5', '')
    """
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def bounds(interval: Interval, places: int, sign: bool = False) -> str:
    """Write the ends of an interval as ``[low, high]``; nothing where there is no interval."""
    low, high = number(interval.low, places, sign), number(interval.high, places, sign)
    return f"[{low}, {high}]" if low and high else ""


def p_value(p: float) -> str:
    """Write a p-value with three decimals.

    Examples
    --------
    >>> p_value(0.0349), p_value(0.0004), p_value(1.0)
    ('0.035', '<0.001', '1.000')
    """
    return f"<{LEAST_P:g}" if p < LEAST_P else f"{p:.3f}"


def p_phrase(p: float) -> str:
    """Write a p-value for a sentence: ``p = 0.035`` or ``p < 0.001``."""
    return f"p < {LEAST_P:g}" if p < LEAST_P else f"p = {p:.3f}"


def percent(value: float) -> str:
    """Write an update percentage without needless zeros."""
    return f"{value:g}"


def shown(text: str) -> str:
    r"""Return a name as one line of characters that any page can hold.

    Names of clips come from files, and files may be called anything: controls, bytes that are no
    characters, and marks that turn the direction of text become a stand-in.

    Examples
    --------
    >>> shown("a\nb  c")
    'a b c'
    """
    text = " ".join(text.split()) if "  " in text or not text.isprintable() else text.strip(" ")
    if text.isprintable():  # nearly every text, and megabytes of sound
        return text
    return "".join("\ufffd" if _spoils(character) else character for character in text)


def _spoils(character: str) -> bool:
    return (
        unicodedata.category(character) in _UNPRINTABLE
        or unicodedata.bidirectional(character) in _TURNING
    )


def with_minus(text: str) -> str:
    """Put a true minus sign before numbers, for print.

    Examples
    --------
    >>> with_minus("-0.5 [-0.7, -0.3], 2-3")
    '−0.5 [−0.7, −0.3], 2-3'
    """
    return re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text)
