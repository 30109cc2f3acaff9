"""Clips to look at and listen to, from a study that a model really ran in."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from bundles import speech_like

from wheesht.evaluation.replay import replay
from wheesht.evaluation.run import Settings, evaluate
from wheesht.evaluation.study import read_study
from wheesht.report.material import Options
from wheesht.report.sections import clip_cards
from wheesht.report.write import write_report

RATE, N = 16000, 3
OPTIONS = Options(metric="si_sdr", worst=2)


@pytest.fixture(scope="module")
def study(small_bundle, tmp_path_factory):
    """A model on three pairs of 0.8 s."""
    folder = tmp_path_factory.mktemp("real")
    for kind in ("noisy", "clean"):
        (folder / "pairs" / kind).mkdir(parents=True)
    for i in range(N):
        clean = 0.5 * speech_like(0.8, seed=i, snr_db=60.0)
        noise = 0.05 * np.random.default_rng(i).standard_normal(len(clean))
        soundfile.write(folder / "pairs" / "clean" / f"c{i}.wav", clean, RATE)
        soundfile.write(folder / "pairs" / "noisy" / f"c{i}.wav", clean + noise, RATE)
    settings = Settings((str(folder / "pairs"),), (f"tiny={small_bundle}:50",), (), ("si_sdr",))
    evaluate(settings, folder / "study", jobs=1)
    return folder


def page(study, folder, options=OPTIONS):
    written = write_report([study / "study"], folder, options)
    return written.html.read_text(encoding="utf-8")


def sounds(text):
    return [
        soundfile.read(io.BytesIO(base64.b64decode(data)))[0]
        for data in re.findall(r'<audio[^>]* src="data:audio/flac;base64,([^"]+)"', text)
    ]


def test_what_is_heard_is_what_was_scored(study, tmp_path):
    text = page(study, tmp_path)
    found = read_study(study / "study")
    titles = re.findall(r"<h3>\d+\. (?:<wbr>)*(\w+)</h3>", text)
    assert len(titles) >= OPTIONS.worst and set(titles) <= {f"c{i}" for i in range(N)}
    heard = sounds(text)
    assert len(heard) == 3 * len(titles)
    for i, clip in enumerate(titles):
        (row,) = [r for r in found.rows if r.clip == clip and r.system == "tiny"]
        audio = replay(found, row)
        signals = (audio.noisy, audio.enhanced, audio.clean)
        for got, want in zip(heard[3 * i : 3 * i + 3], signals, strict=True):
            assert np.abs(got - want).max() <= 1 / 32768
    assert text.count("<figcaption>Clean</figcaption>") == len(titles)


def test_spectrograms_of_a_clip_share_one_scale(study, tmp_path, monkeypatch):
    tops = []

    def watch(levels, top, seconds):
        tops.append((top, levels.max()))
        return "<svg></svg>"

    monkeypatch.setattr(clip_cards, "image", watch)
    page(study, tmp_path)
    for i in range(0, len(tops), 3):
        assert {top for top, _ in tops[i : i + 3]} == {max(peak for _, peak in tops[i : i + 3])}
    assert len({top for top, _ in tops}) > 1


def test_without_the_audio_the_table_stays_and_a_sentence_says_why(study, tmp_path):
    moved = study / "pairs"
    moved.rename(study / "elsewhere")
    try:
        text = page(study, tmp_path)
    finally:
        (study / "elsewhere").rename(moved)
    assert "Smallest gain in SI-SDR" in text and "<audio" not in text
    assert "Sounds and drawings are missing:" in text and "--data DIR" in text


def test_audio_can_be_left_out(study, tmp_path):
    text = page(study, tmp_path, Options(metric="si_sdr", has_audio=False))
    assert "<audio" not in text and "Sounds and drawings were not asked for" in text


def test_no_worst_clips_no_section(study, tmp_path):
    assert 'id="worst"' not in page(study, tmp_path, Options(metric="si_sdr", worst=0))


def test_a_page_stops_growing_at_its_limit(study, tmp_path, monkeypatch):
    text = page(study, tmp_path)
    first_card = re.search(r"(?s)<article.*?</article>", text)[0]
    monkeypatch.setattr(clip_cards, "MOST_BYTES", len(first_card))
    smaller = page(study, tmp_path)
    assert 0 < smaller.count("<audio") < text.count("<audio")
    assert re.search(r"The last \d are left out to keep it small", smaller)


def test_long_clips_are_cut(study, tmp_path, monkeypatch):
    monkeypatch.setattr(clip_cards, "MOST_SECONDS", 0.25)
    assert {len(x) for x in sounds(page(study, tmp_path))} == {4000}
