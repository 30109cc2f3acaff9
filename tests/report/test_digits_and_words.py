"""How numbers, names and sentences are written."""

import pytest

from wheesht.report import digits, words
from wheesht.report.document import Definitions, Items, Paragraph
from wheesht.statistics import Interval


@pytest.mark.parametrize(
    "metric, places",
    [("pesq_wb", 3), ("stoi", 3), ("si_sdr", 2), ("seg_snr", 2), ("lufs", 2), ("from_later", 3)],
)
def test_decimals_follow_the_unit(metric, places):
    assert digits.decimals(metric) == places


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0.00"), (-0.004, "0.00"), (-0.006, "-0.01"), (float("nan"), ""), (float("inf"), "")],
)
def test_numbers_have_no_sign_at_zero_and_nothing_where_there_is_none(value, text):
    assert digits.number(value, 2) == text


def test_a_sign_is_given_to_positive_numbers_only():
    assert [digits.number(x, 1, sign=True) for x in (1.0, -1.0, 0.01)] == ["+1.0", "-1.0", "0.0"]


def test_an_interval_without_ends_is_not_written():
    assert digits.bounds(Interval(1.0, float("nan"), float("nan")), 2) == ""
    assert digits.bounds(Interval(1.0, 0.5, 1.5), 1) == "[0.5, 1.5]"


@pytest.mark.parametrize("p, text", [(0.0009, "<0.001"), (0.001, "0.001"), (0.05, "0.050")])
def test_p_values_have_three_decimals(p, text):
    assert digits.p_value(p) == text


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\x1bb", "a\udcffb", "a\u2028b", "a\ue000b", "a\u202eb"]
)
def test_what_no_page_can_hold_becomes_a_stand_in(name):
    assert digits.shown(name) in ("a\ufffdb", "a b")
    digits.shown(name).encode("utf-8")


@pytest.mark.parametrize("text", ["p232_-5", "x-1", "2-3", "a.-4"])
def test_hyphens_within_names_are_no_minus(text):
    assert digits.with_minus(text) == text


def test_a_name_cannot_begin_a_paragraph_or_a_list():
    name = "x\n\n- item\n: Term: meaning\n\nnew paragraph"
    blocks = words.words("no_rivals", folder=name)
    assert [type(block) for block in blocks] == [Paragraph]
    assert "in x - item : Term: meaning new paragraph have" in blocks[0].text


def test_marks_at_the_start_of_lines_make_lists_and_definitions():
    definitions = words.words("measures")
    assert len(definitions) == 1 and isinstance(definitions[0], Definitions)
    assert definitions[0].entries[0][0] == "pesq_wb"
    assert definitions[0].entries[0][1].startswith("Perceptual evaluation")
    assert isinstance(words._block("- one\n  more\n- two"), Items)
    assert words._block("- one\n  more\n- two").items == ("one more", "two")


def test_every_metric_is_explained():
    from wheesht.metrics import METRICS

    assert [term for term, _ in words.words("measures")[0].entries] == list(METRICS)
