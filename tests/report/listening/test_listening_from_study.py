"""From recordings to the outcome of a listening test, by the commands that people type."""

import json

import numpy as np
import pytest
import soundfile
from answer_sheets import write_sheet
from listening_study import RATE, voice

from wheesht.cli.main import run
from wheesht.report.listening.key import read_key

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three clips, a rival's files of them, and the shipped model's scores."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(3):
        clean = voice(number, 1.2)
        noise = 0.02 * 2**number * np.random.default_rng(number).normal(size=len(clean))
        for name, signal in (
            ("clean", clean),
            ("noisy", clean + noise),
            ("rival", clean + 0.5 * noise),
        ):
            place = folder / (name if name == "rival" else f"set/{name}")
            place.mkdir(parents=True, exist_ok=True)
            soundfile.write(place / f"clip {number}.wav", signal, RATE, subtype="PCM_16")
    command = ["evaluate", "gru:100,50", "--testset", str(folder / "set"), "--jobs", "1"]
    command += ["--enhanced", f"rival={folder / 'rival'}", "--metric", "si_sdr"]
    assert run([*command, "-o", str(folder / "study")]) == 0
    return folder / "study"


def test_a_study_becomes_a_test_and_answers_become_a_page(study, tmp_path, capsys):
    test = tmp_path / "test"
    assert run(["report", str(study), "--listening", "2", "-o", str(test)]) == 0
    key = read_key(test)
    assert [condition.name for condition in key.conditions] == [
        "hidden reference",
        "low anchor (3.5 kHz)",
        "noisy",
        "gru, P = 100",
        "gru, P = 50",
        "rival",
    ]
    assert str(test / "page" / "index.html") in capsys.readouterr().out
    (test / "results").mkdir()
    for name, lift in (("ann", 0), ("bob", 3)):
        write_sheet(
            test / "results", key, name, lambda item, k, lift=lift: 100 if k == 0 else 10 * k + lift
        )
    assert run(["report", "--listening-results", str(test), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["score"]["mean"] for one in document["scores"]] == [
        100,
        11.5,
        21.5,
        31.5,
        41.5,
        51.5,
    ]
    page = (test / "listening_results.html").read_text()
    assert "rival" in page and "51.5" in page


def test_a_test_of_preference_between_two_settings_of_the_dial(study, tmp_path):
    test = tmp_path / "test"
    command = ["report", str(study), "--listening", "3", "--listening-kind", "ab", "-o", str(test)]
    assert run([*command, "--listening-systems", "gru:50,rival"]) == 0
    key = read_key(test)
    assert [condition.name for condition in key.conditions] == ["gru, P = 50", "rival"]
    assert len(key.items) == 3


def test_too_many_clips_fail_with_one_sentence(study, tmp_path, capsys):
    assert run(["report", str(study), "--listening", "4", "-o", str(tmp_path / "test")]) == 2
    assert "ask for 1 to 3" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
