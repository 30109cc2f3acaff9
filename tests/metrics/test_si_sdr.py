"""SI-SDR and SI-SNR: what they ignore, what they do not, and their limits."""

import numpy as np
import pytest

from wheesht.errors import SilentSignalError
from wheesht.metrics import METRICS, si_sdr, si_snr

BOTH = pytest.mark.parametrize("ratio", [si_sdr, si_snr], ids=["si_sdr", "si_snr"])


@BOTH
@pytest.mark.parametrize("gain", [-0.01, 0.37, 30.0, 1e5])
def test_the_scale_of_either_signal_is_ignored(ratio, gain, speech, noisy):
    # float32 audio; the gain rounds every sample once more.
    assert ratio(speech, noisy * gain) == pytest.approx(ratio(speech, noisy), abs=1e-4)
    assert ratio(speech * gain, noisy) == pytest.approx(ratio(speech, noisy), abs=1e-4)


@pytest.mark.parametrize("offset", [0.02, -0.25])
def test_only_si_snr_ignores_an_offset(offset, speech, noisy):
    assert si_snr(speech, noisy + offset) == pytest.approx(si_snr(speech, noisy), abs=1e-3)
    assert si_snr(speech + offset, noisy) == pytest.approx(si_snr(speech, noisy), abs=1e-3)
    assert si_sdr(speech, noisy + offset) < si_sdr(speech, noisy) - 0.1


@pytest.mark.parametrize("offset_db", [-30.0, 0.0, 12.0])
def test_to_si_sdr_an_offset_is_distortion_of_its_power(offset_db):
    s = np.sin(2 * np.pi * 10 * np.arange(1000) / 1000)  # mean 0, power 1/2
    offset = np.sqrt(0.5) * 10 ** (offset_db / 20)
    assert si_sdr(s, s + offset) == pytest.approx(-offset_db, abs=1e-9)


@BOTH
@pytest.mark.parametrize("db", [-20.0, 0.0, 37.0])
def test_orthogonal_noise_gives_the_power_ratio(ratio, db):
    t = np.arange(1000)
    s, n = np.sin(2 * np.pi * 10 * t / 1000), np.cos(2 * np.pi * 10 * t / 1000)
    assert ratio(s, s + n * 10 ** (-db / 20)) == pytest.approx(db, abs=1e-9)


@BOTH
def test_silence_gets_the_lower_limit_and_a_copy_the_upper_one(ratio, speech):
    assert ratio(speech, np.zeros_like(speech)) == -100.0
    assert ratio(speech, 1e-12 * speech) == -100.0
    assert ratio(speech, -speech) == 100.0


def test_an_orthogonal_signal_gets_the_lower_limit():
    assert si_sdr(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == -100.0


def test_a_constant_clean_signal_has_no_si_snr(speech):
    with pytest.raises(SilentSignalError, match="clean is constant"):
        si_snr(np.full(len(speech), 0.3, np.float32), speech)
    assert np.isfinite(si_sdr(np.full(len(speech), 0.3), speech))


def test_without_offsets_they_are_the_same(speech, noisy):
    s, e = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (speech, noisy))
    assert si_sdr(s, e) == pytest.approx(si_snr(s, e), abs=1e-9)


@pytest.mark.parametrize("name", ["si_sdr", "si_snr"])
def test_any_rate_will_do(name, speech, noisy):
    assert METRICS[name](speech, noisy, 44100) == METRICS[name](speech, noisy, 16000)
