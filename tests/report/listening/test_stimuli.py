"""The sounds of a clip: equally loud, cut alike, unclipped; and what cannot be played."""

from dataclasses import replace

import numpy as np
import pyloudnorm
import pytest
from listening_study import RATE, SyntheticStudy

from wheesht.report.listening.conditions import choose_conditions
from wheesht.report.listening.selection import candidates
from wheesht.report.listening.stimuli import UnusableClip, make_stimuli
from wheesht.report.numbers.scores import gather

LOUDNESS = 0.05  # LU; the fades of 10 ms and rounding to 16 bits move it by 0.02
PEAK = 10 ** (-1 / 20)
SPOIL = {  # of (clip, system): what becomes of its audio
    "silent": lambda audio: replace(audio, enhanced=np.zeros_like(audio.enhanced)),
    "faint": lambda audio: replace(audio, enhanced=audio.enhanced * np.float32(1e-2)),
    "short": lambda audio: replace(audio, enhanced=audio.enhanced[:20000]),
    "nan": lambda audio: replace(audio, enhanced=audio.enhanced * np.float32(np.nan)),
    "click": lambda audio: replace(audio, enhanced=with_click(audio.enhanced)),
    "no clean": lambda audio: replace(audio, clean=None),
    "silent clean": lambda audio: replace(audio, clean=np.zeros_like(audio.clean)),
}


def with_click(x):
    y = x.copy()
    y[len(y) // 2] = 30.0
    return y


def stimuli_of(kind="mushra", spoil=None, clip="c-00", systems=None, **made):
    changes = {(clip, "rival"): SPOIL[spoil]} if spoil else {}
    study = SyntheticStudy(changes=changes, **made)
    scores = gather([study.study])
    conditions = choose_conditions(scores, kind, systems)
    pool = [c for c in candidates(scores, conditions) if c.clip == clip]
    return study, conditions, make_stimuli(
        pool[0], conditions, lambda candidate, i: study.replay(None, candidate.rows[i])
    )  # fmt: skip


def loudness(samples):
    return pyloudnorm.Meter(RATE).integrated_loudness(samples / 32767.0)


def test_all_conditions_are_equally_loud_and_none_is_clipped():
    _, conditions, stimuli = stimuli_of()
    assert len(stimuli.samples) == len(conditions) == 6
    for samples in stimuli.samples:
        assert loudness(samples) == pytest.approx(-26.0, abs=LOUDNESS)
        assert np.abs(samples.astype(int)).max() <= 32767 * PEAK
    assert stimuli.loudness == -26.0 and stimuli.notes == ()


def test_a_high_peak_lowers_all_conditions_alike():
    _, _, stimuli = stimuli_of(spoil="click")
    peaks = [np.abs(samples.astype(int)).max() / 32767 for samples in stimuli.samples]
    assert max(peaks) == pytest.approx(PEAK, abs=1e-3)
    assert stimuli.loudness < -30
    for samples in stimuli.samples:
        assert loudness(samples) == pytest.approx(stimuli.loudness, abs=LOUDNESS)


def test_each_condition_is_the_signal_that_it_is_called():
    study, conditions, stimuli = stimuli_of(seconds=1.5)
    audio = study.replay(None, study.row("c-00", "rival"))
    wanted = {0: audio.clean, 2: audio.noisy, 5: audio.enhanced}
    assert [conditions[i].name for i in wanted] == ["hidden reference", "noisy", "rival"]
    for i, signal in wanted.items():
        middle = slice(400, -400)  # without the fades
        scaled = signal[middle] * 10 ** (stimuli.gains_db[i] / 20) * 32767
        assert stimuli.samples[i][middle] == pytest.approx(scaled, abs=0.51)


def test_the_anchor_lacks_what_lies_above_4_khz():
    _, _, stimuli = stimuli_of()
    spectra = [np.abs(np.fft.rfft(x.astype(float))) ** 2 for x in stimuli.samples[:2]]
    above = [spectrum[2 * 4500 :].sum() / spectrum.sum() for spectrum in spectra]
    assert above[1] < 1e-4 < above[0]


def test_a_silent_condition_stays_silent_and_is_noted():
    _, _, stimuli = stimuli_of(spoil="silent")
    assert not stimuli.samples[5].any()
    assert stimuli.notes == ("clip c-00 of test set made: rival is silent and was left as it is",)
    assert loudness(stimuli.samples[0]) == pytest.approx(-26.0, abs=LOUDNESS)


def test_a_faint_condition_is_lifted_by_at_most_20_db_more_than_the_others():
    _, _, stimuli = stimuli_of(spoil="faint")
    assert stimuli.gains_db[5] == pytest.approx(np.median(stimuli.gains_db[:5]) + 20, abs=3)
    assert loudness(stimuli.samples[5]) < -30
    assert len(stimuli.notes) == 1 and "rival stays" in stimuli.notes[0]
    assert "dB quieter than the others" in stimuli.notes[0]


def test_different_lengths_are_cut_to_the_shortest_and_noted():
    study, _, stimuli = stimuli_of(spoil="short")
    assert {len(samples) for samples in stimuli.samples} == {20000}
    assert "lengths of 20000 to 32000 samples, cut to the shortest" in stimuli.notes[0]
    clean = study.replay(None, study.row("c-00", "noisy")).clean
    assert np.corrcoef(stimuli.samples[0], clean[:20000])[0, 1] > 0.999, "all begin together"


def test_ends_fade_so_that_a_loop_does_not_click():
    _, _, stimuli = stimuli_of()
    for samples in stimuli.samples:
        ends = np.abs(samples[[0, 1, -2, -1]].astype(int))
        assert ends.max() <= 0.002 * 32767
        assert np.abs(samples[160:-160].astype(int)).max() > 0.05 * 32767


def test_of_a_long_clip_the_12_seconds_with_most_speech_are_taken():
    def late(audio):
        weights = np.where(np.arange(len(audio.clean)) < 5.5 * RATE, 0.01, 1.0).astype(np.float32)
        return replace(audio, clean=audio.clean * weights, enhanced=audio.enhanced * weights)

    study = SyntheticStudy(
        n_clips=1, seconds=20, changes={("c-00", s): late for s in ("noisy", "gru", "rival")}
    )
    scores = gather([study.study])
    conditions = choose_conditions(scores, "mushra", ["rival"])
    candidate = candidates(scores, conditions)[0]
    stimuli = make_stimuli(candidate, conditions, lambda c, i: study.replay(None, c.rows[i]))
    assert {len(samples) for samples in stimuli.samples} == {12 * RATE}
    assert 5.4 <= stimuli.start_seconds <= 8.0
    clean = study.replay(None, candidate.rows[0]).clean
    start = round(stimuli.start_seconds * RATE)
    assert np.corrcoef(stimuli.samples[0], clean[start : start + 12 * RATE])[0, 1] > 0.999


def test_each_row_is_replayed_once():
    study, _, _ = stimuli_of()
    assert [(row.system, row.update_percent) for row in study.replayed] == [
        ("gru", 100.0),
        ("gru", 50.0),
        ("rival", None),
    ]


@pytest.mark.parametrize(
    ("spoil", "made", "sentence"),
    [
        ("no clean", {}, "c-00 of test set made: has no clean speech, .* preference"),
        ("nan", {}, "c-00 of test set made: rival holds NaN or Inf"),
        ("silent clean", {}, "c-00 of test set made: its hidden reference is silent"),
        (None, {"seconds": 0.99}, r"lasts 0.99 s, needs 1"),
    ],
)
def test_a_clip_that_cannot_be_played_says_why(spoil, made, sentence):
    with pytest.raises(UnusableClip, match=sentence):
        stimuli_of(spoil=spoil, systems=["rival"], **made)
