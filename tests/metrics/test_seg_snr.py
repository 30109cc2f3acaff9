"""Segmental SNR: against plain loops, its limits, and what it does not forgive."""

import numpy as np
import pytest

from wheesht.errors import ShapeError, SilentSignalError
from wheesht.metrics.seg_snr import seg_snr


def by_loops(clean, enhanced, rate):
    """Frame by frame: 30 ms, a quarter of it from one to the next, the last one left out."""
    width = round(0.03 * rate)
    hop = width // 4
    found = []
    start = 0
    while start + width + hop <= len(clean):
        window = [0.5 - 0.5 * np.cos(2 * np.pi * (k + 1) / (width + 1)) for k in range(width)]
        s = clean[start : start + width] * window
        e = enhanced[start : start + width] * window
        signal, noise = sum(s**2), sum((s - e) ** 2)
        if signal or noise:
            ratio = 10 * np.log10((signal + 1e-300) / (noise + 1e-300))
            found.append(min(max(ratio, -10.0), 35.0))
        start += hop
    return np.mean(found)


@pytest.mark.parametrize(("rate", "n"), [(16000, 4801), (8000, 2999), (16000, 600), (16000, 719)])
def test_it_is_the_mean_of_limited_ratios(rate, n, sample):
    clean, noisy = (x[20000 : 20000 + n].astype(np.float64) for x in sample)
    assert seg_snr(clean, noisy, rate) == pytest.approx(by_loops(clean, noisy, rate), abs=1e-9)


def test_a_pause_counts_and_common_silence_does_not():
    rng = np.random.default_rng(0)
    clean = np.concatenate([rng.standard_normal(8000), np.zeros(8000)])
    noise = 0.1 * rng.standard_normal(16000)
    assert seg_snr(clean, clean + noise) < 7.0  # 20 dB half the time, -10 dB in the other
    quiet = clean + np.where(np.arange(16000) < 8000, noise, 0)
    assert seg_snr(clean, quiet) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("db", [-9.0, 0.0, 12.0, 34.0])
def test_noise_in_proportion_gives_its_ratio(db, speech):
    enhanced = speech.astype(np.float64) * (1 + 10 ** (-db / 20))
    assert seg_snr(speech, enhanced) == pytest.approx(db, abs=1e-6)


@pytest.mark.parametrize(("db", "limit"), [(-30.0, -10.0), (60.0, 35.0)])
def test_beyond_the_limits_it_is_the_limit(db, limit, speech):
    assert seg_snr(speech, speech.astype(np.float64) * (1 + 10 ** (-db / 20))) == limit


def test_half_the_level_is_distortion(speech):
    assert seg_snr(speech, 0.5 * speech) == pytest.approx(20 * np.log10(2), abs=1e-4)


def test_muting_gets_0_db(speech):
    assert seg_snr(speech, 0 * speech) == pytest.approx(0.0, abs=1e-9)


def test_one_frame_and_one_hop_are_needed(speech):
    with pytest.raises(ShapeError, match=r"got 599 samples, needs at least 600 \(37.5 ms"):
        seg_snr(speech[:599], speech[:599])


def test_a_rate_without_samples_in_a_frame_is_refused(speech):
    with pytest.raises(ShapeError, match="needs at least"):
        seg_snr(speech[:3], speech[:3], 100)


def test_sound_in_no_frame_has_no_score():
    last = np.zeros(16000)
    last[-1] = 1.0
    with pytest.raises(SilentSignalError, match="zero in every frame"):
        seg_snr(last, last)
