"""Training pairs: their SNR, level, reproducibility, and what they are made of."""

import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest

from wheesht.data.augment import coloured_noise, random_filter
from wheesht.data.bank import SampleBank
from wheesht.data.mixing import Mixer, MixingConfig, active_power
from wheesht.data.prefetch import batches
from wheesht.errors import ConfigError, StateError

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
        ({"reverb_share": -0.1}, "reverb_share: got -0.1, needs 0 to 1"),
        ({"speed": (0.3, 1.0)}, "0.5 to 2"),
        ({"low_pass_hz": (500.0, 4000.0)}, "1000 to 8000 Hz"),
        ({"rooms": 0}, "rooms: got 0"),
        ({"workers": -1}, "workers: got -1"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        MixingConfig(**change)


@pytest.mark.parametrize(("n", "power"), [(0, 1e-12), (1, 0.25), (319, 0.25), (320, 0.25)])
def test_less_than_a_frame_counts_as_a_whole_one(n, power):
    assert active_power(np.full(n, 0.5)) == power


def tone_mixer(frequency, **changes):
    """Speech is a tone, noise is all but absent."""
    t = np.arange(64000) / 16000
    tone = SampleBank(
        np.round(8000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16), np.array([0, 64000])
    )
    settings = {**PLAIN, "seconds": 1.0, "snr_db": (60.0, 60.0), **changes}
    return Mixer(tone, bank(1, [90001]), MixingConfig(**settings))


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_speed_moves_the_pitch(factor):
    make = tone_mixer(1000.0, speed_share=1.0, speed=(factor, factor))
    for index in range(3):
        _, clean = make.pair(0, index)
        peak = np.argmax(np.abs(np.fft.rfft(clean * np.hanning(len(clean)))))
        assert len(clean) == 16000 and peak == pytest.approx(1000 * factor, abs=1.5)


def test_speed_leaves_half_of_the_pairs_when_its_share_is_half():
    make = tone_mixer(1000.0, speed_share=0.5, speed=(1.15, 1.15))
    peaks = [np.argmax(np.abs(np.fft.rfft(make.pair(0, i)[1]))) for i in range(60)]
    assert 12 <= np.sum(np.array(peaks) > 1070) <= 48  # binomial, five sigma is 19


def test_a_low_pass_takes_the_same_from_noisy_and_clean():
    share = {"low_pass_share": 1.0, "low_pass_hz": (4000.0, 4000.0)}
    for frequency, passes in ((3000.0, True), (5000.0, False)):
        noisy, clean = tone_mixer(frequency, noiseless_share=1.0, **share).pair(0, 0)
        assert np.array_equal(noisy, clean)
        spectrum = np.abs(np.fft.rfft(clean * np.hanning(16000)))
        assert (np.argmax(spectrum) == frequency) == passes


def test_noiseless_pairs_are_their_own_target():
    make = mixer(noiseless_share=0.5)
    same = sum(np.array_equal(*make.pair(0, index)) for index in range(60))
    assert 11 <= same <= 49  # binomial, five sigma is 19


def room_mixer(**changes):
    """One room: the talker's echo comes after 20 ms and 100 ms, the noise's after 50 ms."""
    talker, noise = np.zeros(2000, np.int16), np.zeros(2000, np.int16)
    talker[[40, 40 + 320, 40 + 1600]] = 16384, 8192, 4096
    noise[[40, 40 + 800]] = 16384, 8192
    room = SampleBank(np.concatenate([talker, noise]), np.array([0, 2000, 4000]))
    settings = {**PLAIN, "seconds": 1.0, "reverb_share": 1.0, **changes}
    source = bank(1, [90001])
    return Mixer(source, bank(2, [80000]), MixingConfig(**settings), rooms=room)


def test_a_room_adds_all_echoes_to_the_speech_and_early_ones_to_the_target():
    noisy, clean = room_mixer(noiseless_share=1.0).pair(0, 0)
    dry, _ = room_mixer(noiseless_share=1.0, reverb_share=0.0).pair(0, 0)

    def echoes(*delays):
        y = np.zeros(16000)
        for delay, gain in delays:
            y[delay:] += gain * dry[: 16000 - delay]
        return y

    early = echoes((40, 0.5), (360, 0.25))
    gain = np.dot(early, clean) / np.dot(early, early)
    assert np.abs(clean - gain * early).max() < 1e-6  # float32 of size below one
    late = echoes((40, 0.5), (360, 0.25), (1640, 0.125))
    assert np.abs(noisy - gain * late).max() < 1e-6


def test_noise_comes_from_its_own_place_at_the_asked_snr():
    noisy, _ = room_mixer(snr_db=(3.0, 3.0)).pair(0, 0)
    quiet, _ = room_mixer(snr_db=(60.0, 60.0)).pair(0, 0)  # all but speech alone
    # Scale the speech out: what is left is the noise with its one echo after 800 samples.
    noise = noisy - quiet * (np.dot(noisy, quiet) / np.dot(quiet, quiet))
    lag = np.fft.irfft(np.abs(np.fft.rfft(noise, 32768)) ** 2)
    assert np.argmax(lag[100:3000]) + 100 == 800
    speech = noisy - noise
    measured = 10 * np.log10(active_power(speech) / np.mean(noise.astype(np.float64) ** 2))
    assert measured == pytest.approx(3.0, abs=0.2)  # the two are not quite uncorrelated


def test_batches_of_ranks_are_parts_of_the_whole_batch():
    make = mixer()
    noisy, clean = make.batch(2, 5, 6)
    for rank in range(3):
        part = make.batch(2, 5, 6, rank, 3)
        assert np.array_equal(part[0], noisy[2 * rank : 2 * rank + 2])
        assert np.array_equal(part[1], clean[2 * rank : 2 * rank + 2])


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_do_not_depend_on_the_number_of_processes(workers):
    make = mixer(speed_share=0.5)
    got = list(batches(make, 2, 4, first=4, last=11, workers=workers, rank=1, ranks=2))
    assert len(got) == 7
    for step, (noisy, clean) in zip(range(4, 11), got, strict=True):
        want = make.batch(2, step, 4, 1, 2)
        assert np.array_equal(noisy, want[0]) and np.array_equal(clean, want[1])


def test_a_bank_on_disk_travels_as_a_file_name(tmp_path):
    bank(0, [4000, 37]).samples.tofile(tmp_path / "x")
    mapped = SampleBank(np.memmap(tmp_path / "x", np.int16, "r"), np.array([0, 4000, 4037]))
    packed = pickle.dumps(mapped.select(np.array([1])))
    assert len(packed) < 1500
    other = pickle.loads(packed)
    assert isinstance(other.samples, np.memmap) and len(other) == 1
    assert np.array_equal(other[0], mapped[1])


def test_a_killed_mixing_process_ends_the_batches_with_a_sentence():
    remaining = batches(Deadly(), 0, 2, first=0, last=50, workers=1)
    with pytest.raises(StateError, match="goes on from the last checkpoint"):
        list(remaining)


class Deadly:
    """A mixer whose process dies."""

    def batch(self, *arguments):
        os.kill(os.getpid(), signal.SIGKILL)


def test_closing_the_batches_ends_their_processes():
    remaining = batches(mixer(), 0, 2, first=0, last=10**6, workers=2)
    next(remaining)
    processes = multiprocessing.active_children()
    assert len(processes) == 2
    remaining.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize(
    ("draw", "expected"), [("recording", [1 / 3, 1 / 3, 1 / 3]), ("second", [0.1, 0.3, 0.6])]
)
def test_speech_is_drawn_by_recording_or_by_second(draw, expected):
    lengths = [16000, 48000, 96000]  # 1, 3 and 6 s
    make = Mixer(bank(0, lengths), bank(1, [90001]), MixingConfig(speech_draw=draw))
    rng = np.random.default_rng(0)
    drawn = np.bincount([make._recording_of_speech(rng) for _ in range(3000)], minlength=3)
    # A standard deviation of at most 0.01.
    assert drawn / 3000 == pytest.approx(expected, abs=0.04)


def test_a_speaker_is_drawn_by_the_root_of_their_speech():
    lengths = [16000, 96000, 64000, 40000]  # a says 1 + 6 + 2.5 s in three recordings, b 4 s in one
    make = Mixer(
        bank(0, lengths),
        bank(1, [90001]),
        MixingConfig(speech_draw="speaker"),
        speakers=["a", "a", "b", "a"],
    )
    rng = np.random.default_rng(0)
    drawn = np.bincount([make._recording_of_speech(rng) for _ in range(3000)], minlength=4) / 3000
    of_a = np.sqrt(9.5) / (np.sqrt(9.5) + 2.0)
    assert drawn[2] == pytest.approx(1 - of_a, abs=0.04)
    assert drawn[[0, 1, 3]] == pytest.approx(of_a * np.array([1, 6, 2.5]) / 9.5, abs=0.04)
