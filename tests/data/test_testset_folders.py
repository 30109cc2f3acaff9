"""Layouts of folders: recognised, matched, and refused when files are missing."""

import numpy as np
import pytest
import soundfile

from wheesht.data.clip_set import read_clip_set
from wheesht.data.testset_folders import clips_of_folder, layout_of
from wheesht.errors import CorpusError, ParameterError


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(50, 0.25), 16000)
    return folder


def names(clips):
    return [clip.name for clip in clips]


def test_pairs_are_matched_by_name_whatever_their_container(tmp_path):
    write(tmp_path, "noisy/b.wav", "noisy/a.wav", "clean/b.flac", "clean/a.wav", "clean/c.wav")
    (tmp_path / "noisy" / "README.txt").write_text("not audio")
    (tmp_path / "noisy" / ".hidden.wav").write_bytes(b"")
    clips = clips_of_folder(tmp_path)
    assert layout_of(tmp_path) == "pairs"
    assert names(clips) == ["a", "b"]
    assert clips[1].source.clean.name == "b.flac"
    assert clips[0].snr_db is None and clips[0].has_clean


def test_a_noisy_file_without_its_clean_one_is_refused(tmp_path):
    write(tmp_path, "noisy/a.wav", "noisy/b.wav", "clean/a.wav")
    with pytest.raises(CorpusError, match=r"noisy/b.wav: no clean file of that name"):
        clips_of_folder(tmp_path)


def test_voicebank_demand_is_recognised_and_its_log_read(tmp_path):
    for name in ("p257_002", "p232_001"):
        write(tmp_path, f"noisy_testset_wav/{name}.wav", f"clean_testset_wav/{name}.wav")
    (tmp_path / "log_testset.txt").write_text("p232_001 bus 2.5\n\n")
    found = read_clip_set(tmp_path)
    assert found.kind == "voicebank"
    first, second = found.clips
    assert (first.name, first.snr_db, first.noise_kind, first.speaker) == (
        "p232_001",
        2.5,
        "bus",
        "p232",
    )
    assert (second.name, second.snr_db, second.noise_kind, second.speaker) == (
        "p257_002",
        None,
        "",
        "p257",
    )


def test_a_voicebank_log_that_cannot_be_read_is_refused(tmp_path):
    write(tmp_path, "noisy_testset_wav/p232_001.wav", "clean_testset_wav/p232_001.wav")
    (tmp_path / "log_testset.txt").write_text("p232_001 bus loud\n")
    with pytest.raises(CorpusError, match="log_testset.txt: cannot be read"):
        clips_of_folder(tmp_path)


def test_dns_files_are_matched_by_their_id(tmp_path):
    write(
        tmp_path,
        "noisy/clnsp1_train_69005_1_snr15_tl-21_fileid_158.wav",
        "noisy/clnsp9_abc_snr-5_tl-30_fileid_15.wav",
        "noisy/clnsp2_fileid_8.wav",
        "clean/clean_fileid_158.wav",
        "clean/clean_fileid_15.wav",
        "clean/clean_fileid_8.wav",
    )
    found = read_clip_set(tmp_path)
    assert found.kind == "dns"
    assert [(c.source.clean.name, c.snr_db) for c in found.clips] == [
        ("clean_fileid_158.wav", 15),
        ("clean_fileid_8.wav", None),
        ("clean_fileid_15.wav", -5),
    ]


def test_a_dns_file_without_its_clean_one_is_refused(tmp_path):
    write(tmp_path, "noisy/x_snr5_tl-1_fileid_1.wav", "clean/clean_fileid_11.wav")
    with pytest.raises(CorpusError, match="no clean file with its fileid"):
        clips_of_folder(tmp_path)


def test_a_folder_of_files_is_a_set_without_clean_signals(tmp_path):
    found = read_clip_set(write(tmp_path, "b.wav", "a.flac"))
    assert (found.kind, found.has_clean, names(found.clips)) == ("noisy", False, ["a", "b"])
    noisy, clean = found.clips[0].samples()
    assert len(noisy) == 50 and clean is None


def test_a_layout_can_be_forced(tmp_path):
    write(tmp_path, "noisy/a.wav", "clean/a.wav")
    assert names(clips_of_folder(tmp_path / "noisy", "noisy")) == ["a"]
    with pytest.raises(CorpusError, match="clean_testset_wav: no such folder"):
        clips_of_folder(tmp_path, "voicebank")
    with pytest.raises(CorpusError, match="no clean file with its fileid"):
        clips_of_folder(tmp_path, "dns")
    with pytest.raises(ParameterError, match="layout: got 'dsn', needs one of pairs"):
        clips_of_folder(tmp_path, "dsn")


@pytest.mark.parametrize("inside", [[], ["noisy"], ["clean"]])
def test_a_folder_without_a_layout_is_refused(tmp_path, inside):
    for name in inside:
        write(tmp_path, f"{name}/a.wav")
    with pytest.raises(CorpusError, match="needs noisy and clean"):
        clips_of_folder(tmp_path)


def test_folders_without_audio_are_refused(tmp_path):
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
    with pytest.raises(CorpusError, match="holds no audio files"):
        clips_of_folder(tmp_path)


def test_two_files_that_differ_in_their_extension_only_are_refused(tmp_path):
    write(tmp_path, "a.wav", "a.flac")
    with pytest.raises(CorpusError, match="a.wav: a.flac has the same name"):
        clips_of_folder(tmp_path)


def test_clean_recordings_are_their_own_input(tmp_path):
    write(tmp_path, "b.wav", "a.flac")
    found = read_clip_set(tmp_path, layout="clean")
    assert (found.kind, found.has_clean, names(found.clips)) == ("clean", True, ["a", "b"])
    noisy, clean = found.clips[1].samples()
    assert len(clean) == 50 and np.array_equal(noisy, clean)
