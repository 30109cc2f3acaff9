"""A study with two settings of a model on two test sets, and the page about it."""

import pytest
from synthetic_study import rows_of, write_study

from wheesht.report.material import Options
from wheesht.report.write import write_report


@pytest.fixture(scope="session")
def rows():
    """Rows of its scores.csv: 12 and 9 clips, some scores missing."""
    rows = rows_of("pairs", 12) + rows_of("steps", 9, snrs=(-7.4, -2.5, 2.4, 2.5, 17.5), seed=1)
    for row in rows:
        if row["clip"] in ("pairs003", "steps004") and row["system"] == "gru":
            row["pesq_wb"], row["error"] = "", "pesq_wb: no utterance was found"
    return rows


@pytest.fixture(scope="session")
def study(rows, tmp_path_factory):
    """Its folder."""
    return write_study(tmp_path_factory.mktemp("study"), rows)


@pytest.fixture(scope="session")
def written(study, tmp_path_factory):
    """The page about it, as files."""
    return write_report([study], tmp_path_factory.mktemp("page"), Options(command="wheesht report"))


@pytest.fixture(scope="session")
def html(written):
    """The page as HTML."""
    return written.html.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def markdown(written):
    """The page as Markdown."""
    return written.markdown.read_text(encoding="utf-8")
