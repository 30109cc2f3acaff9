"""Tables read back out of a page, as HTML and as Markdown, without the code that wrote them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

GROUPS = {
    "Test set",
    "Test",
    "Model and test set",
    "Machine",
    "Trend",
}  # heads of columns of groups
UNGROUPED = {"Test sets"}  # tables that begin with such a word for a reason of their own
VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


@dataclass
class Found:
    """A table: caption, heads, and rows as (group, cells)."""

    caption: str = ""
    heads: list = field(default_factory=list)
    rows: list = field(default_factory=list)

    def column(self, name):
        """Index of the one column of that name; Markdown writes the unit behind it."""
        (index,) = [i for i, h in enumerate(self.heads) if h == name or h.startswith(f"{name}, ")]
        return index


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tables, self.stack = [], []
        self.text, self.cell, self.group = None, [], ""

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            return
        kind = dict(attributes)
        self.stack.append((tag, kind))
        if tag == "table":
            self.tables.append(Found())
        elif tag == "tr":
            self.cells = []
        elif tag == "tbody":
            self.group = ""
        elif tag in ("caption", "th", "td"):
            self.text = []
        elif tag == "strong" and self.text is not None:
            self.text.append("**")
        elif kind.get("class") in ("unseen", "unit", "arrow"):
            self.text_kept, self.text = self.text, []

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_data(self, data):
        if self.text is not None:
            self.text.append(data)

    def handle_endtag(self, tag):
        opened, kind = self.stack.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"
        if tag == "caption":
            self.tables[-1].caption, self.text = self._taken(), None
        elif tag in ("th", "td"):
            text, self.text = self._taken(), None
            if kind.get("scope") == "col":
                self.tables[-1].heads.append(text)
            elif kind.get("scope") == "rowgroup":
                self.group = text
            else:
                self.cells.append(text)
        elif tag == "tr" and self.cells:
            self.tables[-1].rows.append((self.group, self.cells))
        elif tag == "strong" and self.text is not None:
            self.text.append("**")
        elif kind.get("class") in ("unseen", "unit", "arrow"):
            self.text = self.text_kept

    def _taken(self):
        return " ".join("".join(self.text).split()).replace("\u2212", "-").replace("\u2013", "-")


def html_tables(text):
    """Return the tables of an HTML page by caption; asserts that every element is closed."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.stack == [], f"not closed: {reader.stack}"
    return {table.caption: table for table in reader.tables}


def markdown_tables(text):
    """Return the tables of a Markdown page by caption; groups are the first column."""
    found, lines = {}, text.splitlines()
    for i, line in enumerate(lines):
        if not line.startswith("|") or lines[i - 1].startswith("|"):
            continue
        table = Found(caption=_plain(lines[i - 2].strip("*")))
        heads = _cells(line)
        grouped = _cells(line)[0] in GROUPS and table.caption not in UNGROUPED
        table.heads = [re.sub(r" [\u2191\u2193]$", "", head) for head in heads[grouped:]]
        for row in lines[i + 2 :]:
            if not row.startswith("|"):
                break
            cells = _cells(row)
            table.rows.append((cells[0] if grouped else "", cells[grouped:]))
        found[table.caption] = table
    return found


def _cells(line):
    return [_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _plain(text):
    return re.sub(r"\\(.)", r"\1", text.strip()).replace("\u2013", "-")
