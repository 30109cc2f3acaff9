"""`wheesht evaluate`: what it prints, what it writes, what it refuses."""

import json
import os

import numpy as np
import pytest
import soundfile
from pair_sets import write_pairs
from running import command_line, run_wheesht

import wheesht.evaluation.run as run_module
import wheesht.evaluation.times as times_module
import wheesht.report.write as report_module
from wheesht.cli.main import run
from wheesht.errors import NoisyMachineError
from wheesht.evaluation.study import read_study
from wheesht.statistics import mean_interval

QUICK = ["--metric", "si_sdr,seg_snr"]


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "set", 3, seconds=0.6)


@pytest.fixture
def here(monkeypatch):
    """Do the jobs in this process; starting others takes seconds."""

    def one_by_one(jobs, work, workers, on_done):
        for job in jobs:
            on_done(job, work(job))

    monkeypatch.setattr(run_module, "run_in_processes", one_by_one)


@pytest.fixture
def evaluate(here, pairs, tmp_path, capsys):
    """Run the command on `pairs`: (status, standard output, standard error)."""

    def call(*arguments):
        words = ["evaluate", "--testset", str(pairs), "-o", str(tmp_path / "out"), *arguments]
        status = run([str(word) for word in words])
        return status, *capsys.readouterr()

    return call


def test_the_document_is_the_one_of_the_design(pairs, tmp_path, small_bundle):
    out = tmp_path / "out"
    done = run_wheesht(
        "evaluate", f"tiny={small_bundle}", "--testset", pairs, "--update-percent", "100,50",
        "-o", out, *QUICK, "--json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert set(document) == {"study", "rows", "failed"}
    assert (document["study"], document["failed"]) == (str(out), [])
    assert [(r["model"], r["update_percent"], r["testset"], r["n"]) for r in document["rows"]] == [
        ("noisy", None, "set", 3),
        ("tiny", 100.0, "set", 3),
        ("tiny", 50.0, "set", 3),
    ]
    noisy, full, half = document["rows"]
    assert noisy["executed_macs"] is None
    assert full["executed_macs"] > half["executed_macs"] > 1e6
    study = read_study(out)
    interval = mean_interval([row.scores["si_sdr"] for row in study.rows if row.system == "noisy"])
    expected = {"mean": interval.mean, "ci95": [interval.low, interval.high], "n": 3}
    assert noisy["si_sdr"] == expected
    assert "pesq_wb" not in noisy
    assert study.facts["commands"] == [
        f"wheesht evaluate tiny={small_bundle} --testset {pairs} --update-percent 100,50 -o {out} "
        f"--metric si_sdr,seg_snr --json"
    ]


def test_the_text_names_the_file_of_all_scores(evaluate, small_bundle, tmp_path):
    status, out, err = evaluate(f"tiny={small_bundle}:100,50", *QUICK)
    assert (status, err) == (0, "")
    assert out.startswith("set: 3 clips, mean [95 % interval]\n")
    assert "difference to tiny P=100 on the same clips" in out
    assert out.endswith(f"{tmp_path / 'out' / 'scores.csv'}\n")


def test_failures_are_listed_and_are_status_1(evaluate, pairs, small_bundle):
    (pairs / "noisy" / "c1.wav").write_bytes(b"no audio")
    status, out, err = evaluate(f"tiny={small_bundle}", *QUICK)
    assert status == 1
    assert "set: 3 clips" in out
    lines = err.splitlines()
    assert lines[0] == "wheesht: 2 of 6 rows lack scores:"
    assert lines[1].startswith("  set/c1, noisy: ") and "c1.wav: cannot be read" in lines[1]
    assert lines[2].startswith("  set/c1, tiny P=50: ")
    status, out, _ = evaluate(f"tiny={small_bundle}", *QUICK, "--json")
    document = json.loads(out)
    assert status == 1
    assert document["failed"][1]["system"] == "tiny" and "c1.wav" in document["failed"][1]["error"]


def test_all_options_reach_the_evaluation(evaluate, pairs, small_bundle, tmp_path):
    rival = tmp_path / "rival"
    rival.mkdir()
    for path in (pairs / "clean").iterdir():
        x, _ = soundfile.read(path)
        soundfile.write(rival / path.name, np.concatenate([np.zeros(48), x]), 16000)
    pytest.importorskip("torch")
    status, out, err = evaluate(
        f"tiny={small_bundle}", "--testset", f"again={pairs}/clean", "--layout", "noisy",
        "--metric", "lufs",
    )  # fmt: skip
    assert status == 1 and "holds no audio files" in err and out == ""
    status, out, err = evaluate(
        f"tiny={small_bundle}", "--enhanced", f"r={rival}", "--align", "--backend", "torch",
        "--limit", 2, *QUICK, "--json",
    )  # fmt: skip
    assert status == 0
    assert "wheesht: warning: r on set: 48 samples (3.0 ms) late, which is removed" in err
    rows = read_study(tmp_path / "out").rows
    assert [(r.clip, r.system, r.backend) for r in rows] == [
        ("c0", "noisy", ""),
        ("c1", "noisy", ""),
        ("c0", "tiny", "torch"),
        ("c1", "tiny", "torch"),
        ("c0", "r", ""),
        ("c1", "r", ""),
    ]
    assert rows[-1].scores["si_sdr"] > 60
    evaluate(*QUICK, "--overwrite", "--limit", 1)
    assert len(read_study(tmp_path / "out").rows) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["gru2"], 1, "neither a file nor a shipped model"),
        (["gru:0"], 2, "gru:0: got an update percentage of 0, needs 25 to 100 for this model"),
        (["gru", "--update-percent", "50,101"], 2, "got an update percentage of 101"),
        (["gru", "--update-percent", "half"], 2, "'half' is not a list of numbers"),
        (["--metric", "pesq"], 2, "no metric 'pesq', needs one of pesq_wb, pesq_nb"),
        (["--backend", "numpy"], 2, "'numpy' is not one of"),
        (["--enhanced", "x"], 2, "--enhanced x: needs NAME=DIR, such as rnnoise=x"),
        (["--enhanced", "x=gone"], 1, "--enhanced x=gone: no such folder"),
        (["--testset", "gone"], 1, "gone: no such file or folder, needs a test set"),
        (["--limit", "0"], 2, "0 is not in the range"),
        (["--bench"], 2, "--bench times models, and none is named"),
        (["--data", "gone"], 2, "'gone' does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(evaluate, tmp_path, arguments, status, message):
    got, out, err = evaluate(*arguments)
    assert (got, out) == (status, "")
    assert err.startswith("wheesht: ") and message in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_test_set_is_needed(capsys):
    assert run(["evaluate", "gru"]) == 2
    assert "Missing option '--testset'" in capsys.readouterr().err


def test_the_corpus_of_a_table_is_named_or_found(here, pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("WHEESHT_DATA", raising=False)
    table = tmp_path / "t.tsv"
    table.write_text(
        "name\tsnr_db\tlevel_dbfs\tspeech\tnoise\none\t3\t-25\tclean/c0.wav\tnoisy/c1.wav\n"
    )
    words = ["evaluate", "--testset", str(table), "-o", str(tmp_path / "out"), *QUICK, "--json"]
    assert run(words) == 1
    assert "name the corpus with --data or WHEESHT_DATA" in capsys.readouterr().err
    assert run([*words, "--data", str(pairs)]) == 0
    monkeypatch.setenv("WHEESHT_DATA", str(pairs))
    assert run(words) == 0
    facts = read_study(tmp_path / "out").facts["testsets"]["t"]
    assert facts["data"] == str(pairs) and facts["kind"] == "table"


def test_a_metric_that_is_not_installed_ends_the_run_in_a_sentence(pairs, tmp_path):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "pesq.py").write_text("raise ImportError")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "path")}
    done = run_wheesht(
        "evaluate", "--testset", pairs, "-o", tmp_path / "out", "--metric", "pesq_wb",
        env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("wheesht: pesq_wb needs: pip install")
    assert done.stderr.count("\n") == 1


def test_a_terminal_gets_a_bar_and_a_pipe_does_not(pairs, tmp_path, small_bundle):
    import pty
    import subprocess

    leader, follower = pty.openpty()
    line = command_line("evaluate", f"t={small_bundle}", "--testset", pairs, *QUICK, "--jobs", 1)
    subprocess.run([*line, "-o", tmp_path / "out"], stderr=follower, stdout=subprocess.PIPE)
    os.close(follower)
    shown = os.read(leader, 10000).decode()
    os.close(leader)
    assert "3 clips" in shown and "100%" in shown


def test_times_are_written_for_the_models_and_settings_scored(
    evaluate, small_bundle, tmp_path, monkeypatch
):
    asked = []

    class Found:
        def to_dict(self):
            return {"rows": []}

    def bench(bundles, percents, progress):
        asked.append(({name: b.sha256[:12] for name, b in bundles.items()}, percents))
        return Found()

    monkeypatch.setattr(times_module, "bench", bench)
    status, out, _ = evaluate(f"tiny={small_bundle}:30,100", *QUICK, "--bench", "--json")
    path = tmp_path / "out" / "bench.json"
    sha256 = read_study(tmp_path / "out").rows[-1].model_sha256
    assert status == 0 and asked == [({"tiny": sha256}, [100.0, 30.0])]
    assert json.loads(path.read_text()) == {"rows": []}
    assert json.loads(out)["bench"] == [str(path)]


def test_scores_are_printed_though_the_machine_was_too_busy_for_times(
    evaluate, small_bundle, tmp_path, monkeypatch
):
    def bench(bundles, percents, progress):
        raise NoisyMachineError("bench: too busy")

    monkeypatch.setattr(times_module, "bench", bench)
    status, out, err = evaluate(f"tiny={small_bundle}", *QUICK, "--bench")
    assert status == 1 and "SI-SDR" in out and err == "wheesht: bench: too busy\n"
    assert not (tmp_path / "out" / "bench.json").exists()


def test_the_report_is_the_one_of_its_own_command(evaluate, tmp_path, monkeypatch):
    asked = []

    def write_report(studies, folder, options):
        asked.append((studies, folder, options))
        return report_module.Written(tmp_path / "a.html", tmp_path / "a.md")

    monkeypatch.setattr(report_module, "write_report", write_report)
    status, out, _ = evaluate("--metric", "si_sdr,seg_snr", "--report")
    ((studies, folder, options),) = asked
    assert status == 0 and studies == (tmp_path / "out",) and folder is None
    assert options.metric is None  # the report knows what the study has
    assert options.command.startswith("wheesht evaluate --testset ")
    assert out.endswith(f"{tmp_path / 'a.html'}\n{tmp_path / 'a.md'}\n")


@pytest.mark.slow
@pytest.mark.parametrize(("part", "metrics"), [("", "pesq_wb,si_sdr"), ("noisy", "dnsmos_p808")])
def test_one_command_makes_scores_and_page(pairs, tmp_path, small_bundle, part, metrics):
    done = run_wheesht(
        "evaluate", f"tiny={small_bundle}:100,50", "--testset", pairs / part, "-o",
        tmp_path / "out", "--report", "--metric", metrics,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny" in (tmp_path / "out" / "report.html").read_text()
