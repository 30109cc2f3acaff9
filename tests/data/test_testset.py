"""Clips of fixed test sets: tables, pairs, and what is refused."""

import numpy as np
import pytest
import soundfile

from wheesht.data.clip_set import read_clip_set
from wheesht.data.mixing import active_power
from wheesht.data.testset import clips_of_table
from wheesht.data.testset_folders import clips_of_folder
from wheesht.errors import AudioFileError, CorpusError, ParameterError

HEADER = "name\tsnr_db\tlevel_dbfs\tspeech\tnoise\n"
MIXED = "one\t3\t-25\ta.wav|b.wav\tv.wav\n"


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("a", 30000), ("b", 200), ("v", 9001)):
        soundfile.write(tmp_path / f"{name}.wav", 0.2 * rng.standard_normal(n), 16000)
    (tmp_path / "t.tsv").write_text(HEADER + MIXED)
    return tmp_path


def write(path, n=50, rate=16000, value=0.25):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(n, value), rate)


def test_a_mixture_has_the_level_and_ratio_of_its_row(corpus):
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    noisy, clean = (x.astype(np.float64) for x in clip.samples())
    assert len(noisy) == len(clean) == clip.n_samples == 160000
    assert 10 * np.log10(np.mean(noisy**2)) == pytest.approx(-25, abs=0.01)
    # 16-bit rounding is 60 dB below these signals.
    snr = 10 * np.log10(active_power(clean) / np.mean((noisy - clean) ** 2))
    assert snr == pytest.approx(3, abs=0.02)
    assert clip.snr_db == 3 and (clip.noise_kind, clip.speaker) == ("", "")


def test_each_utterance_is_followed_by_a_pause_and_all_are_repeated(corpus):
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    _, clean = clip.samples()
    period = 30000 + 4800 + 200 + 4800
    assert not clean[30000:34800].any() and not clean[35000:39800].any()
    assert np.array_equal(clean[:period], clean[period : 2 * period])


def test_samples_are_those_of_a_16_bit_file(corpus):
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    noisy, _ = clip.samples()
    assert np.array_equal(noisy * 32768, np.round(noisy * 32768))


def test_noise_kind_and_speaker_come_from_the_table_where_it_has_them(corpus):
    rows = "x\t-2.5\t-25\ta.wav\tv.wav\tbus\tp1\ny\t0\t-25\ta.wav\tv.wav\t\t\n"
    (corpus / "t.tsv").write_text(HEADER.strip() + "\tnoise_kind\tspeaker\n" + rows)
    x, y = clips_of_table(corpus / "t.tsv", corpus)
    assert (x.snr_db, x.noise_kind, x.speaker) == (-2.5, "bus", "p1")
    assert (y.snr_db, y.noise_kind, y.speaker) == (0, "", "")


@pytest.mark.parametrize(
    "text", [None, "", "name\nx\n", HEADER + "x\tloud\t-20\ta.wav\tv.wav\n", HEADER + "x\n"]
)
def test_a_broken_table_is_refused(text, corpus):
    table = corpus / "broken.tsv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(CorpusError, match="not a table of a test set"):
        list(clips_of_table(table, corpus))


def a_wav_file(path):
    soundfile.write(
        path, 0.2 * np.random.default_rng(1).standard_normal(16000), 16000, format="WAV"
    )


NOT_TABLES = {
    "no text": a_wav_file,
    "no such file": lambda path: None,
    "no rows": lambda path: path.write_text(""),
    "no column 'snr_db'": lambda path: path.write_text("name\nx\n"),
    "too few columns": lambda path: path.write_text(HEADER + "x\t3\t-20\ta.wav\n"),
    "to float: 'loud'": lambda path: path.write_text(HEADER + MIXED.replace("3", "loud")),
    "to float: 'looo": lambda path: path.write_text(HEADER + MIXED.replace("3", "l" + 999 * "o")),
    "tab-separated": lambda path: path.write_text(HEADER + "x" * 200_000 + "\n"),
}


@pytest.mark.parametrize("reason", NOT_TABLES)
def test_what_is_wrong_with_a_table_is_said_in_one_short_line(reason, tmp_path):
    NOT_TABLES[reason](tmp_path / "t.tsv")
    with pytest.raises(CorpusError, match=f"(?i){reason}") as refused:
        list(clips_of_table(tmp_path / "t.tsv", tmp_path))
    said = str(refused.value).removeprefix(str(tmp_path))
    assert len(said) < 120 and said.isprintable()


@pytest.mark.parametrize(("name", "rate", "channels"), [("gone", None, 1), ("stereo", 16000, 2)])
def test_an_unsuitable_file_is_named(name, rate, channels, corpus):
    if rate:
        soundfile.write(corpus / f"{name}.wav", np.zeros((99, channels)), rate)
    (corpus / "t.tsv").write_text(HEADER + f"one\t3\t-25\t{name}.wav\tv.wav\n")
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    with pytest.raises(AudioFileError, match=f"{name}.wav"):
        clip.samples()


def test_clips_of_unequal_length_are_no_pair(tmp_path):
    write(tmp_path / "noisy" / "a.wav", 50)
    write(tmp_path / "clean" / "a.wav", 51)
    (clip,) = clips_of_folder(tmp_path)
    with pytest.raises(CorpusError, match="50 samples at 16000 Hz, its clean file 51"):
        clip.samples()


def test_pairs_of_another_rate_are_resampled_alike(tmp_path):
    write(tmp_path / "noisy" / "a.wav", 4800, 48000)
    write(tmp_path / "clean" / "a.wav", 1600, 16000)
    (clip,) = clips_of_folder(tmp_path)
    noisy, clean = clip.samples()
    assert len(noisy) == len(clean) == clip.n_samples == 1600


def test_a_table_finds_its_corpus_two_folders_up(corpus):
    (corpus / "testsets").mkdir()
    table = (corpus / "t.tsv").rename(corpus / "testsets" / "t.tsv")
    found = read_clip_set(table)
    assert (found.name, found.kind, found.has_clean) == ("t", "table", True)
    assert len(found.clips[0].samples()[0]) == 160000
    with pytest.raises(CorpusError, match="v.wav is not there; name the corpus with --data"):
        read_clip_set(table, corpus / "testsets")


@pytest.mark.parametrize("layout", ["clean", "pairs"])
def test_a_table_has_no_layout(corpus, layout):
    with pytest.raises(ParameterError, match=rf"got '{layout}' for .*t\.tsv, which is a table"):
        read_clip_set(corpus / "t.tsv", corpus, layout)


def test_a_test_set_is_named_after_its_file_or_folder_or_as_told(corpus, monkeypatch):
    write(corpus / "a.set" / "one.wav")
    assert read_clip_set(corpus / "a.set").name == "a.set"
    assert read_clip_set(corpus / "a.set", name="other").name == "other"
    monkeypatch.chdir(corpus / "a.set")
    assert read_clip_set(type(corpus)(".")).name == "a.set"


def test_the_checksum_changes_with_the_table_and_with_files(corpus):
    before = read_clip_set(corpus / "t.tsv", corpus).sha256
    (corpus / "t.tsv").write_text(HEADER + MIXED.replace("3", "4"))
    assert read_clip_set(corpus / "t.tsv", corpus).sha256 != before
    folder = corpus / "set"
    write(folder / "noisy" / "a.wav")
    write(folder / "clean" / "a.wav")
    sums = [read_clip_set(folder).sha256]
    write(folder / "clean" / "a.wav", 51)
    sums.append(read_clip_set(folder).sha256)
    for kind in ("noisy", "clean"):
        (folder / kind / "a.wav").rename(folder / kind / "b.wav")
    sums.append(read_clip_set(folder).sha256)
    assert len(set(sums)) == 3


def test_two_clips_of_one_name_are_refused(corpus):
    (corpus / "t.tsv").write_text(HEADER + MIXED + MIXED)
    with pytest.raises(CorpusError, match="2 clips are named 'one'"):
        read_clip_set(corpus / "t.tsv", corpus)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="gone: no such file or folder"):
        read_clip_set(tmp_path / "gone")
