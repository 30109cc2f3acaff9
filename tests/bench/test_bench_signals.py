"""The signal to time on: what is speech, what is pause, how loud."""

import numpy as np
import pytest

from wheesht.bench.signals import EDGE_SECONDS, PEAK, SAMPLE_RATE, speech_like


def mean_db(x):
    return 10 * np.log10(np.mean(x.astype(float) ** 2))


@pytest.fixture(scope="module")
def speech():
    return speech_like(4.0)


def test_length_level_and_ratio_are_as_promised(speech):
    assert speech.clean.shape == speech.noise.shape == (4 * SAMPLE_RATE,)
    assert speech.noisy.dtype == np.float32
    assert np.max(np.abs(speech.noisy)) == pytest.approx(PEAK, rel=1e-6)
    assert mean_db(speech.clean) - mean_db(speech.noise) == pytest.approx(5.0, abs=1e-3)


def test_pauses_hold_noise_only_and_speech_is_louder(speech):
    assert not np.any(speech.clean[speech.is_pause])
    assert mean_db(speech.noise[speech.is_pause]) > -60
    loud, quiet = speech.noisy[speech.is_speech], speech.noisy[speech.is_pause]
    assert mean_db(loud) > mean_db(quiet) + 6


def test_nothing_near_a_change_is_called_speech_or_pause(speech):
    reach = round(EDGE_SECONDS * SAMPLE_RATE)
    named = np.flatnonzero(speech.is_speech | speech.is_pause)
    gaps = np.diff(named)[np.diff(speech.is_speech[named].astype(int)) != 0]
    assert len(gaps) == 15 and np.all(gaps > 2 * reach)
    assert 0.1 < speech.is_pause.mean() < 0.3
    assert 0.3 < speech.is_speech.mean() < 0.5


def test_syllables_come_twice_a_second(speech):
    level = np.abs(speech.clean).reshape(-1, 160).mean(axis=1)  # (400,), every 10 ms
    spectrum = np.abs(np.fft.rfft(level - level.mean()))
    assert np.argmax(spectrum) == 8  # cycles in 4 s


def test_the_seed_changes_the_noise_only(speech):
    again, other = speech_like(4.0), speech_like(4.0, seed=1)
    assert np.array_equal(speech.noisy, again.noisy)
    assert not np.array_equal(speech.noise, other.noise)
    shapes = [v.clean / np.linalg.norm(v.clean) for v in (speech, other)]
    assert np.allclose(*shapes, atol=1e-7)
