"""The audio of a row comes back, or the study says that it cannot."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from wheesht.errors import BundleError, CorpusError, StudyError
from wheesht.evaluation.replay import replay
from wheesht.evaluation.run import evaluate
from wheesht.evaluation.study import read_study
from wheesht.evaluation.systems.backends import bundle_with
from wheesht.metrics import METRICS

RATE = 16000
# Rows hold six decimals.
ROUNDING = 6e-7


@pytest.fixture
def study(here, settings, pairs, tmp_path):
    """A model and late files on `pairs`, aligned, and read back."""
    late = tmp_path / "late"
    late.mkdir()
    for path in (pairs / "noisy").iterdir():
        x, _ = soundfile.read(path)
        soundfile.write(late / path.name, np.concatenate([np.zeros(33), x]), RATE)
    told = settings(enhanced=(f"late={late}",), align=True)
    evaluate(told, tmp_path / "out", jobs=1)
    return read_study(tmp_path / "out")


def rows_of(study, system):
    return [row for row in study.rows if row.system == system]


def test_replayed_audio_has_the_scores_of_its_row(study):
    for row in study.rows:
        audio = replay(study, row)
        assert audio.enhanced.dtype == np.float32 and audio.enhanced.shape == audio.noisy.shape
        for name, score in row.scores.items():
            again = METRICS[name](audio.clean, audio.enhanced, RATE)
            assert again == pytest.approx(score, abs=ROUNDING)


def test_the_input_replayed_is_the_file(study, pairs):
    audio = replay(study, rows_of(study, "noisy")[3])
    x, _ = soundfile.read(pairs / "noisy" / "c3.wav", dtype="float32")
    assert np.array_equal(audio.enhanced, x) and np.array_equal(audio.noisy, x)


def test_a_set_without_clean_signals_replays_without_one(here, settings, pairs, tmp_path):
    told = settings(testsets=(str(pairs / "noisy"),), metrics=("lufs",))
    found = evaluate(told, tmp_path / "out", jobs=1)
    audio = replay(found.study, found.rows[-1])
    assert audio.clean is None and len(audio.enhanced) == len(audio.noisy)


def test_a_table_replays_from_the_corpus_where_it_is_now(here, settings, tmp_path, pairs):
    corpus = tmp_path / "corpus"
    (corpus / "testsets").mkdir(parents=True)
    for kind in ("noisy", "clean"):
        shutil.copytree(pairs / kind, corpus / kind)
    table = corpus / "testsets" / "t.tsv"
    table.write_text(
        "name\tsnr_db\tlevel_dbfs\tspeech\tnoise\none\t3\t-25\tclean/c0.wav\tnoisy/c1.wav\n"
    )
    found = evaluate(settings(testsets=(str(table),), metrics=("lufs",)), tmp_path / "out", jobs=1)
    audio = replay(found.study, found.rows[1])
    for folder in ("noisy", "clean"):
        (corpus / folder).rename(tmp_path / folder)
    with pytest.raises(CorpusError, match="name the corpus with --data"):
        replay(found.study, found.rows[1])
    again = replay(found.study, found.rows[1], tmp_path)
    assert np.array_equal(again.enhanced, audio.enhanced)


@pytest.mark.parametrize("folder", ["set/noisy", "set/clean", "late"])
def test_audio_that_has_changed_is_refused(study, tmp_path, folder):
    row = rows_of(study, "late")[0]
    x, _ = soundfile.read(tmp_path / folder / "c0.wav")
    soundfile.write(tmp_path / folder / "c0.wav", 0.5 * x, RATE)
    with pytest.raises(StudyError, match="set/c0, late: its audio has changed since"):
        replay(study, row)


def test_a_model_that_was_replaced_is_refused(here, settings, tmp_path, make_bundle):
    path = tmp_path / "x.safetensors"
    shutil.copy(make_bundle(hidden=(7, 9), seed=1), path)
    found = evaluate(settings(models=(str(path),), limit=1), tmp_path / "out", jobs=1)
    shutil.copy(make_bundle(hidden=(7, 9), seed=2), path)
    bundle_with.cache_clear()  # else this process still has the model that was scored
    with pytest.raises(BundleError, match="the model was replaced after it was scored"):
        replay(found.study, found.rows[1])


def test_what_the_study_does_not_know_is_refused(study, pairs):
    row = study.rows[0]
    with pytest.raises(StudyError, match="knows no test set 'x'"):
        replay(study, replace(row, testset="x"))
    with pytest.raises(StudyError, match="knows no system 'x'"):
        replay(study, replace(row, system="x"))
    with pytest.raises(StudyError, match="has no clip 'x' any more"):
        replay(study, replace(row, clip="x"))
