"""What the pages and the help texts point to exists."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from wheesht.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[1]


def is_ours(path):
    """Not from a folder that a tool keeps here, which may come into being during the tests."""
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith(".") or part in ("build", "demo", "runs") for part in parts)


PAGES = sorted(filter(is_ours, ROOT.rglob("*.md")))
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
REPOSITORY_PATH = re.compile(
    r"(?<![\w/])(?:recipes|examples|benchmarks|docs|tools|tests)/[\w./-]+\w"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(page):
    text = page.read_text()
    assert "@@" not in text
    for target in LINK.findall(text):
        assert (page.parent / target).exists(), target
    for path in REPOSITORY_PATH.findall(text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_has_an_example_whose_files_exist(name):
    text = CliRunner().invoke(cli, [name, "--help"]).output
    assert f"wheesht {name}" in text.split("Example", 1)[1]
    for path in REPOSITORY_PATH.findall(text):
        assert (ROOT / path).exists(), path
