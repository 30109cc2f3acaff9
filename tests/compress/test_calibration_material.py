"""The signals of a quantisation: made for it, or excerpts of recordings."""

import numpy as np
import pytest
import soundfile

from wheesht.compress.material import duration, shortened, synthesised
from wheesht.compress.recordings import audio_files, fair_shares, recorded
from wheesht.errors import AudioFileError, ParameterError

RATE = 16000


@pytest.fixture(scope="module")
def made():
    return synthesised()


@pytest.fixture
def write(tmp_path):
    """Write a file whose samples rise from `first` on in steps of 1e-5; seconds may be many."""

    def make(name, seconds=1.0, rate=RATE, channels=1, first=0.0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp = first + 1e-6 * np.arange(round(seconds * rate))
        soundfile.write(path, np.stack([ramp] + [-ramp] * (channels - 1), 1), rate, "FLOAT")
        return path

    return make


def dbfs(x):
    return 10 * np.log10(np.mean(x.astype(np.float64) ** 2))


def test_signals_that_are_made_range_from_silence_and_quiet_to_clipped(made):
    *speech, silence = made.calibration
    levels = [dbfs(x) for x in speech]
    assert not silence.any()
    assert min(levels) == pytest.approx(-50.0, abs=0.1) and max(levels) > -7.0
    peaks = [np.max(np.abs(x)) for x in speech]
    assert max(peaks) == 1.0 and sum(peak == 1.0 for peak in peaks) < len(peaks) / 2
    assert all(x.dtype == np.float32 for x in (*made.calibration, *made.held_out))
    assert made.seconds == pytest.approx(25.0)
    assert made.origin == {"signals": "synthesised"}


def test_some_that_are_made_are_noisier_and_some_nearly_clean(made):
    """In the loudest tenth of their short frames against the quietest: pauses are noise."""
    ranges = []
    for x in made.calibration[:-1]:
        frames = np.sort(np.mean(x[: len(x) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
        tenth = len(frames) // 10
        ranges.append(10 * np.log10(np.mean(frames[-tenth:]) / np.mean(frames[:tenth])))
    assert min(ranges) < 10 and max(ranges) > 30


def test_what_errors_are_measured_on_was_not_heard_before(made):
    for kept in made.held_out:
        for heard in made.calibration[:-1]:
            n = min(len(kept), len(heard))
            likeness = np.abs(np.corrcoef(kept[:n], heard[:n])[0, 1])
            assert likeness < 0.5


def test_signals_that_are_made_are_always_the_same(made):
    for a, b in zip(made.calibration, synthesised().calibration, strict=True):
        assert np.array_equal(a, b)


def test_shortened_signals_are_equal_shares_of_the_beginnings():
    signals = (np.arange(32000.0), np.arange(16000.0))
    first, second = shortened(signals, 1.5)
    assert np.array_equal(first, signals[0][:16000])
    assert np.array_equal(second, signals[1][:8000])
    assert [len(x) for x in shortened(signals, 99.0)] == [32000, 16000]
    assert shortened((), 1.0) == ()


@pytest.mark.parametrize(
    "available, total, shares",
    [
        ([10, 100, 100], 90, [10, 40, 40]),
        ([100, 10, 100], 1000, [100, 10, 100]),
        ([7], 5, [5]),
        ([0, 9, 9], 10, [0, 5, 5]),
        ([], 9, []),
    ],
)
def test_shares_are_even_and_what_some_lack_goes_to_others(available, total, shares):
    assert fair_shares(available, total) == shares


def test_a_short_recording_is_used_whole_and_its_end_kept_for_the_errors(write):
    path = write("a.wav", seconds=3.0)
    material = recorded([path], minutes=2.0)
    whole, _ = soundfile.read(path, dtype="float32")
    (heard,), (kept,) = material.calibration, material.held_out
    assert np.array_equal(np.concatenate([heard, kept]), whole)
    assert len(kept) == round(0.1 * 3.0 * RATE)
    assert material.origin == {"signals": "recordings", "files": 1}


def test_of_a_long_recording_the_middle_is_used(write):
    path = write("a.wav", seconds=20.0)
    material = recorded([path], minutes=0.1)
    got = np.concatenate([*material.calibration, *material.held_out])
    whole, _ = soundfile.read(path, dtype="float32")
    assert np.array_equal(got, whole[7 * RATE : 13 * RATE])


def test_time_is_shared_out_over_files(write):
    paths = [write("long.wav", 30.0), write("short.wav", 2.0), write("other.wav", 30.0)]
    material = recorded(paths, minutes=0.2)
    total = duration((*material.calibration, *material.held_out))
    assert total == pytest.approx(12.0)
    assert [len(x) / RATE for x in material.calibration[:2]] == pytest.approx([5.0, 2.0])


def test_of_very_many_files_evenly_chosen_ones_are_used(write):
    for i in range(12):
        write(f"in/{i:02}.wav", 3.0, first=i / 20)
    material = recorded([write("in/00.wav", 3.0).parent], minutes=0.1)  # three of two seconds
    assert material.origin["files"] == 3
    assert [round(float(x[0]) * 20) for x in material.calibration] == [0, 4, 8]


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_other_rates_are_resampled_and_of_several_channels_the_first_is_used(write, rate):
    material = recorded([write("a.wav", 2.0, rate, channels=3)], minutes=1.0)
    got = np.concatenate([*material.calibration, *material.held_out])
    assert len(got) == 2 * RATE
    wanted = 1e-6 * np.arange(2 * RATE) * rate / RATE
    middle = slice(RATE // 2, -RATE // 2)
    assert np.max(np.abs(got - wanted)[middle]) < 1e-5


def test_of_several_excerpts_whole_halves_are_kept_from_the_last_on(write):
    paths = [write(f"{i}.wav", 2.0) for i in range(20)]
    material = recorded(paths, minutes=2.0)
    assert len(material.calibration) == 20 and len(material.held_out) == 4
    assert {len(x) for x in material.held_out} == {RATE}


def test_folders_are_searched_and_every_file_is_used_once(write):
    wanted = [write("in/a.wav"), write("in/deep/b.WAV"), write("c.flac.wav")]
    write("in/.hidden/d.wav")
    (wanted[0].parent / "notes.txt").write_text("no audio")
    assert audio_files([wanted[0].parent, wanted[2], wanted[0]]) == wanted


def test_a_folder_without_audio_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"calibrate: no audio files in .*; looked for \.wav"):
        recorded([tmp_path], minutes=1.0)


def test_a_file_that_is_no_audio_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(AudioFileError, match=r"a\.wav: cannot be read as audio"):
        recorded([tmp_path], minutes=1.0)
