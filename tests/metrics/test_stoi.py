"""STOI and ESTOI: against their definitions, and what they ignore."""

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError, SilentSignalError
from wheesht.metrics import estoi, stoi

RATE = 16000
BOTH = pytest.mark.parametrize("metric", [stoi, estoi], ids=["stoi", "estoi"])
FRAME, SEGMENT = 256, 30


def envelopes(x, kept):
    """One-third octave envelopes at 10 kHz, (15 bands, frames), of the frames that are kept."""
    window = np.hanning(FRAME + 2)[1:-1]
    starts = range(0, len(x) - FRAME, FRAME // 2)
    if kept is not None:  # silent frames are cut out, the others moved together
        frames = [window * x[i : i + FRAME] for i, keep in zip(starts, kept, strict=True) if keep]
        x = np.zeros(FRAME // 2 * (len(frames) + 1))
        for k, frame in enumerate(frames):
            x[k * FRAME // 2 : k * FRAME // 2 + FRAME] += frame
        starts = range(0, len(x) - FRAME, FRAME // 2)
    power = np.array([np.abs(np.fft.rfft(window * x[i : i + FRAME], 512)) ** 2 for i in starts])
    hz = np.arange(257) * 10000 / 512
    bands = []
    for k in range(15):
        centre = 150 * 2 ** (k / 3)
        low, high = (np.argmin(np.abs(hz - centre * 2 ** (s / 6))) for s in (-1, 1))
        bands.append(np.sqrt(power[:, low:high].sum(axis=1)))
    return np.array(bands)


def loud_frames(x):
    window = np.hanning(FRAME + 2)[1:-1]
    starts = range(0, len(x) - FRAME, FRAME // 2)
    db = np.array(
        [20 * np.log10(np.linalg.norm(window * x[i : i + FRAME]) + 1e-16) for i in starts]
    )
    return db > db.max() - 40


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return a @ b / np.sqrt((a @ a) * (b @ b))


def stoi_by_definition(clean, enhanced):
    """Taal et al. (2011), equations 2 to 6, at 10 kHz."""
    kept = loud_frames(clean)
    x, y = envelopes(clean, kept), envelopes(enhanced, kept)
    found = []
    for end in range(SEGMENT, x.shape[1] + 1):
        for a, b in zip(x[:, end - SEGMENT : end], y[:, end - SEGMENT : end], strict=True):
            scaled = b * np.linalg.norm(a) / np.linalg.norm(b)
            found.append(correlation(a, np.minimum(scaled, a * (1 + 10 ** (15 / 20)))))
    return np.mean(found)


def estoi_by_definition(clean, enhanced):
    """Jensen and Taal (2016), equations 3 to 6, at 10 kHz."""
    kept = loud_frames(clean)
    x, y = envelopes(clean, kept), envelopes(enhanced, kept)
    found = []
    for end in range(SEGMENT, x.shape[1] + 1):
        pair = []
        for z in (x[:, end - SEGMENT : end], y[:, end - SEGMENT : end]):
            z = z - z.mean(axis=1, keepdims=True)
            z = z / np.linalg.norm(z, axis=1, keepdims=True)
            z = z - z.mean(axis=0, keepdims=True)
            pair.append(z / np.linalg.norm(z, axis=0, keepdims=True))
        found.append(np.sum(pair[0] * pair[1]) / SEGMENT)
    return np.mean(found)


@pytest.mark.parametrize(
    ("metric", "definition"),
    [(stoi, stoi_by_definition), (estoi, estoi_by_definition)],
    ids=["stoi", "estoi"],
)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_it_is_what_its_paper_says(metric, definition, level, sample):
    clean, noisy = (x[:30011].astype(np.float64) for x in sample)  # taken to be at 10 kHz
    enhanced = clean + level * (noisy - clean) + 1e-3 * np.sin(np.arange(clean.size) ** 1.5)
    found = metric(clean, enhanced, 10000)
    # The package keeps away from 0/0 by adding 2e-16 here and there.
    assert found == pytest.approx(definition(clean, enhanced), abs=1e-9)


@BOTH
@pytest.mark.parametrize("gain", [0.001, -1.0, 50.0])
def test_the_level_of_either_signal_is_ignored(metric, gain, sample):
    clean, noisy = (x[:64000] for x in sample)
    assert metric(clean, gain * noisy) == pytest.approx(metric(clean, noisy), abs=1e-6)
    assert metric(gain * clean, noisy) == pytest.approx(metric(clean, noisy), abs=1e-6)


@BOTH
def test_what_is_done_in_pauses_does_not_matter(metric, speech):
    with_pause = np.concatenate([speech, np.zeros(RATE, np.float32)])
    hum = np.concatenate([speech, 0.05 * np.sin(0.1 * np.arange(RATE))])
    assert metric(with_pause, hum) == pytest.approx(1.0, abs=0.01)


@BOTH
def test_digital_silence_in_the_enhanced_signal_does_not_make_it_random(metric, sample):
    clean, noisy = sample
    gated = np.where(np.arange(noisy.size) // 12000 % 2, noisy, 0)
    np.random.seed(1)
    first = metric(clean, gated)
    np.random.seed(2)
    assert metric(clean, gated) == first


@BOTH
def test_the_random_numbers_of_others_are_left_alone(metric, sample):
    np.random.seed(7)
    want = np.random.standard_normal(3)
    np.random.seed(7)
    metric(*sample)
    assert np.array_equal(np.random.standard_normal(3), want)


@BOTH
def test_another_rate_is_converted(metric, sample):
    from soxr import resample

    at_48 = [resample(x, RATE, 48000, "VHQ") for x in sample]
    # Two filters instead of one; the bands end at 4.3 kHz.
    assert metric(*at_48, 48000) == pytest.approx(metric(*sample, RATE), abs=2e-3)


@BOTH
def test_a_rate_without_the_upper_bands_is_refused(metric, speech):
    with pytest.raises(ParameterError, match="got 8000 Hz, needs 10000 Hz or more"):
        metric(speech, speech, 8000)


@BOTH
def test_less_than_one_segment_is_refused(metric, speech):
    with pytest.raises(ShapeError, match=r"got 0.4 s, needs at least 0.41 s"):
        metric(speech[:6400], speech[:6400])


@BOTH
def test_too_little_speech_is_refused_not_scored_as_nearly_0(metric, speech):
    clean = np.zeros(2 * RATE, np.float32)
    clean[8000:12000] = speech[:4000]
    with pytest.raises(SilentSignalError, match=r"too little speech to score, needs 0.41 s"):
        metric(clean, clean)
