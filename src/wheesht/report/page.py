"""A document as an HTML page that needs nothing else, and as Markdown."""

import re
from functools import cache
from typing import Any

from wheesht.report.digits import shown, with_minus
from wheesht.report.document import Cell, Document, Table
from wheesht.report.words import TEMPLATES, jinja2_module

# What could be taken for markup. A bracket only matters before what makes it a link, an underscore
# not inside a word; so numbers and most names stay readable as they are.
_MARKDOWN = re.compile(r"([\\`*<>|~$&]|\](?=[(\[:])|_(?!\w)|(?<!\w)_|^#)")


def to_html(document: Document) -> str:
    """Return one HTML page: styles, drawings and sounds are inside, and it has no script.

    All text is escaped. A policy in the head forbids the browser to fetch anything.

    Raises
    ------
    MissingDependency
        jinja2 is not installed.
    """
    styles = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    page: str = _html().get_template("report.html.j2").render(document=document, styles=styles)
    return page


def to_markdown(document: Document) -> str:
    """Return the text and tables; drawings and sounds are in the HTML page only.

    Raises
    ------
    MissingDependency
        jinja2 is not installed.
    """
    text: str = _markdown().get_template("report.md.j2").render(document=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is, also in a cell of a table.

    Examples
    --------
    >>> print(escape_markdown("a|b <i> *c*"))
    a\|b \<i\> \*c\*
    """
    return _MARKDOWN.sub(r"\\\1", shown(text))


@cache
def _html() -> Any:
    jinja2 = jinja2_module()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    environment.filters["number"] = with_minus
    environment.filters["breakable"] = _breakable
    return environment


@cache
def _markdown() -> Any:
    jinja2 = jinja2_module()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # Markdown has its own marks, escaped by the filter
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    environment.filters["escaped"] = escape_markdown
    environment.filters["shown"] = shown
    environment.globals["table_lines"] = _table_lines
    return environment


def _finalize(value: Any) -> Any:
    """Return text without what no page can hold; what is markup already stays as it is."""
    return shown(value) if type(value) is str else value


def _kind(block: object) -> str:
    return type(block).__name__.lower()


def _breakable(text: str) -> Any:
    """Escape a name and let lines break after its joints, since names have no spaces."""
    from markupsafe import Markup, escape

    pieces = re.split(r"(?<=[_/.])(?=[\w-])", shown(text))
    return Markup("<wbr>").join(escape(piece) for piece in pieces)


def _table_lines(table: Table) -> list[str]:
    """Return a table in the pipe notation of GitHub's Markdown."""
    grouped = any(group.title for group in table.groups)
    heads = [column.head for column in table.columns]
    marks = ["---:" if column.is_number else "---" for column in table.columns]
    if grouped:
        heads, marks = [table.group_title, *heads], ["---", *marks]
    lines = [_line([escape_markdown(head) for head in heads]), _line(marks)]
    for group in table.groups:
        start = [escape_markdown(group.title)] if grouped else []
        lines.extend(_line([*start, *map(_cell, row)]) for row in group.rows)
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    text = f"**{text}**" if cell.strong and text else text
    return f"{text} {escape_markdown(cell.interval)}".strip() or "-"
