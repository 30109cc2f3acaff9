"""The page as a file: well-formed, self-contained, accessible, safe against hostile names."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from synthetic_study import rows_of, write_study
from tables import html_tables, markdown_tables

from wheesht.report.document import (
    Cell,
    ClipCard,
    Clips,
    Column,
    Commands,
    Definitions,
    Document,
    Figure,
    Group,
    Items,
    Panel,
    Paragraph,
    Section,
    Sound,
    Table,
)
from wheesht.report.material import Options
from wheesht.report.page import escape_markdown, to_html, to_markdown
from wheesht.report.write import write_report

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a|b`c*d_e_[f](http://g.example)",
    "$x_{1}$ & \\frac{1}{2}",
    "line\nbreak\t#",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe \x07\x1b[31m",
    "'; --",
)


def attributes(text):
    """Names of all attributes of all elements, as a browser would find them."""
    found = set()
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, pairs: found.update(name for name, _ in pairs)
    reader.feed(text)
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page on which everything that has a name has a hostile one."""
    names = [f"{name}{i}" for i, name in enumerate(HOSTILE * 2)]
    systems = ("noisy", "<i>gru</i>:100", "<i>gru</i>:50", "a|$b$")
    rows = rows_of('<b>"set"|$', n=len(names), names=names, kinds=HOSTILE[:2], systems=systems)
    rows += rows_of("other", n=4, systems=systems)
    for row in rows:
        row["error"] = "" if row["system"] == "noisy" else "<u>|why|</u>"
    folder = write_study(tmp_path_factory.mktemp("hostile"), rows, commands=["x <y> | z"])
    return write_report([folder], options=Options(has_audio=False, worst=20))


def test_hostile_names_are_text_in_html(hostile):
    text = hostile.html.read_text(encoding="utf-8")
    html_tables(text)  # every element is closed by its own end
    tags = set(re.findall(r"<([a-zA-Z]+)", text))
    assert not tags & {"script", "i", "u", "img", "b"}
    assert not [name for name in attributes(text) if name.startswith("on")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text.replace("<wbr>", "")
    assert "{{ 7 * 7 }}" in text and "49{% raw" not in text
    assert "\x07" not in text and "\x1b" not in text and "mathdefault" not in text


def test_hostile_names_stay_in_their_cells_in_markdown(hostile):
    text = hostile.markdown.read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("    "))  # code
    for table in markdown_tables(text).values():
        assert {len(cells) for _, cells in table.rows} == {len(table.heads)}
    assert not re.search(r"(?<!\\)<", text) and "](http" not in text.replace("\\](http", "")


def test_drawings_of_hostile_names_are_xml(hostile):
    drawings = re.findall(r"<svg.*?</svg>", hostile.html.read_text(encoding="utf-8"), re.DOTALL)
    assert len(drawings) > 3
    for drawing in drawings:
        ElementTree.fromstring(drawing.replace("<svg", '<svg xmlns:q="q"', 1))


def test_the_page_fetches_nothing_and_has_no_script(html):
    assert "<script" not in html and "javascript:" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert policy.startswith("default-src 'none';") and "http" not in policy
    links = re.findall(r'(?:src|href|action|data|poster)="([^"]*)"', html)
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)|@import", html)


def test_links_within_the_page_lead_somewhere_and_names_are_unique(html):
    names = re.findall(r'\sid="([^"]+)"', html)
    assert len(names) == len(set(names))
    targets = set(re.findall(r'href="#([^"]+)"', html)) | set(re.findall(r"url\(#([^)]+)\)", html))
    assert targets and targets <= set(names)


def test_tables_and_drawings_can_be_read_aloud(html):
    heads = re.findall(r"<th[ >][^>]*>", html)
    assert heads and all("scope=" in head for head in heads)
    assert html.count("<table>") == html.count("<caption>") > 5
    drawings = re.findall(r"<svg[^>]*>", html)
    assert all('role="img" aria-label="' in d or 'aria-hidden="true"' in d for d in drawings)
    assert '<html lang="en">' in html and "viewport" in html


def test_every_abbreviation_of_a_head_is_explained_once(html):
    terms = re.findall(r"<dt>(.*?)</dt>", html)
    assert len(terms) == len(set(terms))
    for word in ("P", "MMAC/s", "PESQ-WB", "ESTOI", "SI-SDR", "SI-SNR", "DNSMOS OVRL", "SNR", "n"):
        assert word in terms
    assert "STOI" not in terms and "RTF" not in terms  # of which the page has nothing


def test_nothing_that_is_no_number_is_shown(html, markdown):
    for text in (html, markdown):
        assert not re.search(r"\b(nan|NaN|inf|None)\b", text)


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("p232_001", "p232_001"),
        ("_x_", r"\_x\_"),
        ("[1, 2]", "[1, 2]"),
        ("[a](b)", r"[a\](b)"),
        ("a | b", r"a \| b"),
        ("<b>", r"\<b\>"),
        ("# a", r"\# a"),
        ("a\nb", "a b"),
    ],
)
def test_markdown_is_escaped_where_it_matters(text, escaped):
    assert escape_markdown(text) == escaped


def test_no_control_reaches_the_page_wherever_it_stands():
    bad = "x\x07\x00y"
    table = Table(bad, (Column(bad, bad),), (Group(bad, ((Cell(bad, bad),),)),), bad, (bad,))
    card = ClipCard(bad, bad, (Sound(bad, "<svg></svg>", "data:,", bad),))
    blocks = (Paragraph(bad), Items((bad,)), Definitions(((bad, bad),)), Commands((bad,)), table)
    blocks += (Figure((Panel(bad, "<svg></svg>", bad),), bad), Clips((card,)))
    document = Document(bad, (Section("s", bad, blocks),))
    for text in (to_html(document), to_markdown(document)):
        assert text.count("x\ufffd\ufffdy") > 8
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_a_document_becomes_both_forms():
    table = Table(
        "Caption",
        (Column("Name", is_number=False), Column("Score", "dB", "higher")),
        (Group("one", ((Cell("a"), Cell("-1.5", "[-2, -1]", strong=True)),)),),
        "Set",
        notes=("note",),
    )
    document = Document("Title", (Section("s", "Part", (Paragraph("p"), Items(("i",)), table)),))
    assert to_markdown(document) == (
        "# Title\n\n## 1. Part\n\np\n\n- i\n\n**Caption**\n\n| Set | Name | Score, dB \u2191 |\n"
        "| --- | --- | ---: |\n| one | a | **-1.5** [-2, -1] |\n\nnote\n"
    )
    page = to_html(document)
    assert "<strong>\u22121.5</strong>" in page and "[\u22122, \u22121]" in page
    assert '<section id="s" aria-labelledby="s-title">' in page
