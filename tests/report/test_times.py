"""Times from what `wheesht bench --json` and rivals' tools print."""

import json

import pytest

from wheesht.errors import StudyError
from wheesht.report.numbers.scores import Variant
from wheesht.report.numbers.times import read_times

ROW = {
    "backend": "wheesht",
    "dtype": "f32",
    "isa": "avx2",
    "update_percent": 50.0,
    "us_hop_median": 50.0,
    "us_hop_p99": 61.5,
    "us_recurrent_median": 40.0,
    "rtf": 0.005,
    "executed_macs": 92160000,
}
GRU = Variant("gru", 50.0, "engine", "a" * 12, "model", "gru")


def times(tmp_path, *documents, text=None):
    path = tmp_path / "bench.json"
    path.write_text(text or "\n".join(map(json.dumps, documents)), encoding="utf-8")
    return read_times([path])


def bench(*rows, **facts):
    return {"machine": "A Processor", "quiet": True, "rows": list(rows)} | facts


def test_a_benchmark_document_is_read(tmp_path):
    (entry,) = times(tmp_path, text=json.dumps(bench(ROW, quiet=False), indent=2)).entries
    assert (entry.backend, entry.isa, entry.machine) == ("wheesht", "avx2", "A Processor")
    assert (entry.us_hop_median, entry.us_hop_p99, entry.rtf) == (50.0, 61.5, 0.005)
    assert entry.us_recurrent_median == 40.0
    assert entry.hop_ms == 10.0 and entry.ms_per_second == 5.0 and not entry.is_quiet


def test_lines_of_a_rivals_tool_are_read_and_what_was_left_out_is_not(tmp_path):
    lines = (
        {"peer": "speex", "left_out": "no library"},
        {"peer": "dtln", "hop_ms": 8.0, "us_hop_median": 144.0, "us_hop_p99": 200.0, "rtf": 0.018},
    )
    found = times(tmp_path, *lines)
    assert [entry.backend for entry in found.entries] == ["dtln"]
    assert found.of_rival("DTLN").us_hop_median == 144.0
    assert found.of_rival("dtln_int8") is None


def test_the_fastest_of_several_instruction_sets_counts(tmp_path):
    slow, other = ROW | {"isa": "scalar", "rtf": 0.02}, ROW | {"update_percent": 100.0}
    found = times(tmp_path, bench(slow, ROW, other))
    assert found.of_model(GRU, 92160000.0).isa == "avx2"


@pytest.mark.parametrize(
    "facts, is_found",
    [
        ({}, True),  # no name, but the same shape
        ({"executed_macs": 92_000_000}, True),
        ({"executed_macs": 71_680_000}, False),
        ({"executed_macs": None}, False),
        ({"model": "gru"}, True),
        ({"model": "gru", "executed_macs": None}, True),
        ({"model": "gru-dense"}, False),
        ({"model": "other", "model_sha256": "a" * 12}, True),
        ({"model": "gru", "model_sha256": "b" * 12}, False),
        ({"backend": "onnxruntime"}, False),
        ({"update_percent": 75.0}, False),
    ],
)
def test_a_model_has_the_time_of_its_own_network(tmp_path, facts, is_found):
    found = times(tmp_path, bench(ROW | facts)).of_model(GRU, 92160000.0)
    assert (found is not None) == is_found


def test_folders_and_the_unprocessed_input_have_no_time(tmp_path):
    folder = Variant("gru", 50.0, "", "", "folder", "gru")
    assert times(tmp_path, bench(ROW)).of_model(folder, 92160000.0) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": []}', '{"rows": [{}]}', '{"a": 1}', "[1]"])
def test_what_holds_no_times_is_refused_by_name(tmp_path, text):
    with pytest.raises(StudyError, match=r"bench\.json: .*; make it "):
        times(tmp_path, text=text)


@pytest.mark.parametrize("rtf", [float("nan"), float("inf"), 0, -0.1, None])
def test_a_real_time_factor_that_is_none_is_refused_by_name(rtf, tmp_path):
    with pytest.raises(StudyError, match=r"bench\.json: .*; make it "):
        times(tmp_path, text=json.dumps(bench(ROW | {"rtf": rtf})))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nothing\.json: cannot be read"):
        read_times([tmp_path / "nothing.json"])
