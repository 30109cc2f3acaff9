"""BSS-eval SDR: against least squares, an older implementation, and its own definition."""

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

from wheesht.errors import ShapeError
from wheesht.metrics.sdr import TAPS, sdr
from wheesht.metrics.si_sdr import si_sdr

# float64 sums of 1e4 terms, and a load of 1e-12 that costs 4e-12 of a decibel per decibel.
SAME_DB = 1e-6


def by_least_squares(clean, enhanced):
    """The definition: project on a matrix whose columns are the delayed clean signal."""
    n = len(clean)
    delayed = np.zeros((n + TAPS - 1, TAPS))
    for k in range(TAPS):
        delayed[k : k + n, k] = clean
    padded = np.append(enhanced, np.zeros(TAPS - 1))
    basis = np.linalg.qr(delayed)[0]
    target = basis @ (basis.T @ padded)
    return 10 * np.log10(np.sum(target**2) / np.sum((padded - target) ** 2))


def by_mir_eval(clean, enhanced):
    from mir_eval.separation import bss_eval_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mir_eval 0.9 will drop it
        return bss_eval_sources(clean[None], enhanced[None], compute_permutation=False)[0][0]


def white(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


PAIRS = {
    "white, 1 dB": lambda: (white(1201), white(1201) + 0.9 * white(1201, 1)),
    "unrelated": lambda: (white(1024), white(1024, 1)),
    "low-pass": lambda: (lfilter([0.2] * 5, 1, white(1300)), white(1300)),
    "late": lambda: (white(1400), np.roll(white(1400), TAPS - 1) + 0.1 * white(1400, 1)),
    "too late": lambda: (white(1400), np.roll(white(1400), TAPS + 9) + 0.1 * white(1400, 1)),
    "early": lambda: (white(1100), np.roll(white(1100), -7) + 0.1 * white(1100, 1)),
    "click": lambda: ((np.arange(1200) == 50) * 1.0, white(1200)),
}


@pytest.mark.parametrize("case", PAIRS)
def test_it_is_the_least_squares_projection(case):
    clean, enhanced = PAIRS[case]()
    assert sdr(clean, enhanced) == pytest.approx(by_least_squares(clean, enhanced), abs=SAME_DB)


@pytest.mark.parametrize("case", PAIRS)
def test_it_is_that_of_mir_eval(case):
    clean, enhanced = PAIRS[case]()
    assert sdr(clean, enhanced) == pytest.approx(by_mir_eval(clean, enhanced), abs=SAME_DB)


def test_on_the_shipped_sample_it_is_that_of_mir_eval(sample):
    clean, noisy = (x.astype(np.float64) for x in sample)
    assert sdr(clean, noisy) == pytest.approx(by_mir_eval(clean, noisy), abs=SAME_DB)


@pytest.mark.parametrize("length", [1, 20, TAPS])
def test_a_short_filter_of_the_clean_signal_is_forgiven(length, speech):
    taps = np.random.default_rng(length).standard_normal(length) * np.exp(-np.arange(length) / 50)
    filtered = lfilter(taps, 1, np.append(speech.astype(np.float64), np.zeros(TAPS)))
    padded = np.append(speech, np.zeros(TAPS))
    assert sdr(padded, filtered) > 80.0
    assert length == 1 or si_sdr(padded, filtered) < 30.0


def test_a_longer_delay_than_the_filter_is_not(speech):
    late = np.append(np.zeros(TAPS, np.float32), white(len(speech) - TAPS))
    assert sdr(np.append(white(len(speech) - TAPS), np.zeros(TAPS)), late) < 0.0
    assert sdr(white(4000), np.append([0.0] * (TAPS - 1), white(4000)[: 1 - TAPS])) > 5.0


@pytest.mark.parametrize(("of_clean", "of_enhanced"), [(1e-4, 1.0), (1.0, 3e4), (1e5, -1e-5)])
def test_the_scale_of_either_signal_is_ignored(of_clean, of_enhanced, speech, noisy):
    want = sdr(speech.astype(np.float64), noisy.astype(np.float64))
    found = sdr(speech.astype(np.float64) * of_clean, noisy.astype(np.float64) * of_enhanced)
    assert found == pytest.approx(want, abs=1e-9)


def few_frequencies(n, case):
    """Signals whose delayed copies are all nearly the same."""
    t, window = np.arange(n), np.hanning(n)
    return {
        "one tone": np.sin(0.17 * t) * window,
        "two tones": (np.sin(0.17 * t) + np.sin(0.19 * t)) * window**3,
        "hump": np.exp(-(((t - n / 2) / (n / 9)) ** 2)),
        "offset": np.ones(n),
        "low-pass": lfilter(np.hanning(300), 1, white(n)) * window,
    }[case]


@pytest.mark.parametrize("case", ["one tone", "two tones", "hump", "offset", "low-pass"])
def test_a_clean_signal_of_few_frequencies_still_has_a_meaningful_score(case):
    clean = few_frequencies(1500, case)
    assert sdr(clean, clean) == 100.0
    assert sdr(clean, clean + 0.01 * white(1500)) >= si_sdr(clean, clean + 0.01 * white(1500))
    # Not below the one-tap filter, nor above the best that 512 taps can do at all.
    enhanced = clean + white(1500)
    assert si_sdr(clean, enhanced) <= sdr(clean, enhanced)
    assert sdr(clean, enhanced) <= by_least_squares(clean, enhanced) + 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_below_si_sdr(seed):
    rng = np.random.default_rng(seed)
    clean = lfilter([1.0], [1.0, -rng.uniform(0, 0.999)], rng.standard_normal(5000))
    enhanced = rng.uniform(0, 2) * clean + rng.uniform(0, 3) * rng.standard_normal(5000)
    assert sdr(clean, enhanced) >= si_sdr(clean, enhanced) - 1e-6


def test_silence_gets_the_lower_limit(speech):
    assert sdr(speech, 0 * speech) == -100.0


def test_too_few_samples_for_the_filter_are_refused(speech):
    with pytest.raises(ShapeError, match="got 1023 samples, needs at least 1024"):
        sdr(speech[:1023], speech[:1023])
