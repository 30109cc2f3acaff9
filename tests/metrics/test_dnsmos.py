"""DNSMOS: against the original's answers and features, and alone with its networks."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from wheesht.errors import MissingDependency, ParameterError, ShapeError
from wheesht.metrics import dnsmos as module
from wheesht.metrics import mel
from wheesht.metrics.dnsmos import dnsmos

RATE = 16000
SAME = 1e-4  # ratings; float32 networks on other processors
# Answers of speechmos 0.0.1.1 with its own code (librosa 0.11.0, onnxruntime 1.31.1): overall,
# signal, background, P.808.
CLEAN_EXAMPLE = (2.807576, 3.111556, 3.854141, 3.699134)
FIRST_0_6_S = (1.084817, 1.186342, 1.128012, 2.340392)  # of noisy.wav
NOISY_EXAMPLE = (1.445409, 2.233271, 1.383022, 2.195061)
# librosa.filters.mel(sr=16000, n_fft=321, n_mels=120) of librosa 0.11.0: (band, bin) to weight,
# and how many weights are not 0.
LIBROSA_MEL = {
    (0, 1): 2.12704e-05,
    (1, 1): 0.040093090,
    (7, 4): 0.040029280,
    (40, 21): 0.004205096,
    (41, 21): 0.032961268,
    (75, 50): 0.009765818,
    (75, 51): 0.009247549,
    (119, 153): 0.000683289,
    (119, 155): 0.003196142,
}
LIBROSA_NONZERO = 316


def test_the_clean_sample_is_rated_as_by_the_original(sample):
    assert dnsmos(None, sample[0]) == pytest.approx(CLEAN_EXAMPLE, abs=SAME)


def test_a_short_signal_is_repeated_as_by_the_original(sample):
    assert dnsmos(None, sample[1][:9600]) == pytest.approx(FIRST_0_6_S, abs=SAME)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (9.01, [0]),
        (10, [0]),
        (10.999, [0]),
        (11, [0, 1]),
        (16.5, [0, 1, 2, 3, 4, 5, 6]),
        # From 7 to 23 s the original's segments come out one sample short, and it skips them.
        (18, [0, 1, 2, 3, 4, 5, 6]),
        (35, [0, 1, 2, 3, 4, 5, 6, 24, 25]),
    ],
)
def test_segments_are_those_of_the_original(seconds, starts):
    assert module._starts(round(seconds * RATE)) == [start * RATE for start in starts]


@pytest.mark.parametrize(("seconds", "times"), [(0.5, 32), (3, 4), (4.6, 2), (9, 2), (9.01, 1)])
def test_a_short_signal_is_doubled_until_it_fills_a_segment(seconds, times, monkeypatch):
    taken = []
    monkeypatch.setattr(module, "_rate", lambda x: taken.append(x) or (0, 0, 0, 0))
    x = np.random.default_rng(0).uniform(-0.9, 0.9, round(seconds * RATE)).astype(np.float32)
    dnsmos(None, x)
    whole = np.tile(x, times)
    assert np.array_equal(taken[0], whole[:144160])
    assert len(taken) == len(module._starts(whole.size))


def test_the_answer_is_the_mean_over_segments(monkeypatch):
    ratings = iter([(1, 2, 3, 4), (3, 2, 1, 0)])
    monkeypatch.setattr(module, "_rate", lambda x: next(ratings))
    assert dnsmos(None, np.full(11 * RATE, 0.1)) == (2.0, 2.0, 2.0, 2.0)


def test_overshoot_is_clipped_as_a_file_would_clip_it(monkeypatch):
    taken = []
    monkeypatch.setattr(module, "_rate", lambda x: taken.append(x) or (0, 0, 0, 0))
    dnsmos(None, np.tile([0.5, 1.5, -3.0, -0.25], 40000))
    assert taken[0][:4].tolist() == [0.5, 1.0, -1.0, -0.25]
    assert taken[0].dtype == np.float32


def test_the_level_is_never_changed(sample):
    # The networks judge the level too, so a softer copy must not get the same rating.
    assert abs(dnsmos(None, 0.05 * sample[0]).ovrl - CLEAN_EXAMPLE[0]) > 0.05


def test_polarity_is_not_heard(sample):
    # A logarithmic power spectrum is all that the networks see.
    assert dnsmos(None, -sample[0]) == pytest.approx(CLEAN_EXAMPLE, abs=SAME)


def test_unscaled_16_bit_values_are_refused(sample):
    with pytest.raises(ParameterError, match=r"peak of .*, needs full scale 1.0 \(at most 4\)"):
        dnsmos(None, sample[0] * 32768)


def test_less_than_half_a_second_is_refused(sample):
    with pytest.raises(ShapeError, match=r"got 0.4375 s, needs at least 0.5 s"):
        dnsmos(None, sample[0][:7000])


@pytest.mark.parametrize("case", ["click", "offset", "tone", "full scale", "faint"])
def test_an_odd_signal_gets_a_rating(case):
    t = np.arange(RATE * 10)
    x = {
        "click": (t == 500) * 1.0,
        "offset": np.full(t.size, 0.2),
        "tone": 0.5 * np.sin(0.3 * t),
        "full scale": np.sign(np.sin(0.3 * t)),
        "faint": 2e-9 * np.cos(t),
    }[case]
    assert all(0.5 < rating < 5 for rating in dnsmos(None, x))


def test_threads_of_one_process_get_the_same_answer(sample):
    alone = dnsmos(None, sample[1])
    assert alone == pytest.approx(NOISY_EXAMPLE, abs=SAME)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda x: dnsmos(None, x), [sample[1]] * 3)) == [alone] * 3


def rate_in_a_process_of_its_own(x):
    """Rate, and count the networks that had to be opened for it."""
    before = module._network.cache_info().misses
    return dnsmos(None, x), module._network.cache_info().misses - before


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_open_their_own_networks_and_get_the_same_answer(method, sample):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    alone = dnsmos(None, sample[1])  # the parent's networks are open when it forks
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        assert pool.submit(rate_in_a_process_of_its_own, sample[1]).result() == (alone, 2)


def test_a_process_opens_each_network_once_and_with_one_thread():
    network = module._network(module.P835, os.getpid())
    assert network is module._network(module.P835, os.getpid())
    assert network is not module._network(module.P835, -1)  # as after a fork
    options = network.get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1


def test_the_code_that_comes_with_the_networks_is_not_run(sample):
    dnsmos(None, sample[1][:9600])
    assert not [name for name in sys.modules if name.split(".")[0] in ("speechmos", "librosa")]


@pytest.mark.parametrize("package", ["onnxruntime", "speechmos"])
def test_a_missing_package_is_named(package, sample, monkeypatch):
    module._network.cache_clear()
    if package == "onnxruntime":
        monkeypatch.setitem(sys.modules, package, None)
    else:
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"dnsmos needs: pip install 'wheesht\[eval\]'"):
        dnsmos(None, sample[1])


def test_mel_bands_are_those_of_librosa():
    filters = mel._filters()
    assert filters.shape == (120, 161)
    for (band, place), value in LIBROSA_MEL.items():
        assert filters[band, place] == pytest.approx(value, abs=1e-8)
    assert np.count_nonzero(filters) == LIBROSA_NONZERO


def test_a_tone_stands_out_in_its_band():
    x = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    bands = mel.log_mel(x)
    assert bands.shape == (100, 120) and bands.dtype == np.float32
    assert bands.max() == 1.0 and bands.min() >= -1.0
    assert bands[50].argmax() == 39  # 1000 Hz is 15 of 45.2 mel, which 121 steps divide


def test_what_is_80_db_below_the_loudest_band_is_cut_off():
    x = np.zeros(RATE)
    x[8000] = 1.0
    assert mel.log_mel(x)[0].tolist() == [-1.0] * 120
