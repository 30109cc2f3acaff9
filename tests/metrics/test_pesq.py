"""PESQ: what it ignores, and that no input ends the process."""

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError, SilentSignalError
from wheesht.metrics import pesq_nb, pesq_wb
from wheesht.metrics.utterances import count_utterances

RATE = 16000
BOTH = pytest.mark.parametrize("pesq", [pesq_wb, pesq_nb], ids=["wb", "nb"])


def bursts(seconds, on, off):
    """Noise that comes and goes: an utterance every ``on + off`` seconds."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.1 * np.random.default_rng(0).standard_normal(t.size)
    return (noise * (t % (on + off) < on)).astype(np.float32)


@BOTH
@pytest.mark.parametrize("gain", [0.01, -1.0, 7.0])
def test_the_level_of_either_signal_is_ignored(pesq, gain, sample):
    clean, noisy = sample
    # The program aligns levels in float32.
    assert pesq(clean, gain * noisy) == pytest.approx(pesq(clean, noisy), abs=1e-4)
    assert pesq(gain * clean, noisy) == pytest.approx(pesq(clean, noisy), abs=1e-4)


def test_it_aligns_a_delay_itself(sample):
    clean, noisy = sample
    late = np.roll(noisy, 320)
    assert pesq_wb(clean, late) == pytest.approx(pesq_wb(clean, noisy), abs=0.02)


def test_narrow_band_does_not_hear_what_is_above_4_khz(sample):
    clean, _ = sample
    spectrum = np.fft.rfft(clean)
    spectrum[np.fft.rfftfreq(clean.size, 1 / RATE) > 4200] = 0
    dull = np.fft.irfft(spectrum, clean.size)
    assert pesq_nb(clean, dull) > 4.5
    assert pesq_wb(clean, dull) < pesq_nb(clean, dull) - 0.1


@BOTH
def test_less_than_a_quarter_of_a_second_is_refused(pesq, sample):
    clean, noisy = sample
    with pytest.raises(ShapeError, match=r"got 0.249938 s, needs at least 0.25 s"):
        pesq(clean[-3999:], noisy[-3999:])


@BOTH
def test_a_clean_signal_without_an_utterance_is_refused(pesq, sample):
    clean, noisy = sample
    with pytest.raises(SilentSignalError, match=r"no utterance of 0.2 s found in clean"):
        pesq(clean[16000:20000], noisy[16000:20000])


def test_what_the_program_gives_up_on_is_an_error(sample, monkeypatch):
    import pesq as package

    def gives_nan(*arguments):
        raise ValueError("cannot convert float NaN to integer")

    monkeypatch.setattr(package, "pesq", gives_nan)
    with pytest.raises(ParameterError, match="reference program gave up .cannot convert float NaN"):
        pesq_wb(*sample)
    monkeypatch.setattr(package, "pesq", lambda *a: (_ for _ in ()).throw(package.PesqError("odd")))
    with pytest.raises(ParameterError, match="reference program gave up .odd"):
        pesq_wb(*sample)


@BOTH
@pytest.mark.parametrize(
    ("seconds", "on", "off"), [(24, 0.25, 0.22), (40, 0.25, 0.25), (89, 0.3, 0.7)]
)
def test_more_utterances_than_the_program_holds_are_refused(pesq, seconds, on, off):
    x = bursts(seconds, on, off)
    with pytest.raises(ShapeError, match=rf"about \d+ utterances in {seconds} s, needs at most 40"):
        pesq(x, x)


def test_more_seconds_than_the_program_is_safe_with_are_refused(sample):
    x = np.tile(sample[0], 10)
    with pytest.raises(ShapeError, match="got 100 s, needs at most 90 s; .* cut the recording"):
        pesq_wb(x, x)


@pytest.mark.parametrize("seconds", [20, 40, 60])
def test_speech_of_a_usual_length_is_not(seconds, sample):
    clean, _ = (np.tile(x, seconds // 10) for x in sample)
    assert pesq_wb(clean, clean) == pytest.approx(4.6439, abs=1e-3)


def fading(seconds, seed):
    """Noise whose level jumps within 40 dB every quarter of a second."""
    rng = np.random.default_rng(seed)
    count = seconds * RATE
    level_db = np.repeat(rng.uniform(-40, 0, 4 * seconds + 1), RATE // 4)[:count]
    return (0.1 * 10 ** (level_db / 20) * rng.standard_normal(count)).astype(np.float32)


# Counted by the reference program itself, built with a line that prints its number.
@pytest.mark.parametrize(
    ("seconds", "on", "off", "count"),
    [(20, 0.25, 0.25, 40), (20, 0.25, 0.22, 43), (20, 0.2, 0.21, 48), (30, 0.25, 0.5, 40)],
)
def test_utterances_are_counted_as_the_program_counts_them(seconds, on, off, count):
    assert count_utterances(bursts(seconds, on, off)) == pytest.approx(count, abs=1)


@pytest.mark.parametrize(("seconds", "seed", "count"), [(20, 0, 20), (40, 0, 38), (30, 1, 28)])
def test_utterances_of_many_levels_are_counted_as_the_program_counts_them(seconds, seed, count):
    assert count_utterances(fading(seconds, seed)) == pytest.approx(count, abs=1)


@pytest.mark.parametrize(
    ("off", "count"), [(0.1, 1), (0.19, 1), (0.23, 5)], ids=["short", "just short", "long"]
)
def test_only_pauses_of_a_fifth_of_a_second_part_utterances(off, count):
    period = 0.5 + off
    x = np.concatenate([np.zeros(RATE, np.float32), bursts(5 * period, 0.5, off)])
    assert count_utterances(np.append(x, np.zeros(RATE, np.float32))) == count


@pytest.mark.parametrize(("on", "count"), [(0.1, 0), (0.25, 4)])
def test_shorter_bursts_than_a_fifth_of_a_second_are_no_utterances(on, count):
    assert count_utterances(np.append(np.zeros(800), bursts(4, on, 1 - on))) == count


def test_a_constant_has_no_utterances_and_raises_no_warning():
    assert count_utterances(np.ones(RATE)) == 0


def test_the_sample_has_as_many_utterances_as_the_program_finds(sample):
    assert count_utterances(sample[0]) == pytest.approx(5, abs=1)
