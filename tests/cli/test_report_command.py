"""`wheesht report`: files, JSON, statuses; the listening test behind its options."""

import json

import pytest
from synthetic_study import rows_of, write_study

from wheesht.cli.main import run


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study", rows_of(n=4))


def test_it_writes_both_files_and_says_where(study, capsys):
    assert run(["report", str(study), "--no-audio"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(study / "report.html"), str(study / "report.md")] and not err
    text = (study / "report.md").read_text()
    assert f"wheesht report {study} --no-audio" in text  # the command that made it
    assert "Sounds and drawings were not asked for" in text


def test_json_names_the_files(study, tmp_path, capsys):
    arguments = ["report", study, "-o", tmp_path / "out", "--no-audio", "--json"]
    assert run(list(map(str, arguments))) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert files == [str(tmp_path / "out" / name) for name in ("report.html", "report.md")]
    assert not (study / "report.html").exists()


def test_options_reach_the_page(study, tmp_path, capsys):
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "scores_pairs.csv").write_text("peer,file,estoi\nrival,pairs000,0.5\n")
    times = [{"peer": "rival", "rtf": 0.25}, {"peer": "another", "rtf": 0.5}]
    for i, line in enumerate(times):
        (tmp_path / f"times{i}.json").write_text(json.dumps(line))
    arguments = ["report", study, "--no-audio", "--peers", tmp_path / "peers"]
    arguments += ["--bench", tmp_path / "times0.json", "--bench", tmp_path / "times1.json"]
    arguments += ["--metric", "estoi", "--margin", "0.02", "--worst", "3"]
    assert run(list(map(str, arguments))) == 0
    text = (study / "report.md").read_text()
    assert "| rival | - | rival | 1 | 0.500 |" in text and "250.00" in text and "500.00" in text
    assert "Equal within ±0.02" in text and "Smallest gain in ESTOI" in text
    worst = text[text.index("**Smallest gain") : text.index("**Lowest score")]
    assert worst.count("\n| pairs") == 3


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "Missing argument 'STUDY...'"),
        (["STUDY", "--metric", "lufs"], "got metric 'lufs'"),
        (["STUDY", "--margin", "-1"], "got margin -1"),
        (["STUDY", "--peers", "nowhere"], "Directory 'nowhere' does not exist"),
        (["nowhere"], "Directory 'nowhere' does not exist"),
        (["STUDY", "--worst", "-1"], "-1 is not in the range"),
        (["--listening", "2"], "--listening: got 0 studies, needs one"),
        (["STUDY", "STUDY", "--listening", "2"], "--listening: got 2 studies, needs one"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(arguments, sentence, study, capsys):
    given = [str(study) if word == "STUDY" else word for word in arguments]
    assert run(["report", *given]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and sentence in err


@pytest.mark.parametrize(
    "files, sentence",
    [
        ({"scores.csv": None}, "scores.csv: cannot be read"),
        ({"study.json": "{"}, "study.json: is damaged"),
        ({"bench.json": "{}"}, "bench.json: not what wheesht bench --json prints"),
    ],
)
def test_a_damaged_study_is_a_failure_in_one_sentence(files, sentence, study, capsys):
    for name, text in files.items():
        (study / name).unlink(missing_ok=True)
        if text is not None:
            (study / name).write_text(text)
    assert run(["report", str(study)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and sentence in err
    assert not (study / "report.html").exists()


def test_a_listening_test_is_made_instead_of_the_page(study, tmp_path, capsys, monkeypatch):
    called = {}

    def write_kit(found, n_clips, folder, data, systems, seed, kind):
        called.update(locals())
        return folder / "page" / "index.html"

    monkeypatch.setattr("wheesht.report.listening.kit.write_kit", write_kit)
    arguments = ["report", str(study), "--listening", "5", "--listening-kind", "ab", "--seed", "7"]
    assert run([*arguments, "--listening-systems", "gru:50,noisy", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(study / "listening" / "page" / "index.html")
    assert (called["n_clips"], called["seed"], called["kind"]) == (5, 7, "ab")
    assert called["systems"] == ["gru:50", "noisy"] and called["data"] == tmp_path
    assert called["found"].folder == study and not (study / "report.html").exists()


class Answers:
    """Stands for the analysis of a listening test."""

    def to_dict(self):
        """Return what `--json` prints."""
        return {"kind": "mushra"}

    def to_markdown(self):
        """Return the page."""
        return "# Listening test\n"

    def to_html(self):
        """Return the page."""
        return "<html></html>\n"


def test_answers_are_analysed_without_a_study(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("wheesht.report.listening.results.analyse", lambda *given: Answers())
    assert run(["report", "--listening-results", str(tmp_path)]) == 0
    files = [tmp_path / f"listening_results.{kind}" for kind in ("html", "md")]
    assert capsys.readouterr().out.split() == ["#", "Listening", "test", *map(str, files)]
    assert [path.read_text() for path in files] == ["<html></html>\n", "# Listening test\n"]
    assert run(["report", "--listening-results", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "mushra"


def test_answers_become_a_part_of_a_studys_page(study, tmp_path, capsys, monkeypatch):
    from wheesht.report.document import Document, Paragraph, Section
    from wheesht.report.sections import listeners

    said = Document("", (Section("a", "A", (Paragraph("They heard it."),)),))
    monkeypatch.setattr(listeners, "analyse", lambda folder, keep: (folder, keep))
    monkeypatch.setattr(
        listeners, "document_of", lambda given: said if given == (tmp_path, True) else None
    )
    arguments = ["report", study, "--no-audio", "--listening-results", tmp_path, "--keep-excluded"]
    assert run(list(map(str, arguments))) == 0
    text = (study / "report.md").read_text()
    assert "What listeners heard\n\nThey heard it." in text


def test_help_ends_with_an_example(capsys):
    assert run(["report", "--help"]) == 0
    assert "wheesht report study --peers rivals/" in capsys.readouterr().out
