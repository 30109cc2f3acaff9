"""LLR, WSS and the ratings made of them: against slow direct writings of their definitions."""

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError, SilentSignalError
from wheesht.metrics import METRICS, Signals, score
from wheesht.metrics.llr import llr
from wheesht.metrics.pesq import pesq_wb
from wheesht.metrics.seg_snr import seg_snr
from wheesht.metrics.wss import CENTRES, WIDTHS, wss

RATE = 16000
WIDTH, HOP = 480, 120
PARTS = pytest.mark.parametrize("part", [llr, wss])


def frames(x):
    window = np.hanning(WIDTH + 2)[1:-1]
    return [x[i : i + WIDTH] * window for i in range(0, len(x) - WIDTH - HOP + 1, HOP)]


def mean_of_95_percent(values):
    return np.mean(sorted(values)[: round(0.95 * len(values))])


def llr_by_linear_algebra(clean, enhanced):
    """Solve the normal equations of each predictor, and filter the clean frame with both."""
    found = []
    for s, e in zip(frames(clean), frames(enhanced), strict=True):
        errors = []
        for x in (e, s):
            lags = [x[: WIDTH - k] @ x[k:] for k in range(17)]
            matrix = np.array([[lags[abs(i - k)] for k in range(16)] for i in range(16)])
            predictor = np.append(1.0, -np.linalg.solve(matrix, lags[1:]))
            errors.append(np.sum(np.convolve(s, predictor) ** 2))
        found.append(np.log(errors[0] / errors[1]))
    return mean_of_95_percent(found)


def peak_near(levels, i):
    """Walk uphill from band `i`, as Klatt's weights want; to the right, one band short."""
    if levels[i + 1] > levels[i]:
        while i + 1 < len(levels) and levels[i + 1] > levels[i]:
            i += 1
        return levels[i - 1]
    while i >= 0 and levels[i + 1] <= levels[i]:
        i -= 1
    return levels[i + 1]


def wss_by_loops(clean, enhanced):
    """Band by band, frame by frame."""
    found = []
    for pair in zip(frames(clean), frames(enhanced), strict=True):
        slopes, weights = [], []
        for x in pair:
            power = np.abs(np.fft.fft(x, 1024)[:512]) ** 2
            levels = []
            for centre, width in zip(CENTRES, WIDTHS, strict=True):
                total = 0.0
                for k in range(512):
                    away = (k - int(centre / 15.625)) / (width / 15.625)
                    gain = np.exp(-11 * away**2) * 70 / width
                    total += power[k] * gain if gain > np.exp(-30 / 4.606) else 0.0
                levels.append(10 * np.log10(max(total, 1e-10)))
            slopes.append(np.diff(levels))
            weights.append(
                [
                    20 / (20 + max(levels) - levels[i]) / (1 + peak_near(levels, i) - levels[i])
                    for i in range(24)
                ]
            )
        weight = np.mean(weights, axis=0)
        found.append(np.sum(weight * (slopes[0] - slopes[1]) ** 2) / np.sum(weight))
    return mean_of_95_percent(found)


@pytest.fixture(scope="module")
def excerpt(sample):
    # With noise at one bit, so that no frame is constant and every predictor is well defined.
    bit = np.random.default_rng(0).standard_normal(12007) / 32768
    return tuple(x[30000:42007].astype(np.float64) + bit for x in sample)


def test_llr_is_the_ratio_of_prediction_errors(excerpt):
    assert llr(*excerpt) == pytest.approx(llr_by_linear_algebra(*excerpt), rel=1e-9)


def test_wss_is_the_weighted_difference_of_slopes(excerpt):
    short = tuple(x[:4000] for x in excerpt)
    assert wss(*short) == pytest.approx(wss_by_loops(*short), rel=1e-9)


def test_the_bands_are_those_of_the_published_program():
    # Critical bands by Pellom and Hansen: 70 Hz wide at first, then a steady ratio.
    assert len(CENTRES) == len(WIDTHS) == 25
    assert (CENTRES[0], CENTRES[-1], WIDTHS[0], WIDTHS[-1]) == (50, 3597.63, 70, 346.136)
    assert CENTRES.sum() == pytest.approx(32893.925, abs=1e-6)
    assert WIDTHS.sum() == pytest.approx(3893.7698, abs=1e-6)


@pytest.mark.parametrize("gain", [0.01, -3.0])
def test_llr_ignores_the_level(gain, excerpt):
    clean, noisy = excerpt
    assert llr(clean, gain * noisy) == pytest.approx(llr(clean, noisy), rel=1e-9)


@pytest.mark.parametrize("gain", [0.3, -3.0])
def test_wss_ignores_the_level_of_what_is_above_its_floor(gain, excerpt):
    clean, noisy = excerpt
    assert wss(clean, gain * noisy) == pytest.approx(wss(clean, noisy), rel=1e-9)


@PARTS
def test_equal_signals_are_at_distance_0(part, speech):
    assert part(speech, speech) == pytest.approx(0.0, abs=1e-9)


@PARTS
def test_a_distance_is_not_negative_and_grows_with_noise(part, speech, noisy):
    far = speech + 4 * (noisy - speech)
    assert 0 < part(speech, noisy) < part(speech, far)


def test_the_worst_twentieth_of_the_frames_is_left_out(speech):
    broken = speech.copy()
    broken[20000:21200] = np.random.default_rng(0).standard_normal(1200)  # 14 of 396 frames
    assert llr(speech, broken) == pytest.approx(0.0, abs=1e-9)
    assert wss(speech, broken) == pytest.approx(0.0, abs=1e-9)


def test_silent_frames_of_the_clean_signal_are_left_out_of_llr(excerpt):
    clean, noisy = excerpt
    pause = np.zeros(4800)
    hum = np.concatenate([noisy, np.sin(np.arange(4800))])
    # A few frames at the border hold a rest of speech.
    assert llr(np.append(clean, pause), hum) == pytest.approx(llr(clean, noisy), abs=0.1)


def test_a_frame_that_can_be_predicted_to_rounding_has_a_distance(excerpt):
    clean, noisy = excerpt
    tone = np.sin(0.2 * np.arange(4800))
    assert 0 < llr(tone, noisy[:4800]) < 30
    steps = np.append(clean, np.full(4800, -1 / 32768))  # what rounding down leaves of silence
    assert np.isfinite(llr(steps, np.append(noisy, np.zeros(4800))))
    assert llr(steps, steps) == 0.0


@pytest.mark.parametrize("part", [llr, wss, seg_snr])
def test_one_frame_and_one_hop_are_needed(part, speech):
    with pytest.raises(ShapeError, match=r"got 599 samples, needs at least 600 \(37.5 ms"):
        part(speech[:599], speech[:599])
    assert np.isfinite(part(speech[:600], speech[:600]))


def test_wss_refuses_what_is_not_at_full_scale(speech):
    with pytest.raises(ParameterError, match=r"wss: enhanced has a peak of .* \(at most 4\)"):
        wss(speech, speech * 100)


def test_sound_in_no_frame_has_no_llr():
    last = np.zeros(16000)
    last[-1] = 1.0
    with pytest.raises(SilentSignalError, match="zero in every frame"):
        llr(last, last)


# Hu and Loizou (2008), table of the regressions: constant, LLR, PESQ, WSS, segmental SNR.
WEIGHTS = {
    "csig": (3.093, -1.029, 0.603, -0.009, 0.0),
    "cbak": (1.634, 0.0, 0.478, -0.007, 0.063),
    "covl": (1.594, -0.512, 0.805, -0.007, 0.0),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_rating_is_the_published_regression(name, speech, noisy):
    noisy = speech + 0.1 * (noisy - speech)
    parts = [part(speech, noisy, RATE) for part in (llr, pesq_wb, wss, seg_snr)]
    want = WEIGHTS[name][0] + np.dot(WEIGHTS[name][1:], parts)
    assert 1 < want < 5
    assert METRICS[name](speech, noisy, RATE) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize(("parts", "limit"), [((9.0, 1.0, 99.0, -10), 1.0), ((0, 4.6, 0, 35), 5.0)])
def test_a_rating_stays_between_1_and_5(parts, limit):
    class Known(Signals):
        def once(self, measure):
            return dict(zip((llr, pesq_wb, wss, seg_snr), parts, strict=True))[measure]

    for name in WEIGHTS:
        assert METRICS[name].measure(Known(None, np.zeros(1))) == limit


def test_ratings_of_the_sample_without_the_other_metrics(sample):
    values, errors = score(["covl", "csig"], *sample, RATE)
    assert list(values) == ["covl", "csig"] and not errors
