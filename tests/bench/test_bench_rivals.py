"""Rivals: what is there is right and gets a row, what is not is named, what is broken is left."""

import gc
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of, random_tensors

from wheesht.bench import contestants, rivals
from wheesht.bench.field import Field
from wheesht.bench.gate_rivals import check_denoiser, check_network, seen_by
from wheesht.bench.rivals import base, rnnoise, speexdsp
from wheesht.bench.signals import hops_of, speech_like
from wheesht.errors import GateError, MissingDependency
from wheesht.spec.bundle import Bundle

SPEECH = speech_like(6.0)
X = speech_like(1.0).noisy
CLOCK = time.perf_counter_ns


HOP_MS = {"dtln": 8.0, "dtln_int8": 8.0, "gtcrn": 16.0, "noisereduce": None}  # others 10


def denoiser_or_skip(name, folder):
    try:
        return rivals.DENOISERS[name](folder)
    except MissingDependency as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", rivals.DENOISERS)
def test_an_installed_denoiser_passes_and_enters(name, rival_files):
    rival = denoiser_or_skip(name, rival_files)
    found = check_denoiser(rival, SPEECH)
    assert found["backend"] == name and found["pause_db"] < -3 and found["speech_db"] > -20
    who = contestants.denoiser(rival, X, CLOCK)
    seconds = len(who.items) * who.seconds
    assert seconds == pytest.approx(3.0 if rival.hop_length is None else 1.0, abs=0.016)
    assert who.facts.hop_ms == HOP_MS.get(name, 10.0)
    assert who.facts.sample_rate == rival.sample_rate and who.facts.timed == rival.timed


@pytest.mark.parametrize("name", rivals.DENOISERS)
def test_the_timed_call_lives_on_its_own(name, rival_files):
    """Libraries in C write into memory that only the step may be holding."""
    rival = denoiser_or_skip(name, rival_files)
    step, finish = rival.step, rival.finish
    pieces = [X] if rival.hop_length is None else hops_of(X, rival.hop_length)
    inputs = [rival.prepare(piece) for piece in pieces]
    del rival
    gc.collect()
    filler = [np.full(480, 7.0, np.float32) for _ in range(100)]  # takes freed memory
    outputs = [np.array(finish(step(item))) for item in inputs]
    assert all(np.all(array == 7.0) for array in filler)
    again = denoiser_or_skip(name, rival_files)
    for item, want in zip(inputs, outputs, strict=True):
        assert np.array_equal(again.finish(again.step(item)), want)


def test_webrtc_is_there_as_the_development_extra_promises():
    assert isinstance(rivals.DENOISERS["webrtc"](None), base.Denoiser)


@pytest.mark.parametrize(
    "name, module, advice",
    [
        ("webrtc", "webrtc_noise_gain", "pip install 'wheesht[rivals]'"),
        ("noisereduce", "noisereduce", "pip install 'wheesht[rivals]'"),
        ("onnxruntime", "onnxruntime", "pip install 'wheesht[bench]'"),
        ("onnxruntime", "onnx", "pip install 'wheesht[bench]'"),
        ("torch", "torch", "pip install 'wheesht[train]'"),
    ],
)
def test_an_absent_package_is_skipped_with_what_to_install(
    name, module, advice, bundle, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    field = Field(X, lambda: 0)
    field.enter_rival(name, {"m": bundle})
    assert field.contestants == field.gated == []
    assert len(field.skipped) == 1
    assert field.skipped[0].startswith(name) and advice in field.skipped[0]


@pytest.mark.parametrize(
    "module, name, advice",
    [(speexdsp, "speexdsp", "apt install libspeexdsp1"), (rnnoise, "rnnoise", "wheesht[rivals]")],
)
def test_an_absent_library_is_skipped_with_what_to_install(module, name, advice, monkeypatch):
    def no_library(path):
        raise OSError(path)

    monkeypatch.setattr(module.ctypes, "CDLL", no_library)
    field = Field(X, lambda: 0)
    field.enter_rival(name, {})
    assert not field.contestants and advice in field.skipped[0]


def fake(step, hop_length=160, sample_rate=16000, prepare=lambda x: x):
    return base.Denoiser(
        "fake", "f32", sample_rate, hop_length, "nothing", prepare, step, lambda y: y
    )


def clean_of(hop_length):
    """A denoiser that knows the answer."""
    pieces = iter(hops_of(SPEECH.clean + 0.1 * SPEECH.noise, hop_length))
    return fake(lambda hop: next(pieces), hop_length)


def test_a_denoiser_that_denoises_passes():
    found = check_denoiser(clean_of(160), SPEECH)
    assert found["pause_db"] == pytest.approx(-20, abs=0.1)
    assert -2 < found["speech_db"] < 0


@pytest.mark.parametrize(
    "step, reason",
    [
        (lambda hop: hop, r"turns pauses down by -?0\.0 dB only"),
        (lambda hop: 0 * hop, "its output is silent"),
        (lambda hop: hop * np.float32(np.nan), "not finite"),
        (lambda hop: hop[:-1], "gave an output of shape"),
        (lambda hop: 0.01 * hop, "turns the speech down by 40.0 dB"),
    ],
    ids=["unchanged", "silent", "nan", "short", "muffled"],
)
def test_a_broken_denoiser_is_not_timed(step, reason):
    with pytest.raises(GateError, match=f"not timed: fake: .*{reason}"):
        check_denoiser(fake(step), SPEECH)


def test_a_denoiser_gets_the_rate_that_it_takes():
    lengths = []

    def step(hop):
        lengths.append(len(hop))
        return 0.5 * hop  # 6 dB, in speech and pauses alike

    found = check_denoiser(fake(step, 480, 48000), SPEECH)
    assert set(lengths) == {480} and len(lengths) == 600
    assert found["pause_db"] == found["speech_db"] == -6.0
    who = contestants.denoiser(fake(step, 480, 48000), X, CLOCK)
    assert len(who.items) == 100 and who.items[0].shape == (480,)


def test_a_denoiser_of_whole_signals_is_called_a_few_times():
    quiet = SPEECH.clean + 0.1 * SPEECH.noise
    whole = fake(lambda x: quiet if len(x) == len(quiet) else x, hop_length=None)
    assert check_denoiser(whole, SPEECH)["pause_db"] == pytest.approx(-20, abs=0.1)
    who = contestants.denoiser(whole, X, CLOCK)
    assert [len(item) for item in who.items] == 3 * [16000]
    assert who.seconds == 1.0 and who.facts.hop_ms is None and who.is_long


def test_the_network_of_a_denoiser_is_timed_alone_where_it_can_be():
    calls = []
    rival = replace(fake(lambda hop: hop), network_step=lambda: calls.append(1))
    who = contestants.denoiser(rival, X, iter([1, 8]).__next__)
    assert who.inside[0](who.items[0]) == [7] and calls == [1]
    assert [part.type for part in who.parts] == ["network"]
    assert contestants.denoiser(fake(lambda hop: hop), X, CLOCK).inside == ()


def test_pcm_conversion_rounds_and_clips():
    x = np.array([0.0, 1.0, -1.0, 2.0, -2.0, 1.6 / 32768, -1.6 / 32768], np.float32)
    assert base.to_pcm16(x).tolist() == [0, 32767, -32768, 32767, -32768, 2, -2]
    assert base.from_pcm16(np.array([-32768, 16384], np.int16)).tolist() == [-1.0, 0.5]


@pytest.mark.parametrize("gate, order", [("none", 0), ("top_a", 0), ("threshold", 0), ("top_a", 3)])
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_another_runtime_gives_the_mask_of_the_judge_with_every_unit(name, gate, order):
    pytest.importorskip(name)
    model = random_bundle_of(gru_host((21, 33), gate, filter_order=order), seed=1)
    network = rivals.NETWORKS[name](model)
    try:
        assert 0 < check_network("m", model, network, X)["output_error"] < 1e-5
        who = contestants.network("m", model, network, seen_by(model, X), iter(range(99)).__next__)
        assert who.inside[0](who.items[0]) == [1]
        assert len(who.items) == 100 and who.facts.update_percent == 100
    finally:
        network.close()


def test_a_runtime_with_a_wrong_filter_is_not_timed():
    pytest.importorskip("torch")
    model = random_bundle_of(gru_host((21, 33), filter_order=3), seed=1)
    bias = model.tensors["fc_out.bias"].copy()
    bias[-1] += 0.01
    other = Bundle(model.spec, model.tensors | {"fc_out.bias": bias}, model.sha256)
    network = rivals.NETWORKS["torch"](other)
    try:
        with pytest.raises(GateError, match="not timed: torch on m: its output is 1.0e-02 away"):
            check_network("m", model, network, X)
    finally:
        network.close()


@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_a_network_without_recurrent_layers_can_be_timed(name):
    pytest.importorskip(name)
    model = random_bundle_of(gru_host((21, 33), "none"))
    dense = replace(model.spec, layers=(replace(model.spec.layers[-1], input_size=160),))
    tensors = random_tensors(dense)
    bundle = Bundle(dense, tensors, "0" * 64)
    field = Field(X, lambda: 0)
    with field:
        field.enter_rival(name, {"m": bundle})
    assert field.contestants[0].inside == ()


def test_a_wrong_runtime_is_not_timed(bundle, monkeypatch):
    pytest.importorskip("onnxruntime")
    onnx_step = pytest.importorskip("wheesht.bench.rivals.onnx_step")
    right = onnx_step.onnx_gru_weights

    def without_the_complement(tensors, layer):
        w, r, b = right(tensors, layer)
        return -w, r, b

    monkeypatch.setattr(onnx_step, "onnx_gru_weights", without_the_complement)
    with pytest.raises(GateError, match="not timed: onnxruntime on m: its output is"):
        Field(X, lambda: 0).enter_rival("onnxruntime", {"m": bundle})


def test_onnx_weights_are_reordered_and_the_update_gate_complemented():
    onnx_step = pytest.importorskip("wheesht.bench.rivals.onnx_step")
    spec = gru_host(hidden=(3,), n_bins=4)
    tensors = random_tensors(spec)
    w, recurrent, bias = onnx_step.onnx_gru_weights(tensors, spec.recurrent_layers[0])
    r, z, c = np.split(tensors["gru1.w_x"], 3)
    assert np.array_equal(w[0], np.concatenate([-z, r, c]))
    assert recurrent.shape == (1, 9, 3) and bias.shape == (1, 18)


def test_torch_has_its_threads_back_afterwards(bundle):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with Field(X, lambda: 0) as field:
            field.enter_rival("torch", {"a": bundle, "b": bundle})
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        assert [who.facts.model for who in field.contestants] == ["a", "b"]
        assert field.names == ["torch a", "torch b"]
    finally:
        torch.set_num_threads(before)
