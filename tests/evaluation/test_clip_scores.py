"""One clip scored: what its rows say, what is kept from before, and whose error an error is."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile

import wheesht.evaluation.clip_scores as module
from wheesht.data.clip_set import read_clip_set
from wheesht.data.mixing import active_power
from wheesht.errors import BundleError, MissingDependency, ShapeError
from wheesht.evaluation.clip_scores import ClipJob, audio_sha256, failed, score_clip
from wheesht.evaluation.study import key_of
from wheesht.evaluation.systems.backends import Enhanced
from wheesht.evaluation.systems.kinds import EnhancedFile, Unprocessed
from wheesht.evaluation.systems.models import models_of
from wheesht.metrics import METRICS

QUICK = ("si_sdr", "seg_snr")


@dataclass(frozen=True)
class Halved:
    """A system that counts its calls and halves the clip, or raises."""

    calls: list
    error: Exception | None = None
    name: str = "halved"
    update_percent: float = 50.0
    backend: str = "engine"
    sha256: str = "0123456789ab"

    def enhance(self, noisy):
        self.calls.append(noisy)
        if self.error:
            raise self.error
        return Enhanced((0.5 * noisy).astype(np.float32), 12.0, 0.25)


@pytest.fixture
def job(pairs):
    clip = read_clip_set(pairs).clips[2]
    return ClipJob("set", clip, (Unprocessed(),), QUICK, {})


@pytest.fixture
def recording(pairs):
    return ClipJob("set", read_clip_set(pairs / "noisy").clips[2], (Unprocessed(),), QUICK, {})


def test_the_scores_are_those_of_the_metrics_on_the_files(job, pairs):
    (row,) = score_clip(job)
    noisy, _ = soundfile.read(pairs / "noisy" / "c2.wav", dtype="float32")
    clean, _ = soundfile.read(pairs / "clean" / "c2.wav", dtype="float32")
    assert row.scores == {name: METRICS[name](clean, noisy, 16000) for name in QUICK}
    assert (row.testset, row.clip, row.system, row.backend) == ("set", "c2", "noisy", "")
    assert (row.update_percent, row.executed_macs, row.update_fraction) == (None, None, None)
    assert row.error == "" and row.model_sha256 == ""


def test_every_system_gets_a_row_with_what_it_counted(job, small_bundle):
    models, _ = models_of([f"tiny={small_bundle}:100,30"], [], "engine")
    rows = score_clip(replace(job, systems=(Unprocessed(), *models)))
    assert [(r.system, r.update_percent, r.backend) for r in rows] == [
        ("noisy", None, ""),
        ("tiny", 100.0, "engine"),
        ("tiny", 30.0, "engine"),
    ]
    assert rows[1].model_sha256 == models[0].sha256
    assert rows[1].executed_macs > rows[2].executed_macs > 0
    assert rows[1].update_fraction == 1.0 and 0.25 < rows[2].update_fraction < 0.35
    assert len({row.scores["si_sdr"] for row in rows}) == 3
    assert len({row.audio_sha256 for row in rows}) == 1


def test_the_checksum_is_over_samples_and_lengths():
    x, y = np.arange(3, dtype=np.float32), np.arange(2, dtype=np.float32)
    by_hand = hashlib.sha256(b"3:" + x.tobytes() + b"2:" + y.tobytes()).hexdigest()[:12]
    assert audio_sha256(x, y) == audio_sha256(x, None, y) == by_hand
    joined = np.concatenate([x, y])
    assert len({by_hand, audio_sha256(joined), audio_sha256(joined[:2], joined[2:])}) == 3


def test_a_file_of_another_system_is_in_its_checksum(job, pairs):
    file = EnhancedFile("rival", pairs / "clean", pairs / "clean" / "c2.wav")
    (row,) = score_clip(replace(job, systems=(file,)))
    noisy, clean = job.clip.samples()
    assert row.audio_sha256 == audio_sha256(noisy, clean, clean)
    assert row.scores["si_sdr"] == 100.0


def test_the_ratio_is_measured_where_the_test_set_does_not_state_it(job):
    noisy, clean = (x.astype(np.float64) for x in job.clip.samples())
    (row,) = score_clip(job)
    expected = 10 * np.log10(active_power(clean) / np.mean((noisy - clean) ** 2))
    assert row.snr_db == pytest.approx(expected, abs=0.05) and round(row.snr_db, 1) == row.snr_db
    told = replace(job, clip=replace(job.clip, snr_db=2.5, noise_kind="bus", speaker="p1"))
    (row,) = score_clip(told)
    assert (row.snr_db, row.noise_kind, row.speaker) == (2.5, "bus", "p1")


@pytest.mark.parametrize("silent", ["clean", "difference"])
def test_without_speech_or_noise_there_is_no_ratio(job, pairs, silent):
    x, _ = soundfile.read(pairs / "clean" / "c2.wav")
    soundfile.write(pairs / "clean" / "c2.wav", x * (silent != "clean"), 16000)
    soundfile.write(pairs / "noisy" / "c2.wav", x, 16000)
    assert score_clip(job)[0].snr_db is None


def test_a_clip_shorter_than_a_frame_has_a_score_and_a_ratio(job, pairs):
    for kind in ("noisy", "clean"):
        x, rate = soundfile.read(pairs / kind / "c2.wav", dtype="float32")
        soundfile.write(pairs / kind / "c2.wav", x[5000:5050], rate)
    (row,) = score_clip(job)
    noisy, clean = job.clip.samples()
    expected = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
    assert row.snr_db == pytest.approx(expected, abs=0.051)
    assert "si_sdr" in row.scores


def test_metrics_that_need_a_clean_signal_are_left_out_without_one(recording):
    (row,) = score_clip(replace(recording, metrics=("si_sdr", "lufs")))
    assert (list(row.scores), row.error, row.snr_db) == (["lufs"], "", None)


def test_what_is_known_is_not_done_again(job):
    calls = []
    job = replace(job, systems=(Halved(calls),))
    (row,) = score_clip(job)
    assert len(calls) == 1
    known = {key_of(row): row}
    assert score_clip(replace(job, known=known)) == [row]
    assert len(calls) == 1
    (more,) = score_clip(replace(job, known=known, metrics=(*QUICK, "lufs")))
    assert len(calls) == 2
    assert set(more.scores) == {*QUICK, "lufs"}
    assert replace(more, scores=row.scores) == row


@pytest.mark.parametrize("change", [{"audio_sha256": "0" * 12}, {"model_sha256": "0" * 12}])
def test_what_is_known_of_other_audio_or_another_model_is_done_again(job, change):
    calls = []
    job = replace(job, systems=(Halved(calls),))
    (row,) = score_clip(job)
    stale = replace(row, scores=dict.fromkeys(QUICK, 7.0), **change)
    assert score_clip(replace(job, known={key_of(row): stale})) == [row]
    assert len(calls) == 2


def test_what_failed_is_tried_again(job):
    (row,) = score_clip(replace(job, systems=(Halved([]),)))
    before = replace(row, scores={"si_sdr": row.scores["si_sdr"]}, error="seg_snr: not yet")
    job = replace(job, systems=(Halved([]),), known={key_of(row): before})
    assert score_clip(job) == [row]


def test_what_the_test_set_says_of_a_clip_is_brought_up_to_date(job):
    (row,) = score_clip(job)
    told = replace(job, clip=replace(job.clip, noise_kind="bus"), known={key_of(row): row})
    assert score_clip(told) == [replace(row, noise_kind="bus")]


def test_a_metric_that_fails_leaves_the_others(job, pairs):
    soundfile.write(pairs / "clean" / "c2.wav", np.zeros(16000), 16000)
    (row,) = score_clip(replace(job, metrics=("si_sdr", "lufs")))
    assert list(row.scores) == ["lufs"]
    assert "clean" in row.error


def test_shared_sentences_are_said_once_and_infinite_scores_are_errors(job, monkeypatch):
    def fake(names, clean, enhanced, rate):
        return {"a": 1.0, "b": float("inf"), "c": float("nan")}, {"d": "same", "e": "same"}

    monkeypatch.setattr(module, "score", fake)
    (row,) = score_clip(job)
    assert row.scores == {"a": 1.0}
    assert row.error == "same | b: the result is inf | c: the result is nan"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ShapeError("too short"), "too short"),
        (OSError("gone"), "gone"),
        (ZeroDivisionError("0"), "failed unexpectedly (ZeroDivisionError: 0)"),
    ],
)
def test_an_error_is_that_of_one_row(job, error, said):
    systems = (Unprocessed(), Halved([], error), Halved([], name="other"))
    first, bad, other = score_clip(replace(job, systems=systems))
    assert (bad.error, bad.scores) == (said, {})
    assert first.scores and other.scores and not first.error and not other.error


@pytest.mark.parametrize("error", [BundleError("replaced"), MissingDependency("needs pip")])
def test_what_no_clip_can_help_ends_the_run(job, error):
    with pytest.raises(type(error)):
        score_clip(replace(job, systems=(Halved([], error),)))


@pytest.mark.parametrize("content", [None, b"no audio"])
def test_a_clip_that_cannot_be_read_is_an_error_of_all_its_rows(job, pairs, content, small_bundle):
    path = pairs / "noisy" / "c2.wav"
    path.unlink()
    if content:
        path.write_bytes(content)
    models, _ = models_of([str(small_bundle)], [], "engine")
    rows = score_clip(replace(job, systems=(Unprocessed(), *models)))
    assert len(rows) == 2
    for row in rows:
        assert "c2.wav" in row.error and (row.scores, row.audio_sha256) == ({}, "")


def test_a_clip_of_too_many_surprises_is_no_end_either(job, monkeypatch):
    def surprise(self):
        raise RuntimeError("boo")

    monkeypatch.setattr(type(job.clip.source), "samples", surprise)
    assert score_clip(job)[0].error == "failed unexpectedly (RuntimeError: boo)"


def test_a_run_that_is_stopped_leaves_between_systems(job, monkeypatch):
    monkeypatch.setattr(module, "stop_asked", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        score_clip(job)


def test_rows_of_a_killed_process_say_so(job):
    (row,) = failed(job, "killed")
    assert (row.clip, row.error, row.scores) == ("c2", "killed", {})
