"""The dial that follows the signal: its mean, its range, its independence of the chunks."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from wheesht.audio.mono import read_mono
from wheesht.engine import _ext
from wheesht.engine.stream import Stream
from wheesht.errors import ParameterError
from wheesht.spec.model_spec import DIALS

MOVING = DIALS[1:]
MEAN_TOLERANCE = 1.0  # points of P over 10 s; measured at most 0.66 on the validation clips


def positions(x, **settings):
    with Stream(**settings) as stream:
        stream.process(x)
        return stream.dial_positions()[0]


def speech_files():
    data = os.environ.get("WHEESHT_DATA")
    if data is None:
        pytest.skip("needs the corpus: set WHEESHT_DATA to its folder")
    return sorted((Path(data) / "speech" / "valid").glob("*.flac"))[:3]


@pytest.mark.parametrize("dial", MOVING)
@pytest.mark.parametrize("percent", [35, 50, 90])
def test_the_mean_is_the_target_over_10_s_of_speech(dial, percent):
    for path in speech_files():
        speech = np.resize(read_mono(path, 16000), 160000)
        moved = positions(speech, update_percent=percent, dial=dial)
        assert abs(moved.mean() - percent) <= MEAN_TOLERANCE
        assert moved.std() > 1.0


@pytest.mark.parametrize("dial", MOVING)
def test_the_mean_is_the_target_over_10_s_of_noise_and_of_silence(dial):
    noise = np.random.default_rng(0).standard_normal(160000) * np.repeat([0.001, 0.1], 80000)
    assert abs(positions(noise, update_percent=40, dial=dial).mean() - 40) <= MEAN_TOLERANCE
    silence = positions(np.zeros(160000), update_percent=40, dial=dial)
    assert abs(silence.mean() - 40) <= MEAN_TOLERANCE
    assert np.abs(silence[-100:] - 40).max() <= MEAN_TOLERANCE


@pytest.mark.parametrize("dial", DIALS)
@pytest.mark.parametrize("rate, channels", [(16000, 2), (48000, 1)])
def test_chunks_change_neither_samples_nor_positions(small_bundle, noise, dial, rate, channels):
    x = noise(1.0, rate, channels)
    results = []
    for sizes in ([rate], [1, 700, 0, 333], [rate // 100]):
        stream, start, parts = Stream(small_bundle, rate, channels, 50, dial=dial), 0, []
        for size in itertools.cycle(sizes):
            parts.append(stream.process(x[:, start : start + size]))
            start += size
            if start >= rate:
                break
        parts.append(stream.flush())
        results.append((np.concatenate(parts, axis=1), stream.dial_positions()))
    for other in results[1:]:
        assert np.array_equal(results[0][0], other[0])
        assert np.array_equal(results[0][1], other[1])


def test_every_channel_has_a_dial_of_its_own(small_bundle, noise):
    x = noise(1.0, channels=2)
    with Stream(small_bundle, channels=2, dial="flux") as stream:
        stream.process(x)
        both = stream.dial_positions()
    for channel in (0, 1):
        alone = positions(x[channel], model=small_bundle, dial="flux")
        assert np.array_equal(both[channel], alone)
    assert not np.array_equal(*both)


def test_stats_are_those_of_the_positions(small_bundle, noise):
    stream = Stream(small_bundle, channels=2, update_percent=30, dial="level")
    stream.process(noise(1.0, channels=2))
    moved, stats = stream.dial_positions(), stream.stats()
    assert moved.shape == (2, 100)
    assert stats["update_percent_mean"] == pytest.approx(moved.mean())
    assert stats["update_percent_min"] == moved.min() < moved.max() == stats["update_percent_max"]
    assert stats["update_percent_last"] == pytest.approx(moved[:, -1].mean())
    units = sum(max(1, int(p * hidden / 100 + 0.5)) for p in moved.ravel() for hidden in (21, 33))
    assert stats["update_fraction"] == pytest.approx(units / (200 * 54))


def test_reset_and_clone_carry_the_dial_along(small_bundle, noise):
    x = noise(1.0)[0]
    stream = Stream(small_bundle, dial="flux")
    first = stream.process(x)
    moved, twin = stream.dial_positions(), stream.clone()
    assert np.array_equal(twin.dial_positions(), moved)
    assert np.array_equal(twin.process(x), stream.process(x))
    assert np.array_equal(twin.dial_positions(), stream.dial_positions())
    stream.reset()
    assert stream.dial_positions().shape == (1, 0)
    assert np.array_equal(stream.process(x), first)
    assert np.array_equal(stream.dial_positions(), moved)


@pytest.mark.parametrize("n_fft, hops", [(320, 6000), (512, 3750)])
def test_the_record_of_positions_keeps_the_last_minute(make_bundle, n_fft, hops):
    bundle = make_bundle(hidden=(5, 7), n_fft=n_fft)
    stream = Stream(bundle, update_percent=30)
    stream.process(np.zeros(16000))
    stream.update_percent = 60
    stream.process(np.zeros(60 * 16000 - n_fft))
    assert 30 in stream.dial_positions()[0]
    stream.process(np.zeros(2 * n_fft))
    assert stream.dial_positions().shape == (1, hops)
    assert set(stream.dial_positions()[0]) == {60}
    assert stream.stats()["update_percent_min"] == 30


@pytest.mark.parametrize("isa", _ext.isa_names())
@pytest.mark.parametrize("dial", MOVING)
def test_instruction_sets_agree_bit_for_bit(small_bundle, noise, dial, isa):
    x = noise(1.0)[0]
    with Stream(small_bundle, dial=dial, isa=isa) as one, Stream(small_bundle, dial=dial) as two:
        assert np.array_equal(one.process(x), two.process(x))
        assert np.array_equal(one.dial_positions(), two.dial_positions())


@pytest.mark.parametrize("dial", ["", "top_a", None, 1])
def test_an_unknown_dial_is_refused(small_bundle, dial):
    with pytest.raises(ParameterError, match="fixed, level, flux"):
        Stream(small_bundle, dial=dial)


def test_a_model_whose_dial_cannot_be_turned_is_refused(make_bundle):
    with pytest.raises(ParameterError, match="stands at 100 percent"):
        Stream(make_bundle(hidden=(5, 7), gate="none"), dial="level")
