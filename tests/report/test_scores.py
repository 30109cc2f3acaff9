"""Studies put together: what is kept apart, what becomes one, what does not fit."""

import pytest
from synthetic_study import METRICS, rows_of, write_study

from wheesht.errors import StudyError
from wheesht.evaluation.study import read_study
from wheesht.report.numbers.scores import gather


def study(tmp_path, name, rows, **facts):
    return read_study(write_study(tmp_path / name, rows, **facts))


def names(scores, testset="pairs"):
    return [variant.label for variant in scores.variants(testset)]


def test_variants_stand_in_the_order_of_tables(tmp_path):
    systems = ("mine", "other:50", "gru:25", "gru:100", "noisy", "other:100")
    scores = gather([study(tmp_path, "a", rows_of(n=2, systems=systems))])
    assert names(scores) == [
        "noisy",
        "other, P = 100",
        "other, P = 50",
        "gru, P = 100",
        "gru, P = 25",
        "mine",
    ]
    assert [variant.kind for variant in scores.variants("pairs")][-1] == "folder"


def test_studies_of_different_systems_become_one(tmp_path):
    first = study(tmp_path, "a", rows_of(n=3, systems=("noisy", "gru:100")))
    second = study(tmp_path, "b", rows_of(n=3, systems=("noisy", "gru:50", "mine")))
    scores = gather([first, second])
    assert names(scores) == ["noisy", "gru, P = 100", "gru, P = 50", "mine"]
    assert {len(rows) for rows in scores.rows.values()} == {3}


def test_metrics_of_two_studies_are_joined_and_the_first_one_counts(tmp_path):
    rows, later = rows_of(n=1, systems=("noisy",)), rows_of(n=1, systems=("noisy",), seed=9)
    rows[0]["estoi"] = ""
    scores = gather([study(tmp_path, "a", rows), study(tmp_path, "b", later)])
    (noisy,) = scores.variants("pairs")
    assert scores.values("pairs", noisy, "pesq_wb") == {"pairs000": float(rows[0]["pesq_wb"])}
    assert scores.values("pairs", noisy, "estoi") == {"pairs000": float(later[0]["estoi"])}


def test_two_models_of_one_name_are_told_apart_by_their_hash(tmp_path):
    rows, later = (rows_of(n=1, systems=("gru:50",)) for _ in range(2))
    later[0]["model_sha256"] = "fedcba987654"
    scores = gather([study(tmp_path, "a", rows), study(tmp_path, "b", later)])
    assert names(scores) == ["gru (aaaaaa), P = 50", "gru (fedcba), P = 50"]


def test_backends_are_told_apart(tmp_path):
    rows, later = (rows_of(n=1, systems=("gru:50",)) for _ in range(2))
    later[0]["backend"] = "torch"
    scores = gather([study(tmp_path, "a", rows + later)])
    assert names(scores) == ["gru (engine), P = 50", "gru (torch), P = 50"]


def test_different_audio_under_one_name_is_refused(tmp_path):
    rows, later = rows_of(n=2), rows_of(n=2)
    later[1]["audio_sha256"] = "0123456789ab"
    with pytest.raises(StudyError, match=r"b: clip pairs001 of test set pairs has samples 0123"):
        gather([study(tmp_path, "a", rows), study(tmp_path, "b", later)])


def test_files_of_two_folders_need_not_be_equal(tmp_path):
    rows = rows_of(n=1, systems=("noisy", "mine", "yours"))
    for row in rows[1:]:
        row["audio_sha256"] = row["system"].ljust(12, "0")
    assert len(gather([study(tmp_path, "a", rows)]).all_variants) == 3


def test_a_study_without_any_row_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no clip has been scored yet"):
        gather([study(tmp_path, "a", [])])


def test_a_clip_without_a_score_is_left_out(tmp_path):
    rows = rows_of(n=4, systems=("noisy",))
    for row in rows[:3]:
        row["pesq_wb"] = ""
    scores = gather([study(tmp_path, "a", rows)])
    (noisy,) = scores.variants("pairs")
    assert list(scores.values("pairs", noisy, "pesq_wb")) == ["pairs003"]
    assert scores.interval("pairs", noisy, "pesq_wb").mean == float(rows[3]["pesq_wb"])


def test_pairs_are_matched_by_clip_and_not_by_place(tmp_path):
    rows = rows_of(n=5)
    rows = [row for row in rows if row["system"] == "noisy"] + [
        row for row in reversed(rows) if row["system"] == "gru" and row["clip"] != "pairs002"
    ]
    scores = gather([study(tmp_path, "a", rows)])
    noisy, dense, half = scores.variants("pairs")
    clips, (a, b) = scores.paired("pairs", "estoi", (noisy, half))
    assert clips == ["pairs000", "pairs001", "pairs003", "pairs004"]
    want = {row["clip"]: float(row["estoi"]) for row in rows if row["update_percent"] == "50"}
    assert b.tolist() == [want[clip] for clip in clips] and a[0] != b[0]
    assert scores.executed_macs("pairs", dense) == 133120000


def test_metrics_are_those_that_anything_has(tmp_path):
    rows = rows_of(n=2)
    for row in rows:
        row["si_sdr"] = ""
    scores = gather([study(tmp_path, "a", rows)])
    assert scores.metrics() == tuple(m for m in METRICS if m != "si_sdr")
    assert scores.metrics("another set") == ()
