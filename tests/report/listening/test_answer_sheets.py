"""Reading what listeners send back, whole or broken."""

import numpy as np
import pytest
from answer_sheets import ab_key, lines_of, mushra_key, write_lines, write_sheet

from wheesht.report.listening.screening import screen
from wheesht.report.listening.sheets import COLUMNS, read_sheets

KEY = mushra_key()


def score(name, condition):
    """100 for the hidden reference, else something different everywhere."""
    return 100 if condition == 0 else 10 * condition + int(name[1:])


def cell(column):
    return COLUMNS.index(column)


def read(*paths, key=KEY):
    return read_sheets(paths, key)


def test_a_whole_sheet_is_read_by_item_and_condition(tmp_path):
    [sheet], rejected = read(write_sheet(tmp_path, KEY, 'O"Neil, <b>', score, device="earphones"))
    assert rejected == []
    assert (sheet.listener, sheet.device) == ('O"Neil, <b>', "earphones")
    assert sheet.seconds == 4 * 30
    for name in KEY.items:
        assert sheet.scores[name].tolist() == [score(name, k) for k in range(5)]


@pytest.mark.parametrize("change", ["mark", "returns", "blank lines", "order"])
def test_what_other_programs_do_to_a_file_does_not_matter(tmp_path, change):
    lines = lines_of(KEY, "ann", score)
    if change == "order":
        lines = [lines[0], *reversed(lines[1:])]
    path = write_lines(tmp_path / "ann.csv", lines)
    text = path.read_bytes()
    changed = {
        "mark": b"\xef\xbb\xbf" + text,
        "returns": text.replace(b"\n", b"\r\n"),
        "blank lines": text.replace(b"\n", b"\n\n"),
        "order": text,
    }
    path.write_bytes(changed[change])
    [sheet], rejected = read(path)
    assert rejected == []
    assert sheet.scores["i2"].tolist() == [score("i2", k) for k in range(5)]


def with_cell(line, column, value):
    def change(lines):
        lines[line][cell(column)] = value
        return lines

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lines: [], "line 1: begins with 'nothing', needs the columns kit,kind,listener,"),
        (lambda lines: lines[1:], "line 1: begins with 'abc123,mushra,ann,headphones,7,"),
        (lambda lines: lines[:1], "ann.csv: holds no answers"),
        (lambda lines: lines[:-1], r"ann.csv: 3 of 4 trials are complete; ask for the whole file"),
        (lambda lines: lines[:11], r"2 of 4 trials are complete"),
        (lambda lines: [*lines[:3], lines[3][:-1]], "line 4: has 12 cells, needs 13"),
        (lambda lines: [*lines, lines[5]], "line 22: stimulus s02 is rated a second time"),
        (with_cell(3, "kit", "zzz"), "line 4: belongs to the test mushra zzz, the key to mushra "),
        (with_cell(3, "kind", "ab"), "line 4: belongs to the test ab abc123"),
        (with_cell(3, "listener", "bob"), "line 4: listener is 'bob', above it is 'ann'"),
        (with_cell(1, "listener", ""), "line 2: names no listener"),
        (with_cell(7, "device", "x"), "line 8: device is 'x', above it is 'headphones'"),
        (with_cell(2, "item", "i9"), "line 3: item 'i9' is not one of the test's"),
        (with_cell(2, "stimulus", "s13"), "line 3: stimulus 's13' is not one of item i0"),
        (with_cell(2, "score", "101"), "line 3: score is '101', needs a whole number from 0 to"),
        (with_cell(2, "score", "-1"), "line 3: score is '-1', needs a whole number"),
        (with_cell(2, "score", "55.5"), "line 3: score is '55.5', needs a whole number"),
        (with_cell(2, "score", ""), "line 3: score is '', needs a whole number"),
        (with_cell(2, "score", "nan"), "line 3: score is 'nan', needs a whole number"),
        (with_cell(2, "seconds", "-1"), "line 3: seconds is '-1', needs a number from 0 up"),
        (with_cell(2, "seconds", "long"), "line 3: seconds is 'long', needs a number"),
    ],
)
def test_a_broken_sheet_is_rejected_with_file_and_line_and_the_others_count(
    tmp_path, change, sentence
):
    good = write_sheet(tmp_path, KEY, "good", score)
    bad = write_lines(tmp_path / "ann.csv", change(lines_of(KEY, "ann", score)))
    sheets, [rejected] = read(bad, good)
    assert [sheet.listener for sheet in sheets] == ["good"]
    assert rejected.startswith(str(bad))
    assert sentence in rejected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe\x00k", "is not text in UTF-8; was it saved by another program?"),
        (b"", "line 1: begins with 'nothing'"),
        (b'kit,"kind\n', "line 1: unexpected end of data"),
        (b"kit;kind;listener\n", "line 1: begins with 'kit;kind;listener', needs the columns"),
        (bytes(300), "line 1: "),
    ],
)
def test_what_is_no_sheet_is_rejected(tmp_path, content, sentence):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    sheets, [rejected] = read(path)
    assert sheets == [] and sentence in rejected


def test_a_folder_in_place_of_a_file_is_rejected(tmp_path):
    (tmp_path / "x.csv").mkdir()
    assert "x.csv: cannot be read" in read(tmp_path / "x.csv")[1][0]


def test_a_copy_and_a_second_set_of_answers_are_told_apart(tmp_path):
    first = write_sheet(tmp_path, KEY, "ann", score)
    copy = write_lines(tmp_path / "ann (1).csv", lines_of(KEY, "ann", score))
    other = write_lines(
        tmp_path / "ann2.csv", lines_of(KEY, "ann", lambda name, k: 100 - score(name, k))
    )
    [sheet], rejected = read(first, copy, other)
    assert sheet.path == first
    assert rejected[0].endswith("ann (1).csv: is a copy of ann.csv")
    assert "ann2.csv: listener 'ann' has other answers in ann.csv, which was used" in rejected[1]


def test_preferences_must_be_each_others_opposite(tmp_path):
    key = ab_key()
    prefers_1 = lambda name, condition: condition  # noqa: E731
    good = write_sheet(tmp_path, key, "ann", prefers_1)
    both = write_sheet(tmp_path, key, "bob", lambda name, condition: 1)
    odd = write_sheet(tmp_path, key, "cyd", lambda name, condition: 0.7)
    sheets, rejected = read(good, both, odd, key=key)
    assert [sheet.listener for sheet in sheets] == ["ann"]
    assert "the two scores of item i010 are not each other's opposite" in rejected[0]
    assert "line 2: score is '0.7', needs 0, 0.5 or 1" in rejected[1]


def test_in_a_pair_what_was_not_heard_has_no_score(tmp_path):
    key = ab_key(n_conditions=3)
    [sheet], _ = read(
        write_sheet(tmp_path, key, "ann", lambda name, k: float(k == int(name[2]))), key=key
    )
    assert np.isnan(sheet.scores["i110"]).tolist() == [False, False, True]


@pytest.mark.parametrize(("n_items", "n_low", "is_found"), [
    (20, 3, False),  # 15 %, which is allowed
    (20, 4, True),
    (6, 1, True),
    (7, 1, False),
])  # fmt: skip
def test_screening_finds_who_missed_the_hidden_reference_too_often(
    tmp_path, n_items, n_low, is_found
):
    key = mushra_key(n_items)

    def answers(name, condition):
        return (89 if int(name[1:]) < n_low else 90) if condition == 0 else 95

    sheets, _ = read(write_sheet(tmp_path, key, "ann", answers), key=key)
    found = screen(sheets, key)
    assert [finding.listener for finding in found] == (["ann"] if is_found else [])
    if is_found:
        wanted = f"rated the hidden reference below 90 in {n_low} of {n_items} clips, allowed are "
        assert found[0].reason == wanted + "15%"


def test_a_test_of_preference_is_not_screened(tmp_path):
    key = ab_key()
    sheets, _ = read(write_sheet(tmp_path, key, "ann", lambda name, k: 0.5), key=key)
    assert screen(sheets, key) == []
