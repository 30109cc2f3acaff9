"""Rivals' scores beside ours."""

import csv

import pytest
from synthetic_study import rows_of, values, write_study
from tables import html_tables

from wheesht.errors import StudyError
from wheesht.evaluation.study import read_study
from wheesht.report.document import Document
from wheesht.report.material import Options, read_material
from wheesht.report.numbers.peers import agreement, beside, read_peers
from wheesht.report.numbers.scores import gather
from wheesht.report.page import to_html
from wheesht.report.sections.rivals import rivals


@pytest.fixture
def rows():
    return rows_of(n=8)


@pytest.fixture
def study(rows, tmp_path):
    return read_study(write_study(tmp_path / "study", rows))


@pytest.fixture
def peers(rows, tmp_path):
    """A rival, better in PESQ and 2 dB worse in SI-SNR, on 6 of the clips and one more."""
    folder = tmp_path / "peers"
    folder.mkdir()
    with open(folder / "scores_pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["peer", "file", "pesq_wb", "si_sdr", "unknown"])
        for peer, system, pesq, snr in (("noisy", "noisy", 0, 0), ("Strong", "gru:50", 0.1, -2)):
            wb, si = (values(rows, "pairs", system, m) for m in ("pesq_wb", "si_snr"))
            for i, clip in enumerate(list(wb)[:6]):
                writer.writerow([peer, clip, wb[clip] + pesq + 0.001 * i, si[clip] + snr, "x"])
        writer.writerow(["Strong", "elsewhere", 4.0, 20.0, ""])
    return folder


def test_their_si_sdr_is_our_si_snr(study, peers):
    found = read_peers(peers, ("pairs", "other"))
    assert found.scores["pairs"]["Strong"]["pairs000"].keys() == {"pesq_wb", "si_snr"}


def test_only_clips_of_both_are_set_beside_each_other(study, peers):
    scores = beside(gather([study]), read_peers(peers, ("pairs",)))
    assert {len(found) for found in scores.rows.values()} == {6}
    assert [v.kind for v in scores.variants("pairs")] == ["noisy", "model", "model", "rival"]


def test_agreement_on_the_unprocessed_clips_is_measured(study, peers):
    found = agreement(gather([study]), read_peers(peers, ("pairs",)), "pairs")
    assert [(one.metric, one.n) for one in found] == [("pesq_wb", 6), ("si_snr", 6)]
    assert found[0].worst == pytest.approx(0.005) and found[1].worst == pytest.approx(0.0)


def test_the_page_says_how_well_both_sources_agree(study, peers, rows):
    def said():
        blocks = rivals(read_material([study], Options(peers=peers))).blocks
        return " ".join(block.text for block in blocks if hasattr(block, "text"))

    assert "on some clip they differ by 0.0050 in PESQ-WB (pairs)." in said()
    table = peers / "scores_pairs.csv"
    wb = values(rows, "pairs", "noisy", "pesq_wb")
    lines = [f"noisy,{clip},{score}" for clip, score in wb.items()] + ["Strong,pairs000,2.0"]
    table.write_text("\n".join(["peer,file,pesq_wb", *lines]))
    assert "on every clip they agree to within 0.0001 in PESQ-WB." in said()


def test_the_page_shows_paired_differences_and_n(study, peers, rows):
    material = read_material([study], Options(peers=peers))
    tables = html_tables(to_html(Document("", (rivals(material),))))
    table = tables["Difference in PESQ-WB, MOS-LQO: ours minus the rival, same clips"]
    ((_, cells),) = table.rows
    high, low = (values(rows, "pairs", f"gru:{p}", "pesq_wb") for p in (100, 50))
    clips = list(high)[:6]
    theirs = {clip: low[clip] + 0.1 + 0.001 * i for i, clip in enumerate(clips)}
    want = [sum(one[c] - theirs[c] for c in clips) / 6 for one in (high, low)]
    assert cells[:2] == ["Strong", "6"]
    assert [c.split()[0].strip("*") for c in cells[2:]] == [f"{x:+.3f}" for x in want]
    scores = tables["Mean and 95 % interval on the clips that both have"]
    assert [cells[0].strip("*") for _, cells in scores.rows] == ["Strong", "gru", "gru", "noisy"]
    assert {cells[scores.column("n")] for _, cells in scores.rows} == {"6"}


def test_si_snr_of_a_rival_is_compared_with_ours(study, peers):
    material = read_material([study], Options(peers=peers))
    text = to_html(Document("", (rivals(material),)))
    ((_, cells),) = html_tables(text)[
        "Difference in SI-SNR, dB: ours minus the rival, same clips"
    ].rows
    assert cells[3].split()[0].strip("*") == "+2.00"


def test_without_a_common_clip_a_sentence_says_so(study, tmp_path):
    (tmp_path / "scores_pairs.csv").write_text("peer,file,pesq_wb\nStrong,elsewhere,4.0\n")
    (block,) = rivals(read_material([study], Options(peers=tmp_path))).blocks
    assert "no clip and measure in common" in block.text


def test_without_rivals_there_is_no_section(study):
    assert rivals(read_material([study], Options())) is None


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"has none of scores_a\.csv, scores_b\.csv"):
        read_peers(tmp_path, ("a", "b"))


@pytest.mark.parametrize("text", ["file,pesq_wb\nx,1\n", "peer,file,pesq_wb\nx,y,high\n"])
def test_a_damaged_table_is_refused_by_name(tmp_path, text):
    (tmp_path / "scores_a.csv").write_text(text)
    with pytest.raises(StudyError, match=r"scores_a\.csv: not a table"):
        read_peers(tmp_path, ("a",))
