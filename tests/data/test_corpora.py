"""Corpus layouts and the bank of decoded recordings."""

import numpy as np
import pytest
import soundfile

from wheesht.data.bank import cache_folder, decode, open_bank
from wheesht.data.corpora import LAYOUTS, dns_corpus, folders_corpus, speaker_of, split_corpus
from wheesht.errors import CorpusError


def record(path, rate=16000, channels=1, n=400, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(abs(hash(path.name)) % 1000)
    soundfile.write(path, rng.uniform(-0.5, 0.5, (n, channels)), rate, subtype=subtype)
    return path


def fill(root, folders, files=5):
    for folder in folders:
        for i in range(files):
            record(root / folder / f"deep/{i}.wav")


def every(corpus):
    lists = (corpus.speech_train, corpus.speech_valid, corpus.noise_train, corpus.noise_valid)
    return [path for part in lists for path in part]


def test_folders_layout_holds_out_files_and_uses_each_once(tmp_path):
    fill(tmp_path, ["clean", "noise"], files=100)
    corpus = folders_corpus(tmp_path)
    assert len(every(corpus)) == len(set(every(corpus))) == 200
    assert 1 <= len(corpus.speech_valid) <= 12  # binomial around 5


def test_files_stay_in_their_part_when_the_folder_grows(tmp_path):
    fill(tmp_path, ["clean", "noise"], files=100)
    before = folders_corpus(tmp_path)
    for i in range(400):
        (tmp_path / "clean" / f"new{i}.wav").touch()
    after = folders_corpus(tmp_path)
    assert set(before.speech_valid) <= set(after.speech_valid)
    assert set(before.speech_train) <= set(after.speech_train)


def test_two_files_make_one_of_each_part(tmp_path):
    fill(tmp_path, ["clean", "noise"], files=2)
    corpus = folders_corpus(tmp_path)
    assert len(corpus.speech_valid) == len(corpus.speech_train) == 1


@pytest.mark.parametrize(
    "names", [("datasets/clean", "datasets/noise"), ("clean_fullband", "noise_fullband")]
)
def test_dns_layout_finds_both_generations(tmp_path, names):
    fill(tmp_path, names)
    assert len(every(dns_corpus(tmp_path))) == 10


def test_split_layout_leaves_the_test_folder_unread(tmp_path):
    for kind in ("speech", "noise"):
        fill(tmp_path, [f"{kind}/{part}" for part in ("train", "valid", "test")])
    corpus = split_corpus(tmp_path)
    assert len(every(corpus)) == 20 and not [p for p in every(corpus) if "test" in p.parts[-3:-1]]


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_an_empty_folder_is_no_corpus(layout, tmp_path):
    with pytest.raises(CorpusError, match="no such folder|not a DNS Challenge folder"):
        LAYOUTS[layout](tmp_path)


def test_a_folder_without_audio_is_named(tmp_path):
    (tmp_path / "clean").mkdir()
    with pytest.raises(CorpusError, match="no audio file in it"):
        folders_corpus(tmp_path)


def test_a_single_file_cannot_be_split(tmp_path):
    fill(tmp_path, ["clean", "noise"], files=1)
    with pytest.raises(CorpusError, match="one file only"):
        folders_corpus(tmp_path)


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (8000, 2), (44100, 1), (48000, 3)])
def test_decoding_converts_rate_and_channels(tmp_path, rate, channels):
    t = np.arange(rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    soundfile.write(tmp_path / "a.wav", np.tile(tone[:, None], (1, channels)), rate)
    got = decode(tmp_path / "a.wav", 16000)
    want = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert got.dtype == np.int16 and len(got) == 16000
    # Away from the edges, where the resampler has no neighbours: 16-bit steps and 0.1 dB.
    assert np.abs(got[500:-500] / 32768 - want[500:-500]).max() < 0.006


def test_bank_returns_each_recording_and_survives_a_bad_file(tmp_path, caplog):
    good = [record(tmp_path / "a.wav", n=37), record(tmp_path / "b.wav", n=1)]
    bad = tmp_path / "c.wav"
    bad.write_bytes(b"RIFFnothing")
    bank = open_bank([good[0], bad, good[1]], 16000, tmp_path / "cache")
    assert [len(bank[i]) for i in range(len(bank))] == [37, 1] and bank.total_samples == 38
    want, _ = soundfile.read(good[0], dtype="float32")
    assert np.array_equal(bank[0], want) and "c.wav" in caplog.text


def test_bank_is_decoded_once_and_again_after_a_change(tmp_path):
    path = record(tmp_path / "a.wav", n=50)
    seen = []

    def watch(files, label):
        seen.append(len(files))
        return files

    for n in (50, 50, 60):
        record(path, n=n) if n != 50 else None
        assert open_bank([path], 16000, tmp_path / "cache", watch).total_samples == n
    assert seen == [1, 1]


@pytest.mark.parametrize(
    ("ending", "kept"), [(".npz", 100), (".npz", 0), (".i16", 60), (".i16", 99), (".i16", 0)]
)
def test_a_damaged_bank_is_made_anew(tmp_path, caplog, ending, kept):
    path = record(tmp_path / "a.wav", n=50)
    want = open_bank([path], 16000, tmp_path / "cache")[0]
    (damaged,) = (tmp_path / "cache").glob(f"*{ending}")
    damaged.write_bytes(damaged.read_bytes()[:kept])
    for _ in range(2):
        assert np.array_equal(open_bank([path], 16000, tmp_path / "cache")[0], want)
    assert caplog.text.count("damaged, made anew") == 1


@pytest.mark.parametrize(("start", "count"), [(0, 5), (3, 34), (36, 1), (36, 2), (5, 200)])
def test_a_recording_goes_round(tmp_path, start, count):
    files = [record(tmp_path / f"{i}.wav", n=n) for i, n in enumerate((11, 37, 20))]
    bank = open_bank(files, 16000, tmp_path / "cache")
    assert bank.length(1) == 37
    want = np.resize(np.roll(bank[1], -start), count)
    assert np.array_equal(bank.looped(1, start, count), want)


def test_an_interrupted_decoding_leaves_no_bank(tmp_path):
    path = record(tmp_path / "a.wav", n=50)

    def interrupted(files, label):
        yield files[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_bank([path, path], 16000, tmp_path / "cache", interrupted)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bank_of_nothing_decodable_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match="none of 1 files"):
        open_bank([tmp_path / "a.wav"], 16000, tmp_path / "cache")


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "wheesht"


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("19-198-0001.flac", "19"),
        ("p225_001.wav", "p225"),
        ("book_00000_chp_0009_reader_06709_0.wav", "reader_06709"),
        ("alone.opus", "alone"),
    ],
)
def test_names_of_files_say_who_speaks(name, speaker, tmp_path):
    assert speaker_of(tmp_path / "deep_down" / name) == speaker


def test_a_bank_knows_which_file_each_recording_came_from(tmp_path):
    files = [record(tmp_path / f"{i}.wav", n=100 + i) for i in range(4)]
    files[1].write_bytes(b"not audio")
    for _ in range(2):  # made, then opened
        bank = open_bank(files, 16000, tmp_path / "cache")
        assert bank.sources.tolist() == [0, 2, 3]
        assert [bank.length(i) for i in range(3)] == [100, 102, 103]
    assert bank.select(np.array([2, 0])).sources.tolist() == [3, 0]
