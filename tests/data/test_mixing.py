"""Training pairs: their SNR, level, reproducibility, and what they are made of."""

import numpy as np
import pytest

from wheesht.data.augment import coloured_noise, random_filter
from wheesht.data.bank import SampleBank
from wheesht.data.mixing import Mixer, MixingConfig, active_power
from wheesht.data.prefetch import batches
from wheesht.errors import ConfigError

PLAIN = {
    "clean_share": 0.0,
    "filter_share": 0.0,
    "babble_share": 0.0,
    "coloured_share": 0.0,
    "second_noise_share": 0.0,
}


def bank(seed, lengths):
    rng = np.random.default_rng(seed)
    samples = (rng.standard_normal(sum(lengths)) * 3000).astype(np.int16)
    return SampleBank(samples, np.cumsum([0, *lengths]))


def mixer(**changes):
    config = MixingConfig(**{"seconds": 1.0, **changes})
    return Mixer(bank(0, [4000, 37, 50000, 16000]), bank(1, [7000, 1, 90001]), config)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5])
def test_mixture_has_the_asked_active_speech_snr(snr_db):
    make = mixer(**PLAIN, snr_db=(snr_db, snr_db))
    for index in range(20):
        noisy, clean = make.pair(3, index)
        noise = (noisy - clean).astype(np.float64)
        measured = 10 * np.log10(active_power(clean) / np.mean(noise**2))
        # The noise is a difference of float32 signals: up to 1e-3 dB at high SNR.
        assert measured == pytest.approx(snr_db, abs=5e-3)


def test_level_is_as_drawn_and_never_clips():
    make = mixer(level_dbfs=(-20.0, 0.0), clean_share=0.0)
    for index in range(20):
        noisy, _ = make.pair(0, index)
        level = 20 * np.log10(np.sqrt(np.mean(noisy.astype(np.float64) ** 2)))
        assert level == pytest.approx(-20.0, abs=0.01) or np.abs(noisy).max() > 0.985
        assert np.abs(noisy).max() <= 0.9901


def test_a_level_beyond_full_scale_is_turned_down_as_a_whole():
    make = mixer(level_dbfs=(0.0, 0.0), level_limits_dbfs=(-50.0, 0.0))
    for index in range(5):
        noisy, clean = make.pair(0, index)
        assert np.abs(noisy).max() == pytest.approx(0.99, abs=1e-3)
        assert np.abs(clean).max() < 1.5  # the same gain, not a limiter on one of the two


def test_nearly_clean_share_is_what_was_asked():
    make = mixer(**{**PLAIN, "clean_share": 0.5}, snr_db=(0.0, 0.0), clean_snr_db=(30.0, 30.0))
    quiet = 0
    for index in range(200):
        noisy, clean = make.pair(0, index)
        quiet += np.mean((noisy - clean) ** 2) < 0.05 * np.mean(clean**2)
    assert 70 <= quiet <= 130  # binomial, five sigma is 35


def test_pair_depends_on_seed_and_index_alone():
    a, b = mixer(), mixer()
    for _ in range(3):
        a.pair(0, 99)
    assert np.array_equal(a.pair(5, 7)[0], b.pair(5, 7)[0])
    assert not np.array_equal(a.pair(5, 7)[0], a.pair(5, 8)[0])
    assert not np.array_equal(a.pair(5, 7)[0], a.pair(6, 7)[0])


def test_batches_in_the_background_equal_batches_on_demand():
    make = mixer()
    got = list(batches(make, seed=2, size=3, first=4, last=9))
    assert len(got) == 5
    for step, (noisy, clean) in zip(range(4, 9), got, strict=True):
        want = make.batch(2, step, 3)
        assert np.array_equal(noisy, want[0]) and np.array_equal(clean, want[1])


def test_no_batches_are_made_of_an_empty_range():
    assert list(batches(mixer(), 0, 2, first=5, last=5)) == []


def test_silent_recordings_still_give_finite_pairs():
    silent = SampleBank(np.zeros(5000, np.int16), np.array([0, 5000]))
    for speech, noise in ((silent, bank(0, [9000])), (bank(0, [9000]), silent), (silent, silent)):
        noisy, clean = Mixer(speech, noise, MixingConfig(seconds=0.5)).pair(0, 0)
        assert np.all(np.isfinite(noisy)) and np.all(np.isfinite(clean))


def test_random_filter_of_an_impulse_is_a_short_response_and_keeps_the_length():
    x = np.zeros(1001, np.float32)
    x[100] = 1.0
    y = random_filter(x, np.random.default_rng(3))
    assert y.shape == x.shape and y.dtype == np.float32
    assert np.abs(np.delete(y, np.arange(99, 160))).max() < 1e-6 < np.abs(y[101])


def test_random_filter_is_the_recursion_of_its_coefficients():
    r = np.random.default_rng(3).uniform(-0.375, 0.375, 4)  # what the filter draws first
    x = np.random.default_rng(0).standard_normal(400)
    x[-100:] = 0.0  # the tail dies out before it would wrap around
    y = np.zeros(402)  # two samples of silence before the start
    padded = np.concatenate([np.zeros(2), x])
    for n in range(2, 402):
        y[n] = padded[n] + r[0] * padded[n - 1] + r[1] * padded[n - 2]
        y[n] -= r[2] * y[n - 1] + r[3] * y[n - 2]
    got = random_filter(x.astype(np.float32), np.random.default_rng(3))
    assert np.abs(got - y[2:]).max() < 1e-5  # float32 transform of 400 samples of size 1


def test_coloured_noise_falls_towards_high_frequencies_and_has_unit_deviation():
    for seed in range(5):
        x = coloured_noise(16000, np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(x)) ** 2
        assert x.std() == pytest.approx(1.0, abs=1e-3)
        assert power[100:400].mean() > 0.8 * power[4000:8000].mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 0.1}, "0.5 to 60 s"),
        ({"snr_db": (5.0, -5.0)}, "low before high"),
        ({"babble_share": 1.5}, "0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        MixingConfig(**change)


@pytest.mark.parametrize(("n", "power"), [(0, 1e-12), (1, 0.25), (319, 0.25), (320, 0.25)])
def test_less_than_a_frame_counts_as_a_whole_one(n, power):
    assert active_power(np.full(n, 0.5)) == power
