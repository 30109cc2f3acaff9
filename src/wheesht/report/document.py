"""What a page is made of, whatever it is written as: sections of text, tables, figures and clips.

Nothing here is markup: templates turn it into HTML and Markdown, and escape it there.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Head of a column.

    Attributes
    ----------
    title : str
    unit : str
        Empty where there is none.
    better : str
        ``higher`` or ``lower``; empty where neither is better.
    is_number : bool
        Numbers are set right, text left.
    """

    title: str
    unit: str = ""
    better: str = ""
    is_number: bool = True

    @property
    def head(self) -> str:
        """Title, unit and an arrow for the better direction, on one line."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.title}{unit} {self.arrow}".strip()

    @property
    def arrow(self) -> str:
        """An arrow up where higher is better, down where lower is, else nothing."""
        return {"higher": "\u2191", "lower": "\u2193"}.get(self.better, "")


@dataclass(frozen=True)
class Cell:
    """One entry of a table; `interval` stands behind or below the `text`, `strong` is bold."""

    text: str = ""
    interval: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Group:
    """Rows that belong together under a title, such as those of one test set."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Attributes
    ----------
    caption : str
    columns : tuple of Column
    groups : tuple of Group
        One with an empty title where rows are not grouped.
    group_title : str
        What the titles of the groups are: head of a further first column in Markdown.
    notes : tuple of str
        Sentences below it.
    folded : bool
        Whether it is closed at first on a screen, as one of many rows; printed open.
    """

    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    group_title: str = ""
    notes: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text without markup."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """Words and what they mean."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Commands:
    """Lines to copy."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One drawing: its title, SVG text, and what it shows in words."""

    title: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Figure:
    """Drawings side by side with one caption; `wide` gives each the whole width."""

    panels: tuple[Panel, ...]
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Sound:
    """One signal of a clip: spectrogram as SVG text, audio as data URI (empty without)."""

    name: str
    spectrogram: str
    audio: str
    alt: str


@dataclass(frozen=True)
class ClipCard:
    """A clip to look at and listen to."""

    title: str
    facts: str
    sounds: tuple[Sound, ...]


@dataclass(frozen=True)
class Clips:
    """Cards of clips."""

    cards: tuple[ClipCard, ...]


Block = Paragraph | Items | Definitions | Commands | Table | Figure | Clips


@dataclass(frozen=True)
class Section:
    """A part of the page; `anchor` is its address within the page."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole page."""

    title: str
    sections: tuple[Section, ...]


def rows(cells: Iterable[Iterable[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return rows as `Group` wants them."""
    return tuple(tuple(row) for row in cells)
