"""Loudness: against the standard's own filters and gates, and how a gain shows in it."""

import numpy as np
import pytest
from scipy.signal import lfilter

from wheesht.errors import ParameterError, SilentSignalError
from wheesht.metrics.lufs import lufs

# ITU-R BS.1770-4, tables 1 and 2: the K-weighting at 48 kHz.
SHELF = (
    [1.53512485958697, -2.69169618940638, 1.19839281085285],
    [1, -1.69065929318241, 0.73248077421585],
)
HIGH_PASS = [1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621]
# The package designs its filters for any rate from rounded corner frequencies.
DESIGN_LU = 0.1


def by_the_standard(x):
    """Equations 1 to 7 for one channel at 48 kHz."""
    y = lfilter(*HIGH_PASS, lfilter(*SHELF, x))
    power = np.array([np.mean(y[i : i + 19200] ** 2) for i in range(0, len(y) - 19199, 4800)])
    passed = power[-0.691 + 10 * np.log10(power) >= -70]
    gate = -0.691 + 10 * np.log10(passed.mean()) - 10
    return -0.691 + 10 * np.log10(passed[-0.691 + 10 * np.log10(passed) > gate].mean())


def tone(hz, seconds, rate, level=1.0):
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("case", ["noise", "bursts", "soft half", "low tone", "high tone"])
def test_it_is_what_the_standard_says(case):
    rng = np.random.default_rng(0)
    x = 0.1 * rng.standard_normal(4 * 48000)
    x = {
        "noise": x,
        "bursts": x * (np.sin(np.arange(x.size) / 9000) > 0.3),
        "soft half": x * np.where(np.arange(x.size) < 96000, 1, 10 ** (-15 / 20)),
        "low tone": tone(60, 4, 48000, 0.3),
        "high tone": tone(6000, 4, 48000, 0.3),
    }[case]
    assert lufs(None, x, 48000) == pytest.approx(by_the_standard(x), abs=DESIGN_LU)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_full_scale_sine_of_1_khz_has_minus_3(rate):
    # At 8 kHz the bilinear transform bends the shelf more.
    design = 2 * DESIGN_LU if rate == 8000 else DESIGN_LU
    assert lufs(None, tone(997, 3, rate), rate) == pytest.approx(-3.01, abs=design)


@pytest.mark.parametrize("db", [-20.0, 3.0, 6.0])
def test_a_gain_in_db_is_as_many_lu(db, sample):
    louder = sample[1] * np.float32(10 ** (db / 20))
    assert lufs(None, louder) == pytest.approx(lufs(None, sample[1]) + db, abs=1e-4)


def test_pauses_do_not_make_speech_softer(sample):
    with_pause = np.append(sample[0], np.zeros(80000, np.float32))
    assert lufs(None, with_pause) == pytest.approx(lufs(None, sample[0]), abs=0.1)


def test_polarity_is_not_heard(sample):
    assert lufs(None, -sample[1]) == lufs(None, sample[1])


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.399])
def test_less_than_a_block_is_taken_whole(seconds):
    x = tone(997, seconds, 16000, 0.1)
    assert lufs(None, x) == pytest.approx(-23.01, abs=0.2)  # the filters need time to settle
    assert lufs(None, 1e-4 * x) == pytest.approx(lufs(None, x) - 80, abs=1e-6)  # no gate


def test_the_block_ends_at_0_4_s():
    x = tone(997, 0.4, 16000, 0.1)
    assert lufs(None, x) == pytest.approx(lufs(None, x[:-1]), abs=0.05)
    with pytest.raises(SilentSignalError, match="gate of -70 LUFS"):
        lufs(None, 1e-4 * x)


def test_silence_has_no_loudness():
    with pytest.raises(SilentSignalError, match="enhanced is silent"):
        lufs(None, np.zeros(16000))


def test_unscaled_16_bit_values_are_refused(sample):
    with pytest.raises(ParameterError, match="needs full scale 1.0"):
        lufs(None, sample[1] * 32768)


def test_a_rate_too_low_for_the_weighting_is_refused(sample):
    with pytest.raises(ParameterError, match="got 4000 Hz, needs 8000 Hz or more"):
        lufs(None, sample[1], 4000)
