"""What is known of a model: from the study, and from its bundle while that is there."""

import json
from dataclasses import replace

import pytest
from bundles import gru_host, random_tensors
from synthetic_study import SHA, rows_of, write_study

from wheesht.evaluation.study import read_study
from wheesht.report.numbers.networks import Training, describe
from wheesht.report.numbers.scores import gather
from wheesht.spec.bundle import read_bundle, write_bundle
from wheesht.spec.cost import paper_macs, strict_macs


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "m.safetensors"
    spec = gru_host((21, 33))
    write_bundle(path, spec, random_tensors(spec))
    return path


def networks(tmp_path, path, sha256):
    rows = rows_of(n=1)
    for row in rows:
        row["model_sha256"] = row["model_sha256"] and sha256[:12]
    facts = {"kind": "model", "path": str(path), "sha256": sha256, "params": 7, "host": "gru"}
    systems = {"noisy": {"kind": "noisy"}, "gru": facts}
    study = read_study(write_study(tmp_path / "study", rows, systems=systems))
    found = describe([study], gather([study]).all_variants)
    return {variant.update_percent: network for variant, network in found.items()}


def test_costs_are_counted_from_the_bundle_that_was_scored(tmp_path, bundle):
    found = networks(tmp_path, bundle, read_bundle(bundle).sha256)
    spec = gru_host((21, 33))
    assert sorted(found) == [50, 100]  # the unprocessed input is no network
    assert found[50].paper == paper_macs(spec, 50)
    assert found[50].paper_dense == paper_macs(spec, 100).total == found[100].paper.total
    assert found[50].dense_macs == strict_macs(spec, 100).total
    assert found[50].params == 7 and found[50].host == "gru"


def test_another_model_at_the_same_place_is_not_taken_for_it(tmp_path, bundle):
    found = networks(tmp_path, bundle, SHA["gru"] + "0" * 52)
    assert found[50].paper is None and found[50].params == 7


def test_a_bundle_that_is_gone_leaves_what_the_study_says(tmp_path):
    found = networks(tmp_path, tmp_path / "gone.safetensors", SHA["gru"] + "0" * 52)
    assert found[100].dense_macs is None and found[100].host == "gru"


def trained(folder, lines):
    """A bundle of 30 updates with a run's log beside it; returns what is known of its training."""
    spec = replace(gru_host((21, 33)), provenance={"updates": 30, "audio_hours_seen": 1.25})
    path = folder / "trained.safetensors"
    write_bundle(path, spec, random_tensors(spec))
    (folder / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return networks(folder, path, read_bundle(path).sha256)[50].training


def line(step, pace, kind="train"):
    return json.dumps({"step": step, "kind": kind, "updates_per_second": pace})


def test_the_time_of_training_follows_from_the_pace_of_the_log(tmp_path):
    # 10 updates at 0.5 a second, then 20 at 0.1, the second part logged anew after a kill.
    lines = (line(10, 0.5), line(10, 9.0, "valid"), line(30, 7.0), line(30, 0.1), line(40, 1.0))
    assert trained(tmp_path, lines) == Training(30, 1.25, pytest.approx((20 + 200) / 60))


@pytest.mark.parametrize("lines", [(), (line(10, 0.5),), (line(30, 0.0),), ("{",), ("3",)])
def test_a_log_that_does_not_reach_the_last_update_gives_no_time(tmp_path, lines):
    assert trained(tmp_path, lines) == Training(30, 1.25, None)


def test_a_bundle_that_does_not_tell_of_its_training_leaves_it_open(tmp_path, bundle):
    assert networks(tmp_path, bundle, read_bundle(bundle).sha256)[50].training == Training()
