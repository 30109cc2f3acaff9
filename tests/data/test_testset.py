"""Fixed test sets: tables, folders of pairs, and what is refused."""

import numpy as np
import pytest
import soundfile

from wheesht.data.mixing import active_power
from wheesht.data.testset import clips_of_folder, clips_of_table
from wheesht.errors import CorpusError

HEADER = "name\tsnr_db\tlevel_dbfs\tspeech\tnoise\n"


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("a", 30000), ("b", 200), ("v", 9001)):
        soundfile.write(tmp_path / f"{name}.wav", 0.2 * rng.standard_normal(n), 16000)
    (tmp_path / "t.tsv").write_text(HEADER + "one\t3\t-25\ta.wav|b.wav\tv.wav\n")
    return tmp_path


def test_a_mixture_has_the_level_and_ratio_of_its_row(corpus):
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    noisy, clean = (x.astype(np.float64) for x in clip.samples())
    assert len(noisy) == len(clean) == 160000
    assert 10 * np.log10(np.mean(noisy**2)) == pytest.approx(-25, abs=0.01)
    # 16-bit rounding is 60 dB below these signals.
    snr = 10 * np.log10(active_power(clean) / np.mean((noisy - clean) ** 2))
    assert snr == pytest.approx(3, abs=0.02)


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


def test_pairs_are_matched_by_name(tmp_path):
    for kind in ("noisy", "clean"):
        (tmp_path / kind).mkdir()
        for name in ("b", "a"):
            soundfile.write(tmp_path / kind / f"{name}.wav", np.full(50, 0.25), 16000)
    assert [clip.name for clip in clips_of_folder(tmp_path)] == ["a", "b"]
    (tmp_path / "clean" / "b.wav").unlink()
    with pytest.raises(CorpusError, match="no clean file"):
        list(clips_of_folder(tmp_path))


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="needs the folders noisy and clean"):
        list(clips_of_folder(tmp_path))


@pytest.mark.parametrize(
    "text", [None, "", "name\nx\n", HEADER + "x\tloud\t-20\ta.wav\tv.wav\n", HEADER + "x\n"]
)
def test_a_broken_table_is_refused(text, corpus):
    table = corpus / "broken.tsv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(CorpusError, match="not a table of a test set"):
        list(clips_of_table(table, corpus))


@pytest.mark.parametrize(
    ("name", "rate", "channels"), [("gone", None, 1), ("stereo", 16000, 2), ("fast", 48000, 1)]
)
def test_an_unsuitable_file_is_named(name, rate, channels, corpus):
    if rate:
        soundfile.write(corpus / f"{name}.wav", np.zeros((99, channels)), rate)
    (corpus / "t.tsv").write_text(HEADER + f"one\t3\t-25\t{name}.wav\tv.wav\n")
    (clip,) = clips_of_table(corpus / "t.tsv", corpus)
    with pytest.raises(CorpusError, match=f"{name}.wav"):
        clip.samples()


def test_clips_of_unequal_length_are_no_pair(tmp_path):
    for kind, n in (("noisy", 50), ("clean", 51)):
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "a.wav", np.full(n, 0.25), 16000)
    (clip,) = clips_of_folder(tmp_path)
    with pytest.raises(CorpusError, match="50 samples, its clean file 51"):
        clip.samples()
