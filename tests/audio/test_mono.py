"""Whole files as one channel at one rate."""

import numpy as np
import pytest
import soundfile

from wheesht.audio.mono import read_mono, samples_at
from wheesht.errors import AudioFileError

# A sine of 1 kHz after resampling: the filter's pass band is flat to this, ends left out.
RESAMPLING = 1e-4


def sine(rate, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(rate * seconds)) / rate)).astype("f4")


def test_16_bit_samples_at_the_wanted_rate_are_exact(tmp_path):
    x = np.array([0, 1, -32768, 32767, -5], np.int16)
    soundfile.write(tmp_path / "x.flac", x, 16000)
    y = read_mono(tmp_path / "x.flac", 16000)
    assert y.dtype == np.float32 and np.array_equal(y * 32768, x)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_another_rate_is_resampled_in_time(tmp_path, rate, extension):
    path = tmp_path / f"x.{extension}"
    soundfile.write(path, sine(rate), rate, "PCM_24")
    y = read_mono(path, 16000)
    assert y.dtype == np.float32
    assert len(y) == samples_at(path, 16000) == 8000
    assert np.abs(y - sine(16000))[500:-500].max() < RESAMPLING


def test_several_channels_are_refused(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((99, 3)), 16000)
    with pytest.raises(AudioFileError, match=r"x.wav: has 3 channels, needs one"):
        read_mono(tmp_path / "x.wav", 16000)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    whole, part = tmp_path / "whole.flac", tmp_path / "part.flac"
    soundfile.write(whole, np.random.default_rng(0).uniform(-1, 1, 40000), 16000)
    part.write_bytes(whole.read_bytes()[:40000])
    with pytest.raises(AudioFileError, match=r"part.flac: is cut off or damaged"):
        read_mono(part, 16000)


@pytest.mark.parametrize("content", [None, b"", b"no audio"])
def test_what_is_no_audio_is_refused_and_has_no_length(tmp_path, content):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"x\.wav"):
        read_mono(path, 16000)
    assert samples_at(path, 16000) == 0
