"""Spectrograms and embedded audio: what is drawn and heard is the signal."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from wheesht.report.charts.spectrograms import COLUMNS, LEVELS, flac_uri, image, level_db

RATE = 16000


def sine(frequency, amplitude=1.0, seconds=1.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def picture(svg):
    data = re.search(r"data:image/png;base64,([^\"]+)", svg)[1]
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("frequency", [1000, 4000])
@pytest.mark.parametrize("amplitude, level", [(1.0, 0.0), (0.1, -20.0)])
def test_a_sine_has_its_level_at_its_frequency(frequency, amplitude, level):
    levels = level_db(sine(frequency, amplitude))[3:-3]
    peak = levels.argmax(axis=1)
    assert set(peak) == {round(frequency / RATE * 512)}
    assert levels.max(axis=1) == pytest.approx(level, abs=0.1)


def test_silence_has_a_level():
    assert np.all(level_db(np.zeros(RATE)) == -200.0)


def test_low_frequencies_are_at_the_bottom_and_time_runs_to_the_right():
    x = np.concatenate([np.zeros(RATE), sine(500)])
    indices = np.asarray(picture(image(level_db(x), 0.0, 2.0)))
    height, width = indices.shape
    before, after = indices[:, : width // 2 - 2], indices[:, width // 2 + 2 : -2]
    assert before.max() == 0
    assert set(after.argmax(axis=0)) == {height - 1 - round(500 / 8000 * (height - 1))}
    assert after.max() == LEVELS - 1


def test_one_colour_is_one_level_whatever_the_signal():
    loud, soft = (np.asarray(picture(image(level_db(sine(2000, a)), 0.0, 1.0))) for a in (1, 0.01))
    steps = int(loud.max()) - int(soft.max())
    assert abs(steps - 40 / 80 * (LEVELS - 1)) <= 1  # each is rounded


def test_long_signals_are_merged_and_keep_their_peaks():
    click = np.zeros(60 * RATE)
    click[30 * RATE] = 1.0
    whole = np.asarray(picture(image(level_db(click), -40.0, 60.0)))
    piece = np.asarray(picture(image(level_db(click[28 * RATE : 31 * RATE]), -40.0, 3.0)))
    assert piece.shape[1] < whole.shape[1] <= COLUMNS
    assert whole.max() == piece.max() > LEVELS / 2


def test_the_axes_hold_seconds_and_kilohertz():
    texts = re.findall(r">([\d.]+)</text>", image(level_db(sine(100, seconds=2.5)), 0.0, 2.5))
    assert texts == ["0", "2", "4", "6", "8", "0", "0.5", "1", "1.5", "2", "2.5"]


def test_sound_is_the_signal_to_16_bits():
    x = np.clip(0.8 * sine(440) + 0.1 * sine(3000), -1, 1).astype(np.float32)
    head, data = flac_uri(x).split(",")
    assert head == "data:audio/flac;base64"
    found, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert rate == RATE and np.abs(found - x).max() <= 1 / 32768


def test_sound_above_full_scale_is_cut():
    _, data = flac_uri(2 * sine(440)).split(",")
    found, _ = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert 0.9999 < found.max() <= 1.0 and found.min() == -1.0
