"""Files of other systems: found by name, checked for length and lag before work starts."""

import numpy as np
import pytest
import soundfile

from wheesht.data.clip_set import read_clip_set
from wheesht.errors import AudioFileError, CorpusError, ParameterError, ShapeError
from wheesht.evaluation.systems.folders import EnhancedFolder, enhanced_folders, fitted

RATE = 16000


@pytest.fixture
def rival(tmp_path, pairs):
    """Make a folder of outputs: late by some samples, longer by others, in any format."""

    def make(lag=0, longer=0, rate=RATE, extension="wav", folder="rival"):
        target = tmp_path / folder
        target.mkdir(parents=True)
        for path in sorted((pairs / "noisy").iterdir()):
            x, _ = soundfile.read(path)
            x = np.concatenate([np.zeros(lag), x])[: len(x) + longer] if lag else x
            x = np.pad(x, (0, max(0, 16000 + longer - len(x))))[: 16000 + longer]
            x = np.repeat(x, rate // RATE)
            soundfile.write(target / f"{path.stem}.{extension}", 0.5 * x, rate)
        return EnhancedFolder("rival", target)

    return make


def looked_at(folder, pairs, align=False):
    return fitted(folder, [read_clip_set(pairs)], align)


def clip_and_file(folder, pairs, name="c1"):
    clips = read_clip_set(pairs)
    clip = next(clip for clip in clips.clips if clip.name == name)
    return clip.samples(), folder.files_for(clips.name, clips.clips)[name]


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg"])
def test_files_are_matched_by_name_whatever_their_container(rival, pairs, extension):
    folder = rival(extension=extension)
    (noisy, _), file = clip_and_file(folder, pairs)
    assert np.corrcoef(file.enhance(noisy).samples, noisy)[0, 1] > 0.95
    assert looked_at(folder, pairs)[1] == []


def test_files_of_another_rate_are_resampled(rival, pairs):
    folder = rival(rate=48000)
    (noisy, _), file = clip_and_file(folder, pairs)
    assert len(file.enhance(noisy).samples) == len(noisy)
    assert looked_at(folder, pairs)[1] == []


def test_a_folder_of_the_test_sets_name_goes_first(rival, pairs, tmp_path):
    rival(folder="rival/set")
    folder = EnhancedFolder("rival", tmp_path / "rival")
    assert folder.folder_for("set") == tmp_path / "rival" / "set"
    assert folder.folder_for("other") == tmp_path / "rival"
    (noisy, _), file = clip_and_file(folder, pairs)
    assert len(file.enhance(noisy).samples) == len(noisy)


@pytest.mark.parametrize("lag", [160, 37])
def test_a_constant_lag_is_told_and_removed_when_asked(rival, pairs, lag):
    folder = rival(lag=lag)
    same, warnings = looked_at(folder, pairs)
    ms = f"{lag / 16:.1f}"
    assert same == folder
    assert warnings == [
        f"rival on set: {lag} samples ({ms} ms) late, which lowers its scores; --align removes it"
    ]
    aligned, warnings = looked_at(folder, pairs, align=True)
    assert aligned.lags == {"set": lag}
    assert warnings == [f"rival on set: {lag} samples ({ms} ms) late, which is removed"]
    (noisy, _), file = clip_and_file(aligned, pairs)
    moved = file.enhance(noisy).samples
    # Written as 16 bit at half the level.
    assert np.abs(moved - 0.5 * noisy)[:-lag].max() < 1e-4
    assert not moved[-lag:].any()


def test_a_lag_that_only_some_files_have_is_not_removed(rival, pairs):
    folder = rival(lag=300)
    for i, path in enumerate(sorted(folder.path.iterdir())):
        x, _ = soundfile.read(path)
        soundfile.write(path, np.roll(x, 40 * i), RATE)
    assert looked_at(folder, pairs, align=True) == (folder, [])


@pytest.mark.parametrize(("longer", "span"), [(40, r"\+40 samples"), (-160, "-160 samples")])
def test_another_length_is_told(rival, pairs, longer, span):
    folder = rival(longer=longer)
    (warning,) = looked_at(folder, pairs)[1]
    assert f"5 of 5 files are not as long as their clip ({span.replace(chr(92), '')})" in warning
    (noisy, _), file = clip_and_file(folder, pairs)
    assert len(file.enhance(noisy).samples) == len(noisy)


def test_much_too_short_is_that_files_error(rival, pairs):
    folder = rival(longer=-600)
    (noisy, _), file = clip_and_file(folder, pairs)
    with pytest.raises(ShapeError, match=r"c1.wav: 15400 samples at 16000 Hz, its clip 16000"):
        file.enhance(noisy)


def test_missing_files_are_told_and_each_is_an_error(rival, pairs):
    folder = rival()
    (folder.path / "c1.wav").unlink()
    assert looked_at(folder, pairs)[1] == ["rival on set: 1 of 5 files are missing"]
    (noisy, _), file = clip_and_file(folder, pairs)
    with pytest.raises(CorpusError, match="rival: holds no file of this clip's name"):
        file.enhance(noisy)


def test_a_file_that_cannot_be_read_is_left_to_the_scoring(rival, pairs):
    folder = rival()
    (folder.path / "c1.wav").write_bytes(b"no audio")
    assert looked_at(folder, pairs) == (folder, [])
    (noisy, _), file = clip_and_file(folder, pairs)
    with pytest.raises(AudioFileError, match="c1.wav"):
        file.enhance(noisy)


def test_a_folder_for_other_clips_is_refused(rival, pairs):
    folder = rival()
    for path in folder.path.iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(CorpusError, match="no file named like a clip of set, such as c0.wav"):
        looked_at(folder, pairs)


def test_folders_need_a_name_of_their_own(tmp_path):
    (tmp_path / "x").mkdir()
    path = tmp_path / "x"
    assert enhanced_folders([f"a={path}"]) == [EnhancedFolder("a", path)]
    for texts, message in (
        ([str(path)], "needs NAME=DIR"),
        ([f"noisy={path}"], "the name 'noisy' is taken"),
        ([f"a={path}", f"a={path}"], "the name 'a' is taken"),
    ):
        with pytest.raises(ParameterError, match=message):
            enhanced_folders(texts)
    with pytest.raises(CorpusError, match="no such folder"):
        enhanced_folders([f"a={path}/gone"])
