"""Whatever a study has or lacks, its page is sound and holds only what there is data for."""

import re

import pytest
from synthetic_study import rows_of, write_study
from tables import html_tables, markdown_tables

from wheesht.errors import ParameterError, StudyError
from wheesht.report.material import Options
from wheesht.report.write import write_report


def noisy_only():
    """A set without clean speech: DNSMOS alone, no SNR."""
    rows = rows_of("street", n=5, snrs=(), kinds=())
    for row in rows:
        row |= dict.fromkeys(("pesq_wb", "estoi", "si_sdr", "si_snr"), "")
    return rows


def nothing_scored():
    rows = rows_of(n=3)
    for row in rows:
        row |= dict.fromkeys(("pesq_wb", "estoi", "si_sdr", "si_snr", "dnsmos_ovrl", "lufs"), "")
        row["error"] = "audio: cannot be read"
    return rows


def half_missing():
    rows = rows_of(n=6)
    for i, row in enumerate(rows):
        if row["system"] == "gru" and i % 2:
            row["pesq_wb"] = ""
    return rows


ALL = {"overview", "words", "cost", "tests", "paper", "snr", "noise", "measures", "worst", "origin"}
STUDIES = {
    "one clip": (rows_of(n=1), ALL - {"tests", "noise"}),
    "two clips": (rows_of(n=2, kinds=("rain",)), ALL),
    "one system": (rows_of(systems=("gru:50",)), ALL - {"tests", "snr", "noise"}),
    "unprocessed only": (
        rows_of(systems=("noisy",)),
        {"overview", "words", "measures", "origin"},
    ),
    "a folder only": (rows_of(systems=("noisy", "mine")), ALL - {"cost", "tests", "paper"}),
    "no noisy": (rows_of(systems=("gru:100", "gru:50")), ALL - {"snr", "noise"}),
    "no snr": (rows_of(snrs=()), ALL - {"snr"}),
    "no kinds": (rows_of(kinds=()), ALL - {"noise"}),
    "noisy recordings": (noisy_only(), ALL - {"snr", "noise"}),
    "with and without clean": (noisy_only() + rows_of(), ALL),
    "nothing scored": (nothing_scored(), {"overview", "words", "measures", "origin"}),
    "half missing": (half_missing(), ALL),
    "many settings": (
        rows_of(n=6, systems=("noisy", *(f"gru:{p}" for p in (100, 75, 50, 25, 12.5)))),
        ALL,
    ),
    "two models and a folder": (
        rows_of(n=6, systems=("noisy", "gru:100", "gru:50", "other:100", "mine")),
        ALL,
    ),
    "equal scores": (rows_of(n=6, spread=0.0), ALL),
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_is_sound(name, tmp_path):
    rows, sections = STUDIES[name]
    written = write_report([write_study(tmp_path, rows)], options=Options(has_audio=False))
    html = written.html.read_text(encoding="utf-8")
    markdown = written.markdown.read_text(encoding="utf-8")
    assert set(re.findall(r'<section id="(\w+)"', html)) == sections
    shown, again = html_tables(html), markdown_tables(markdown)
    for caption, table in shown.items():
        assert table.rows, f"{caption} is empty"
        assert {len(cells) for _, cells in table.rows} == {len(table.heads)}
        assert table.rows == again[caption].rows
    for text in (html, markdown):
        assert not re.search(r"\b(nan|NaN|inf|None)\b|\(\)|\[\]|  +\S+ :", text)
        assert not re.search(r"[^.]\.\.\s| [,.;:]\s", re.sub(r"(?s)<(svg|style).*?</\1>", "", text))


def test_of_one_clip_there_is_no_interval(tmp_path):
    written = write_report([write_study(tmp_path, rows_of(n=1))], options=Options(has_audio=False))
    table = markdown_tables(written.markdown.read_text())[
        "Cost and quality: mean and 95 % interval"
    ]
    assert [cells[table.column("PESQ-WB")].count("[") for _, cells in table.rows] == [0, 0, 0]


def test_recordings_without_clean_speech_are_judged_without_it(tmp_path):
    written = write_report([write_study(tmp_path, noisy_only())], options=Options(has_audio=False))
    text = written.markdown.read_text()
    tables = markdown_tables(text)
    assert "PESQ" not in " ".join(next(iter(tables.values())).heads)
    pairs = tables["Every pair of settings: difference and p-values"]
    assert pairs.rows[0][0] == "gru on street, DNSMOS OVRL"


@pytest.mark.slow
def test_thousands_of_clips_make_a_page(tmp_path):
    rows = rows_of(n=2000, kinds=[f"kind{i}" for i in range(60)], metrics=("pesq_wb", "estoi"))
    folder = write_study(tmp_path, rows, ("pesq_wb", "estoi"))
    written = write_report([folder], options=Options(has_audio=False))
    table = markdown_tables(written.markdown.read_text())["Gain by kind of noise, best first"]
    assert len(table.rows) == 60 and sum(int(cells[1]) for _, cells in table.rows) == 2000
    assert written.html.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "options, sentence",
    [
        (Options(metric="loudness"), "got metric 'loudness', needs one of pesq_wb,"),
        (Options(metric="lufs"), "got metric 'lufs', needs one of"),
        (Options(margin=0.0), "got margin 0.0, needs a number above 0"),
        (Options(margin=float("nan")), "got margin nan"),
        (Options(worst=-1), "got the worst -1 clips"),
    ],
)
def test_options_out_of_range_are_refused(options, sentence, tmp_path):
    with pytest.raises(ParameterError, match=sentence):
        write_report([write_study(tmp_path, rows_of(n=2))], options=options)


def test_another_metric_can_stand_for_all(tmp_path):
    options = Options(metric="si_sdr", has_audio=False, margin=0.5)
    text = write_report([write_study(tmp_path, rows_of(n=6))], options=options).markdown.read_text()
    tables = markdown_tables(text)
    assert tables["Cost and quality: mean and 95 % interval"].heads[5].startswith("SI-SDR")
    pairs = tables["Every pair of settings: difference and p-values"]
    assert pairs.rows[0][0] == "gru on pairs, SI-SDR" and "Equal within \u00b10.5" in pairs.heads
    assert "Smallest gain in SI-SDR, dB: gru, P = 100" in tables or (
        "Smallest gain in SI-SDR, dB: gru, P = 50" in tables
    )


def test_the_papers_p_values_stand_beside_pesq_only(tmp_path):
    options = Options(metric="si_sdr", has_audio=False)
    text = write_report([write_study(tmp_path, rows_of(n=6))], options=options).markdown.read_text()
    tables = markdown_tables(text)
    assert "The paper" not in tables["Every pair of settings: difference and p-values"].heads
    matrix = tables["p-values of the Mann-Whitney U test, as Table 2 of the paper"]
    assert not any(group.startswith("The paper") for group, _ in matrix.rows)


def test_no_study_and_no_folder_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="got no study"):
        write_report([])
    with pytest.raises(StudyError, match=r"scores\.csv: cannot be read"):
        write_report([tmp_path])
