"""A whole evaluation: what it writes, what it keeps, and that nothing changes its result."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pair_sets import write_pairs
from running import command_line, heed_signals

import wheesht.evaluation.clip_scores as clip_scores_module
import wheesht.evaluation.run as run_module
from wheesht.errors import BundleError, CorpusError, ParameterError, StudyError
from wheesht.evaluation.plan import plan
from wheesht.evaluation.run import KILLED, Watcher, evaluate
from wheesht.evaluation.study import read_study
from wheesht.metrics import METRICS
from wheesht.statistics import mean_interval


class Noting(Watcher):
    def __init__(self):
        self.warnings, self.total, self.done = [], None, 0

    def warn(self, sentence):
        self.warnings.append(sentence)

    def begin(self, n_clips):
        self.total = n_clips

    def advance(self):
        self.done += 1


def scores(folder):
    return (folder / "scores.csv").read_bytes()


def tables_of(folder):
    return [(folder / name).read_bytes() for name in ("scores.csv", "summary.csv")]


def settings_of(rows):
    return list(dict.fromkeys((r.testset, r.system, r.update_percent) for r in rows))


def test_a_run_scores_every_clip_with_every_system(settings, tmp_path):
    watcher = Noting()
    found = evaluate(
        settings(), tmp_path / "out", jobs=2, command="wheesht evaluate", watcher=watcher
    )
    assert (watcher.total, watcher.done, watcher.warnings) == (5, 5, [])
    assert found.failed == ()
    assert settings_of(found.rows) == [
        ("set", "noisy", None),
        ("set", "tiny", 100.0),
        ("set", "tiny", 30.0),
    ]
    assert [row.clip for row in found.rows] == 3 * ["c0", "c1", "c2", "c3", "c4"]
    assert found.study == read_study(tmp_path / "out")
    assert found.study.rows == found.rows
    mean = mean_interval([row.scores["seg_snr"] for row in found.rows[:5]])
    assert found.summaries[0].metrics["seg_snr"] == mean
    facts = found.study.facts
    assert facts["commands"] == ["wheesht evaluate"] and facts["machine"]
    assert {"wheesht", "numpy", "pesq", "onnxruntime"} <= set(facts["versions"])
    assert "torch" not in facts["versions"]
    assert facts["testsets"]["set"]["clips"] == 5 and facts["testsets"]["set"]["seconds"] == 5.0
    assert list(facts["systems"]) == ["noisy", "tiny"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "scores.csv",
        "study.json",
        "summary.csv",
    ]


def test_the_summary_file_is_made_of_the_numbers_in_the_scores_file(here, settings, tmp_path):
    evaluate(settings(), tmp_path / "out", jobs=1)
    study = read_study(tmp_path / "out")
    lines = (tmp_path / "out" / "summary.csv").read_text().splitlines()
    head = lines[0].split(",")
    for line in lines[1:]:
        cells = dict(zip(head, line.split(","), strict=True))
        own = [
            row.scores["si_sdr"]
            for row in study.rows
            if row.system == cells["system"]
            and ("" if row.update_percent is None else f"{row.update_percent:g}")
            == cells["update_percent"]
        ]
        interval = mean_interval(own)
        got = [float(cells[f"si_sdr{end}"]) for end in ("", "_low", "_high")]
        assert np.allclose(got, [interval.mean, interval.low, interval.high], atol=5e-7)
    assert len(lines) == 4


def test_the_summary_does_not_know_digits_that_the_file_has_not(
    here, settings, tmp_path, monkeypatch
):
    values = iter([1.4e-6, 0.4e-6, 0.4e-6, 0.4e-6, 0.4e-6])  # mean 0.6e-6, rounded first 0.2e-6

    def score(names, clean, enhanced, rate):
        return {"si_sdr": next(values)}, {}

    monkeypatch.setattr(clip_scores_module, "score", score)
    found = evaluate(settings(models=(), metrics=("si_sdr",)), tmp_path / "out", jobs=1)
    assert found.summaries[0].metrics["si_sdr"].mean == pytest.approx(0.2e-6)
    assert (tmp_path / "out" / "summary.csv").read_text().split("\n")[1].split(",")[6] == "0.000000"


def test_only_what_was_asked_for_is_returned(here, settings, tmp_path):
    evaluate(settings(), tmp_path / "out", jobs=1)
    found = evaluate(settings(models=(), limit=2), tmp_path / "out", jobs=1)
    assert [(row.clip, row.system) for row in found.rows] == [("c0", "noisy"), ("c1", "noisy")]
    assert [summary.n for summary in found.summaries] == [2]
    assert len(found.study.rows) == 15


def test_neither_jobs_nor_pieces_change_the_result(settings, tmp_path):
    evaluate(settings(), tmp_path / "a", jobs=1)
    evaluate(settings(limit=2), tmp_path / "b", jobs=2)
    assert read_study(tmp_path / "b").facts["testsets"]["set"]["clips"] == 2
    evaluate(settings(models=()), tmp_path / "b", jobs=1)
    evaluate(settings(metrics=("si_sdr",)), tmp_path / "b", jobs=1)
    evaluate(settings(), tmp_path / "b", jobs=1)
    assert tables_of(tmp_path / "a") == tables_of(tmp_path / "b")


def test_a_second_run_scores_nothing_again(here, settings, tmp_path, pairs):
    evaluate(settings(), tmp_path / "out", jobs=1, command="x")
    text = scores(tmp_path / "out").decode()
    marked = text.replace(text.split("\n")[1].split(",")[12], "9.000000")
    (tmp_path / "out" / "scores.csv").write_text(marked)
    evaluate(settings(), tmp_path / "out", jobs=1, command="x")
    assert scores(tmp_path / "out").decode() == marked
    assert read_study(tmp_path / "out").facts["commands"] == ["x"]
    evaluate(settings(), tmp_path / "out", jobs=1, overwrite=True, command="y")
    assert scores(tmp_path / "out").decode() == text
    assert read_study(tmp_path / "out").facts["commands"] == ["y"]


def test_a_study_grows_by_commands(here, settings, tmp_path, open_bundle):
    out = tmp_path / "out"
    evaluate(settings(), out, jobs=1, command="first")
    write_pairs(tmp_path / "more", 2)
    more = {"testsets": (str(tmp_path / "more"),), "models": (f"open={open_bundle}",)}
    found = evaluate(settings(**more, metrics=("lufs",)), out, jobs=1, command="second")
    assert settings_of(found.rows) == [("more", "noisy", None), ("more", "open", 50.0)]
    assert set(found.rows[0].scores) == {"si_sdr", "seg_snr", "lufs"}
    study = read_study(out)
    assert settings_of(study.rows) == [
        ("set", "noisy", None),
        ("set", "tiny", 100.0),
        ("set", "tiny", 30.0),
        ("more", "noisy", None),
        ("more", "open", 50.0),
    ]
    assert study.facts["commands"] == ["first", "second"]
    assert list(study.facts["testsets"]) == ["set", "more"]


def test_systems_stand_in_a_fixed_order(here, settings, tmp_path, open_bundle, pairs):
    out = tmp_path / "out"
    evaluate(settings(models=(), enhanced=(f"b={pairs}/clean",)), out, jobs=1)
    evaluate(settings(models=(f"z={open_bundle}",), enhanced=(f"a={pairs}/clean",)), out, jobs=1)
    evaluate(settings(), out, jobs=1)
    systems = list(dict.fromkeys(row.system for row in read_study(out).rows))
    assert systems == ["noisy", "z", "tiny", "b", "a"]


def test_audio_that_has_changed_is_scored_again_and_no_other(here, settings, tmp_path, pairs):
    out = tmp_path / "out"
    before = evaluate(settings(), out, jobs=1).rows
    x, rate = soundfile.read(pairs / "noisy" / "c3.wav")
    soundfile.write(pairs / "noisy" / "c3.wav", 0.9 * x, rate)
    after = evaluate(settings(), out, jobs=1).rows
    changed = {b.clip for b, a in zip(before, after, strict=True) if a != b}
    assert changed == {"c3"}
    evaluate(settings(), tmp_path / "anew", jobs=1)
    assert scores(out) == scores(tmp_path / "anew")


def test_rows_of_a_model_that_was_replaced_are_dropped(here, settings, tmp_path, make_bundle):
    out, bundle = tmp_path / "out", tmp_path / "x.safetensors"
    shutil.copy(make_bundle(hidden=(7, 9), seed=1), bundle)
    evaluate(settings(models=(f"{bundle}:100,50",)), out, jobs=1)
    shutil.copy(make_bundle(hidden=(7, 9), seed=2), bundle)
    watcher = Noting()
    evaluate(settings(models=(f"{bundle}:50",), limit=2), out, jobs=1, watcher=watcher)
    assert "10 of its rows are about a model or a test set that has changed" in watcher.warnings[0]
    rows = [row for row in read_study(out).rows if row.system == "x"]
    assert [(row.clip, row.update_percent) for row in rows] == [("c0", 50.0), ("c1", 50.0)]


def test_rows_of_a_test_set_that_has_changed_are_dropped_unless_asked_for(
    here, settings, tmp_path, pairs
):
    out = tmp_path / "out"
    evaluate(settings(), out, jobs=1)
    (pairs / "noisy" / "c4.wav").unlink()
    evaluate(settings(models=()), out, jobs=1)
    assert [(r.clip, r.system) for r in read_study(out).rows] == [
        (f"c{i}", "noisy") for i in range(4)
    ]


def test_scores_of_other_versions_are_not_mixed(here, settings, tmp_path):
    evaluate(settings(), tmp_path / "out", jobs=1)
    path = tmp_path / "out" / "study.json"
    facts = json.loads(path.read_text())
    facts["versions"]["pesq"] = "0.0.1"
    path.write_text(json.dumps(facts))
    before = scores(tmp_path / "out")
    with pytest.raises(StudyError, match=r"begun with pesq 0.0.1, here is .* --overwrite"):
        evaluate(settings(), tmp_path / "out", jobs=1)
    assert scores(tmp_path / "out") == before
    evaluate(settings(), tmp_path / "out", jobs=1, overwrite=True)


def test_a_name_means_one_kind_of_system_in_a_study(here, settings, tmp_path, pairs):
    evaluate(settings(), tmp_path / "out", jobs=1)
    with pytest.raises(StudyError, match="has a model named 'tiny', so a folder cannot"):
        told = settings(models=(), enhanced=(f"tiny={pairs}/clean",))
        evaluate(told, tmp_path / "out", jobs=1)


def test_files_of_another_system_are_scored_beside_ours(here, settings, tmp_path, pairs):
    rival = tmp_path / "rival"
    rival.mkdir()
    for path in (pairs / "clean").iterdir():
        x, rate = soundfile.read(path)
        soundfile.write(rival / path.name, np.concatenate([np.zeros(80), x]), rate)
    (rival / "c1.wav").unlink()
    told = {"models": (), "enhanced": (f"r={rival}",), "metrics": ("si_sdr",)}
    watcher = Noting()
    found = evaluate(settings(**told), tmp_path / "out", jobs=1, watcher=watcher)
    assert [(r.clip, r.system) for r in found.failed] == [("c1", "r")]
    assert len(watcher.warnings) == 3 and "80 samples (5.0 ms) late" in watcher.warnings[2]
    late = [row.scores["si_sdr"] for row in found.rows if row.system == "r" and row.scores]
    assert max(late) < 20
    found = evaluate(settings(**told, align=True), tmp_path / "out", jobs=1)
    aligned = [row.scores["si_sdr"] for row in found.rows if row.system == "r" and row.scores]
    # The clean files themselves, but for the 16 bits that they were written with again.
    assert min(aligned) > 60
    assert found.study.facts["systems"]["r"] == {
        "kind": "folder",
        "path": str(rival),
        "lag_samples": {"set": 80},
    }


def test_noisy_files_alone_get_what_needs_no_clean_signal(here, settings, tmp_path, pairs):
    watcher = Noting()
    told = settings(testsets=(str(pairs / "noisy"),), metrics=("si_sdr", "lufs"))
    found = evaluate(told, tmp_path / "out", jobs=1, watcher=watcher)
    assert {tuple(row.scores) for row in found.rows} == {("lufs",)}
    assert found.failed == ()
    assert watcher.warnings == ["noisy: has no clean signals, so only lufs are scored"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"metrics": ("pesq",)}, ParameterError, "no metric 'pesq', needs one of pesq_wb"),
        ({"models": ("gru2",)}, BundleError, "neither a file nor a shipped model"),
        ({"models": ("gru:0",)}, ParameterError, "needs 25 to 100"),
        ({"backend": "numpy"}, ParameterError, "needs one of engine, torch, reference"),
        ({"limit": 0}, ParameterError, "needs 1 clip or more"),
        ({"testsets": ()}, ParameterError, "needs at least one; give --testset"),
        ({"testsets": ("gone",)}, CorpusError, "no such file or folder"),
        ({"enhanced": ("x",)}, ParameterError, "needs NAME=DIR"),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_written(
    settings, tmp_path, changes, error, message
):
    with pytest.raises(error, match=message):
        evaluate(settings(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_clash_are_refused(here, settings, tmp_path, pairs, small_bundle):
    other = write_pairs(tmp_path / "other" / "set", 1)
    with pytest.raises(ParameterError, match="another test set is named 'set'; give NAME="):
        evaluate(settings(testsets=(str(pairs), str(other))), tmp_path / "out")
    with pytest.raises(ParameterError, match="a model has that name"):
        evaluate(settings(enhanced=(f"tiny={pairs}/clean",)), tmp_path / "out")
    with pytest.raises(ParameterError, match="noisy: has no clean signals, which si_sdr would"):
        noisy_only = {"testsets": (str(pairs / "noisy"),), "metrics": ("si_sdr",)}
        evaluate(settings(**noisy_only), tmp_path / "out")


def test_all_metrics_are_the_default_and_their_order_is_fixed(settings):
    assert plan(settings(metrics=())).metrics == tuple(METRICS)
    assert plan(settings(metrics=("lufs", "pesq_wb"))).metrics == ("pesq_wb", "lufs")


@pytest.fixture(scope="module")
def slow_run(tmp_path_factory, random_bundle):
    """Arguments of a run that takes seconds, and the files of one that was left alone."""
    root = tmp_path_factory.mktemp("slow")
    write_pairs(root / "set", 10)
    arguments = ["evaluate", f"big={random_bundle}:50", "--testset", root / "set"]
    arguments += ["--metric", "si_sdr", "--backend", "reference"]
    done = subprocess.run(command_line(*arguments, "-o", root / "whole"), capture_output=True)
    assert done.returncode == 0, done.stderr
    return arguments, [
        (root / "whole" / name).read_bytes() for name in ("scores.csv", "summary.csv")
    ]


def wait_for_rows(folder, process, count):
    deadline = time.monotonic() + 60
    path = folder / "scores.csv"
    while not path.exists() or path.read_bytes().count(b"\n") < count + 1:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


def workers_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, line in lines.items() if b"spawn_main" in line]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_was_killed_goes_on_to_the_same_files(slow_run, tmp_path, jobs):
    arguments, whole = slow_run
    line = command_line(*arguments, "-o", tmp_path / "out", "--jobs", 3 - jobs)
    with subprocess.Popen(line, stderr=subprocess.PIPE) as process:
        wait_for_rows(tmp_path / "out", process, 4)
        process.kill()
    kept = scores(tmp_path / "out")
    assert 4 <= kept.count(b"\n") - 1 < 20
    (tmp_path / "out" / "scores.csv").write_bytes(kept + b"set,c9,noi")
    line[line.index("--jobs") + 1] = str(jobs)
    subprocess.run(line, check=True, capture_output=True)
    assert [
        (tmp_path / "out" / name).read_bytes() for name in ("scores.csv", "summary.csv")
    ] == whole


def test_a_worker_that_is_killed_changes_nothing(slow_run, tmp_path):
    arguments, whole = slow_run
    line = command_line(*arguments, "-o", tmp_path / "out", "--jobs", 2)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        wait_for_rows(tmp_path / "out", process, 1)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert [
        (tmp_path / "out" / name).read_bytes() for name in ("scores.csv", "summary.csv")
    ] == whole


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_what_is_done_and_says_how_to_go_on(
    slow_run, tmp_path, number, status
):
    arguments, whole = slow_run
    line = command_line(*arguments, "-o", tmp_path / "out", "--jobs", 2)
    start = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(line, preexec_fn=heed_signals, **start) as process:
        wait_for_rows(tmp_path / "out", process, 3)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    if number == signal.SIGINT:
        assert err.startswith("wheesht: interrupted; ") and err.count("\n") == 1
        assert f"of 10 clips are done and kept in {tmp_path / 'out'}; the same command" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / ".lock").exists()
    subprocess.run(line, check=True, capture_output=True)
    assert scores(tmp_path / "out") == whole[0]


def test_two_runs_do_not_share_a_folder(slow_run, tmp_path):
    arguments, whole = slow_run
    line = command_line(*arguments, "-o", tmp_path / "out", "--jobs", 1)
    with subprocess.Popen(line, stderr=subprocess.PIPE) as process:
        wait_for_rows(tmp_path / "out", process, 1)
        for more in ([], ["--overwrite"]):
            second = subprocess.run([*line, *more], capture_output=True, text=True)
            assert second.returncode == 1
            assert second.stderr.startswith(
                f"wheesht: {tmp_path / 'out'}: process {process.pid} is"
            )
    assert process.returncode == 0
    assert scores(tmp_path / "out") == whole[0]


def test_a_clip_that_kills_its_worker_each_time_has_failed(settings, tmp_path, monkeypatch):
    def killing(jobs, work, workers, on_done):
        for job in jobs:
            on_done(job, None if job.clip.name == "c1" else work(job))

    monkeypatch.setattr(run_module, "run_in_processes", killing)
    found = evaluate(settings(), tmp_path / "out", jobs=1)
    assert {(r.clip, r.error) for r in found.failed} == {("c1", KILLED)}
    assert len(found.failed) == 3
    monkeypatch.undo()
    whole = evaluate(settings(), tmp_path / "out", jobs=1)
    assert whole.failed == () and len(whole.rows) == 15
