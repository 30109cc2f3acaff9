"""Text of the page, from the templates in ``templates/words``: plain words, no markup.

A blank line ends a paragraph. A paragraph whose lines begin with ``- `` is a list, one whose
lines begin with ``: `` holds definitions, ``: Term: what it means``.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from wheesht.errors import MissingDependency
from wheesht.report import digits
from wheesht.report.document import Block, Definitions, Items, Paragraph

TEMPLATES = Path(__file__).with_name("templates")


def words(name: str, **facts: Any) -> tuple[Block, ...]:
    """Return the text of a template, filled in.

    Parameters
    ----------
    name : str
        File in ``templates/words`` without its ending.
    **facts
        What the template refers to. Strings among them are put on one line, so that a name
        cannot begin a paragraph.

    Raises
    ------
    MissingDependency
        jinja2 is not installed.
    """
    text = _environment().get_template(f"words/{name}.j2").render(**facts)
    return tuple(_block(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def sentence(name: str, **facts: Any) -> str:
    """Return the text of a template as one line."""
    return " ".join(_environment().get_template(f"words/{name}.j2").render(**facts).split())


def jinja2_module() -> Any:
    """Import jinja2.

    Raises
    ------
    MissingDependency
        It is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingDependency("report needs: pip install 'wheesht[eval]'") from None
    return jinja2


@cache
def _environment() -> Any:
    jinja2 = jinja2_module()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # what comes out is text; the page's own templates escape it
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: digits.shown(value) if isinstance(value, str) else value,
    )
    for function in (digits.number, digits.bounds, digits.percent, digits.p_phrase):
        environment.filters[function.__name__] = function
    environment.filters["listed"] = listed
    return environment


def listed(names: list[str]) -> str:
    """Write names as a list in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _block(text: str) -> Block:
    marked = re.split(r"^([-:]) ", text.strip(), flags=re.MULTILINE)
    pieces = [" ".join(piece.split()) for piece in marked[2::2]]
    if text.strip().startswith("- "):
        return Items(tuple(pieces))
    if text.strip().startswith(": "):
        return Definitions(tuple(_definition(piece) for piece in pieces))
    return Paragraph(" ".join(text.split()))


def _definition(text: str) -> tuple[str, str]:
    term, _, meaning = text.partition(": ")
    return term, meaning
