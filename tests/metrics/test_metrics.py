"""What holds for every metric, and for several at once."""

import subprocess
import sys

import numpy as np
import pytest

from wheesht.errors import (
    MissingDependency,
    ParameterError,
    ShapeError,
    SilentSignalError,
    WheeshtError,
)
from wheesht.metrics import METRICS, Signals, dnsmos, pesq, score
from wheesht.metrics.llr import llr
from wheesht.metrics.wss import wss

RATE = 16000
ORDER = (
    "pesq_wb pesq_nb stoi estoi si_sdr si_snr sdr seg_snr csig cbak covl "
    "dnsmos_ovrl dnsmos_sig dnsmos_bak dnsmos_p808 lufs"
).split()
INTRUSIVE = [name for name in ORDER if METRICS[name].needs_clean]

# Of examples/noisy.wav against examples/clean.wav. Made with pesq 0.0.4; pystoi 0.4.1;
# fast_bss_eval 0.1.4 (si_*); mir_eval 0.8.2 (sdr); speechmos 0.0.1.1 with its own code and librosa
# 0.11.0 (dnsmos_*); pyloudnorm 0.2.0; seg_snr and the composites by this code, after it had
# equalled a public log (tests/corpus/test_known_scores.py).
STORED = {
    "pesq_wb": 1.041856,
    "pesq_nb": 1.197552,
    "stoi": 0.860920,
    "estoi": 0.615920,
    "si_sdr": 2.982890,
    "si_snr": 2.984882,
    "sdr": 3.002051,
    "seg_snr": -2.165576,
    "csig": 1.471085,
    "cbak": 1.675973,
    "covl": 1.197941,
    "dnsmos_ovrl": 1.445409,
    "dnsmos_sig": 2.233271,
    "dnsmos_bak": 1.383022,
    "dnsmos_p808": 2.195061,
    "lufs": -21.758862,
}
# The values above have six decimals; other processors round differently, most of all in networks
# of float32 and in PESQ, whose program works in float32.
SAME = {name: 1e-4 if name.startswith(("dnsmos", "pesq", "c")) else 2e-6 for name in ORDER}


@pytest.fixture(scope="module")
def scores(sample):
    values, errors = score(ORDER, *sample, RATE)
    assert errors == {}
    return values


def test_the_order_is_that_of_every_table():
    assert list(METRICS) == ORDER == [metric.name for metric in METRICS.values()]


@pytest.mark.parametrize("name", ORDER)
def test_stored_value_of_the_shipped_sample(name, scores):
    assert scores[name] == pytest.approx(STORED[name], abs=SAME[name])


@pytest.mark.parametrize("name", [*INTRUSIVE, "dnsmos_p808", "lufs"])
def test_alone_it_is_what_it_is_among_others(name, sample, scores):
    assert METRICS[name](*sample, RATE) == scores[name]


@pytest.mark.parametrize("name", ORDER)
def test_every_metric_says_what_its_numbers_mean(name):
    metric = METRICS[name]
    assert metric.low < STORED[name] < metric.high
    assert metric.label and metric.source
    assert metric.better == ("" if name == "lufs" else "higher")
    assert metric.unit or name in ("stoi", "estoi")


@pytest.mark.parametrize("name", INTRUSIVE)
def test_the_clean_signal_itself_gets_the_best_score(name, speech):
    best = {"pesq_wb": 4.6439, "pesq_nb": 4.5486}.get(name, METRICS[name].high)
    assert METRICS[name](speech, speech, RATE) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("name", INTRUSIVE)
def test_noise_lowers_every_score(name, speech, noisy):
    less = speech + 0.1 * (noisy - speech)
    found = [METRICS[name](speech, x, RATE) for x in (speech, less, noisy)]
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("name", [name for name in ORDER if name not in INTRUSIVE])
def test_without_need_of_a_clean_signal_it_is_ignored(name, sample, monkeypatch):
    monkeypatch.setattr(dnsmos, "_rate", lambda x: (x[0], x[1], x[2], x[3]))
    want = METRICS[name](*sample, RATE)
    assert METRICS[name](None, sample[1], RATE) == want
    assert METRICS[name](np.full(3, np.nan), sample[1], RATE) == want


def test_each_dnsmos_metric_is_its_part_of_the_answer(sample, monkeypatch):
    monkeypatch.setattr(dnsmos, "_rate", lambda x: (1.0, 2.0, 3.0, 4.0))
    values, _ = score(ORDER, None, sample[1], RATE)
    assert [values[f"dnsmos_{part}"] for part in ("ovrl", "sig", "bak", "p808")] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda x: x[None], ShapeError, r"shape \(1, 160000\), needs \(N,\)"),
        (lambda x: x[:0], ShapeError, r"shape \(0,\), needs \(N,\)"),
        (lambda x: (x * 32768).astype(np.int16), ShapeError, "is int16, .* divide by 32768"),
        (lambda x: x + 0j, ShapeError, "is complex64, needs float"),
        (lambda x: np.where(np.arange(x.size) == 5, np.nan, x), ParameterError, r"NaN or Inf \(1"),
        (lambda x: np.where(np.arange(x.size) < 2, -np.inf, x), ParameterError, r"NaN or Inf \(2"),
        (lambda x: x * np.float32(1e9), ParameterError, "peak of .*e.08, needs full scale 1.0"),
    ],
    ids=["2-d", "empty", "int", "complex", "nan", "inf", "huge"],
)
def test_a_signal_that_is_none_is_refused(name, change, error, match, sample):
    clean, noisy = sample
    with pytest.raises(error, match=match):
        METRICS[name](clean, change(noisy), RATE)
    if METRICS[name].needs_clean:
        with pytest.raises(error, match=match):
            METRICS[name](change(clean), noisy, RATE)


@pytest.mark.parametrize("name", INTRUSIVE)
def test_unequal_lengths_are_refused(name, speech):
    with pytest.raises(ShapeError, match=r"48000 samples and enhanced 47999, needs two equal"):
        METRICS[name](speech, speech[:-1], RATE)
    with pytest.raises(ShapeError, match=r"47999 samples and enhanced 48000, needs two equal"):
        METRICS[name](speech[1:], speech, RATE)


@pytest.mark.parametrize("name", INTRUSIVE)
def test_a_missing_clean_signal_is_refused(name, speech):
    with pytest.raises(ShapeError, match="got no clean signal"):
        METRICS[name](None, speech, RATE)


@pytest.mark.parametrize("name", INTRUSIVE)
@pytest.mark.parametrize("level", [0.0, 1e-12])
def test_a_silent_clean_signal_has_no_score(name, level, speech):
    with pytest.raises(SilentSignalError, match="clean is silent"):
        METRICS[name](level * speech, speech, RATE)


@pytest.mark.parametrize("name", [n for n in ORDER if n not in ("si_sdr", "si_snr", "sdr")])
def test_a_silent_enhanced_signal_has_no_score(name, speech):
    if name == "seg_snr":  # for which muting is a way to get 0 dB
        assert METRICS[name](speech, 0 * speech, RATE) == pytest.approx(0.0, abs=1e-9)
        return
    with pytest.raises(SilentSignalError, match="enhanced is silent"):
        METRICS[name](speech, 1e-12 * speech, RATE)


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb", "csig", "cbak", "covl", *ORDER[11:15]])
@pytest.mark.parametrize("rate", [8000, 48000])
def test_metrics_for_16_khz_refuse_another_rate(name, rate, speech):
    with pytest.raises(ParameterError, match=f"got {rate} Hz, needs 16000 Hz; resample first"):
        METRICS[name](speech, speech, rate)


@pytest.mark.parametrize("measure", [llr, wss])
def test_parts_of_the_composites_refuse_another_rate(measure, speech):
    with pytest.raises(ParameterError, match="got 8000 Hz, needs 16000 Hz"):
        measure(speech, speech, 8000)


@pytest.mark.parametrize("rate", [0, -16000, 16000.5, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate, speech):
    values, errors = score(ORDER, speech, speech, rate)
    assert values == {} and list(errors) == ORDER
    assert all("needs a positive whole number" in text for text in errors.values())


@pytest.mark.parametrize("name", [*INTRUSIVE, "dnsmos_ovrl", "lufs"])
def test_the_kind_of_float_and_the_layout_in_memory_do_not_matter(name, sample, scores):
    clean, noisy = (np.repeat(x.astype(np.float64), 2)[::2] for x in sample)
    clean.flags.writeable = noisy.flags.writeable = False
    # PESQ and the networks take float32 either way, the others sum in float64.
    assert METRICS[name](clean, noisy, RATE) == pytest.approx(scores[name], abs=1e-6)


def test_shared_work_is_done_once(sample):
    calls = []

    def work(clean, enhanced, sample_rate):
        calls.append(sample_rate)
        return 7.0

    def failing(clean, enhanced, sample_rate):
        calls.append("failing")
        raise ParameterError("as it must")

    signals = Signals(*sample, RATE)
    assert signals.once(work) == signals.once(work) == 7.0
    for _ in range(2):
        with pytest.raises(ParameterError, match="as it must"):
            signals.once(failing)
    assert calls == [RATE, "failing"]


def test_one_clip_runs_the_networks_and_pesq_once(sample, monkeypatch):
    runs = []
    monkeypatch.setattr(dnsmos, "_rate", lambda x: runs.append("dnsmos") or (1, 2, 3, 4))
    monkeypatch.setattr(pesq, "_pesq", lambda name, *rest: runs.append(name) or 2.0)
    score(ORDER, *sample, RATE)
    assert sorted(runs) == ["dnsmos", "pesq_nb", "pesq_wb"]


def test_scores_come_in_the_order_asked_for_and_errors_beside_them(sample):
    values, errors = score(["lufs", "si_sdr", "dnsmos_sig"], None, sample[1][:4000], RATE)
    assert list(values) == ["lufs"] and list(errors) == ["si_sdr", "dnsmos_sig"]
    assert "got no clean signal" in errors["si_sdr"]
    assert "got 0.25 s, needs at least 0.5 s" in errors["dnsmos_sig"]


def test_what_is_wrong_with_the_signals_is_said_in_one_sentence(sample):
    clean, noisy = sample
    _, errors = score(ORDER, clean, np.append(noisy[1:], np.float32(np.nan)), RATE)
    assert list(errors) == ORDER and len(set(errors.values())) == 1


def test_a_composite_fails_with_the_sentence_of_pesq(sample):
    clean, noisy = sample
    _, errors = score(["pesq_wb", "csig", "cbak", "covl"], clean[:3000], noisy[:3000], RATE)
    assert len(errors) == 4 and len(set(errors.values())) == 1


def test_an_unknown_name_is_refused(sample):
    with pytest.raises(ParameterError, match=r"got 'pesq', needs names of pesq_wb, pesq_nb"):
        score(["pesq"], *sample, RATE)


@pytest.mark.parametrize(
    ("name", "package"),
    [("pesq_wb", "pesq"), ("estoi", "pystoi"), ("sdr", "scipy"), ("lufs", "pyloudnorm")],
)
def test_a_missing_package_is_named_and_ends_the_scoring(name, package, sample, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=rf"{name} needs: pip install 'wheesht\[eval\]'"):
        score(["si_sdr", name], *sample, RATE)


def hostile(n=24000):
    """Pairs that no recording holds, but a broken tool might."""
    rng = np.random.default_rng(3)
    t = np.arange(n)
    click = (t == 9000).astype(np.float32)
    ones = np.ones(n, np.float32)
    tone = np.sin(0.2 * t)
    voice = rng.standard_normal(n) * (np.sin(2 * np.pi * 3 * t / RATE) > 0) * 0.1
    return {
        "ones": (ones, ones),
        "offset": (voice, 0.1 * ones),
        "clean offset": (0.1 * ones, voice),
        "click": (voice, click),
        "clean click": (click, voice),
        "last sample": (np.roll(click, n - 9001), np.roll(click, n - 9001)),
        "tone": (tone, np.roll(tone, 3)),
        "square": (np.sign(tone), np.sign(tone)),
        "alternating": ((-1.0) ** t, voice),
        "one bit": ((t % 2) / 32768, voice),
        "clipped": (voice, np.clip(100 * voice, -1, 1)),
        "half muted": (voice, np.where(t < n // 2, voice, 0)),
        "clean half muted": (np.where(t < n // 2, voice, 0), voice),
        "reversed": (voice, voice[::-1]),
        "0.3 s": (voice[:4800], voice[:4800]),
        "one sample": (ones[:1], ones[:1]),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", hostile())
def test_an_odd_signal_gets_a_number_or_a_sentence(case):
    clean, enhanced = hostile()[case]
    names = [name for name in ORDER if not name.startswith("dnsmos")]  # see test_dnsmos.py
    for name in names:
        try:
            value = METRICS[name](clean, enhanced, RATE)
        except WheeshtError as error:
            assert ": " in str(error)
        else:
            # Unrelated signals may correlate negatively, by the definition of (E)STOI.
            low = -1.0 if name in ("stoi", "estoi") else METRICS[name].low
            assert type(value) is float and low <= value <= METRICS[name].high + 1e-6


def test_importing_the_metrics_loads_no_optional_package():
    heavy = ["pesq", "pystoi", "scipy", "onnxruntime", "pyloudnorm", "speechmos", "torch"]
    code = f"import sys, wheesht.metrics; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
