"""Each metric: known values, what it must not see, and what it must refuse."""

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError, SilentSignalError
from wheesht.metrics import METRICS, estoi, pesq_wb, si_sdr

RATE = 16000


@pytest.fixture(scope="module")
def speech():
    """Two seconds that behave like speech for the metrics: voiced bursts with pauses."""
    rng = np.random.default_rng(0)
    t = np.arange(3 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(1, 25))
    bursts = (np.sin(2 * np.pi * 2.1 * t) > -0.2) * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * t))
    return (0.1 * voice * bursts + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def noisy(speech):
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32)
    return speech + 0.05 * noise


@pytest.mark.parametrize(("name", "best"), [("pesq_wb", 4.6439), ("estoi", 1.0), ("si_sdr", 100.0)])
def test_the_clean_signal_itself_gets_the_best_score(name, best, speech):
    assert METRICS[name](speech, speech, RATE) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_noise_lowers_every_score(name, speech, noisy):
    assert METRICS[name](speech, noisy, RATE) < METRICS[name](speech, speech, RATE)


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (30.0, 0.0), (1.0, 0.25)])
def test_si_sdr_ignores_scale_and_mean(gain, offset, speech, noisy):
    changed = noisy * gain + offset
    # float32 audio: the offset costs a few bits of the signal.
    assert si_sdr(speech, changed) == pytest.approx(si_sdr(speech, noisy), abs=1e-3)


@pytest.mark.parametrize("db", [-20.0, 0.0, 37.0])
def test_si_sdr_of_orthogonal_noise_is_the_power_ratio(db):
    t = np.arange(1000)
    s, n = np.sin(2 * np.pi * 10 * t / 1000), np.cos(2 * np.pi * 10 * t / 1000)
    assert si_sdr(s, s + n * 10 ** (-db / 20)) == pytest.approx(db, abs=1e-9)


def test_si_sdr_of_silence_is_the_lower_limit(speech):
    assert si_sdr(speech, np.zeros_like(speech)) == -100.0


@pytest.mark.parametrize("name", sorted(METRICS))
def test_unequal_lengths_are_refused(name, speech):
    with pytest.raises(ShapeError, match=r"needs two equal \(N,\)"):
        METRICS[name](speech, speech[:-1], RATE)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_silent_clean_signal_has_no_score(name, speech):
    with pytest.raises(SilentSignalError, match="all zeros"):
        METRICS[name](np.zeros_like(speech), speech, RATE)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_nan_is_refused(name, speech):
    broken = speech.copy()
    broken[5] = np.nan
    with pytest.raises(ParameterError, match="NaN or Inf"):
        METRICS[name](speech, broken, RATE)


def test_pesq_refuses_another_rate(speech):
    with pytest.raises(ParameterError, match="needs 16000 Hz"):
        pesq_wb(speech, speech, 48000)


def test_pesq_refuses_a_click(speech):
    with pytest.raises((SilentSignalError, ParameterError)):
        pesq_wb(speech[:100], speech[:100])


def test_estoi_refuses_too_little_speech(speech):
    with pytest.raises(SilentSignalError, match="too little speech"):
        estoi(speech[:3000], speech[:3000])
