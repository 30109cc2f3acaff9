"""The extension's own interface: hops in and out, settings, counters, refusals, threads."""

import gc
import resource
import threading

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_bundle_of, speech_like

from wheesht.dsp.stft import sqrt_hann
from wheesht.engine import _ext
from wheesht.engine.pack import pack, twiddle_factors
from wheesht.spec.cost import model_cost

HOP = 160


@pytest.fixture(scope="module")
def model():
    return pack(random_bundle_of(gru_host(hidden=(7, 33))))


@pytest.fixture(scope="module", params=["gru", "bands", "bins"])
def any_model(request):
    specs = {"gru": gru_host(hidden=(7, 33)), "bands": band_host(), "bins": bin_host()}
    return pack(random_bundle_of(specs[request.param]))


@pytest.fixture
def stream(model):
    return _ext.Stream(model)


@pytest.fixture(scope="module")
def signal():
    return speech_like(0.5).astype(np.float32)  # 50 hops


def bits(array):
    return array.tobytes()


@pytest.mark.parametrize("isa", _ext.isa_names())
def test_output_does_not_depend_on_how_many_hops_a_call_has(any_model, signal, isa):
    whole, whole_gain = _ext.Stream(any_model, isa).process(signal)
    stream = _ext.Stream(any_model, isa)
    parts = [stream.process(part) for part in np.split(signal, [HOP, 4 * HOP, 4 * HOP, 17 * HOP])]
    assert bits(np.concatenate([y for y, _ in parts])) == bits(whole)
    assert bits(np.concatenate([g for _, g in parts])) == bits(whole_gain)
    assert stream.isa == isa


@pytest.mark.parametrize("update_percent", [100.0, 50.0, 3.0])
def test_instruction_sets_agree_bit_for_bit(any_model, signal, update_percent):
    results = []
    for isa in _ext.isa_names():
        stream = _ext.Stream(any_model, isa)
        stream.set_update_percent(update_percent)
        results.append(bits(stream.process(signal)[0]) + bits(stream.hidden()))
    assert results[0] == results[-1] and len(set(results)) == 1


def test_scalar_comes_first_and_the_last_is_the_default(stream):
    names = _ext.isa_names()
    assert names[0] == "scalar" and names[-1] == stream.isa and len(set(names)) == len(names)


def test_no_hops_are_fine(stream):
    y, gain = stream.process(np.zeros(0, np.float32))
    assert y.shape == gain.shape == (0,) and stream.hops() == 0


def test_band_gain_is_the_mean_of_the_band_at_first_the_highest_eighth(stream, signal):
    _, gain = stream.process(signal[: 20 * HOP])
    mask = stream.mask()
    assert mask.shape == (160,) and mask.dtype == np.float32
    assert gain[-1] == pytest.approx(mask[-20:].mean(), rel=1e-6)  # float32 sum of 20
    stream.set_gain_band(70, 9)
    _, gain = stream.process(signal[20 * HOP :])
    assert gain[-1] == pytest.approx(stream.mask()[70:79].mean(), rel=1e-6)


@pytest.mark.parametrize("band", [(-1, 1), (160, 1), (0, 0), (0, 161), (159, 2)], ids=str)
def test_a_gain_band_outside_the_mask_is_refused(stream, band):
    with pytest.raises(ValueError, match="gain_band: .* outside its range"):
        stream.set_gain_band(*band)


def test_min_gain_holds_the_mask_up(stream, signal):
    stream.set_min_gain(0.75)
    stream.process(signal)
    assert stream.mask().min() == 0.75


def test_counters_agree_with_the_spec(signal):
    spec = gru_host(hidden=(7, 33))
    stream = _ext.Stream(pack(random_bundle_of(spec)))
    stream.set_update_percent(50.0)
    stream.process(signal)
    hops = signal.size // HOP
    assert stream.hops() == hops
    assert stream.updated_units() == [4 * hops, 17 * hops]
    strict = [160 * 7, 7 * 14 + 8 * 14, 33 * 40 + 34 * 40, 33 * 160]
    assert stream.executed_macs() == [hops * macs for macs in strict]
    assert sum(strict) * 100 == model_cost(spec, 50.0).strict.total
    assert stream.selected().sum() == 4 + 17


def test_counters_of_scans_agree_with_the_spec(signal):
    spec = bin_host((("both", 5), ("time", 6)), n_bins=23, channels=6, compression="none")
    stream = _ext.Stream(pack(random_bundle_of(spec)))
    stream.set_update_percent(50.0)
    stream.process(signal)
    hops = signal.size // HOP
    # At each of 23 positions A = 3 of 5 both ways, and A = 3 of 6.
    assert stream.updated_units() == [hops * 23 * 2 * 3, hops * 23 * 3]
    assert stream.selected().shape == (23 * (2 * 5 + 6),)
    assert stream.hidden().shape == (23 * 6,)  # of the scan over time
    per_hop = [macs // hops for macs in stream.executed_macs()]
    recurrent = [23 * 2 * (5 + 6) * 11, 23 * (6 + 6) * 12]
    linear = [23 * 3 * 2 * 6, 23 * 10 * 6, 23 * 6 * 6, 23 * 6 * 2]
    assert per_hop == [
        linear[0],
        recurrent[0],
        linear[1],
        0,
        0,
        recurrent[1],
        linear[2],
        0,
        0,
        linear[3],
    ]
    assert sum(per_hop) * 100 == model_cost(spec, 50.0).strict.total


def test_given_masks_replace_the_gate(any_model, signal):
    free, given = _ext.Stream(any_model), _ext.Stream(any_model)
    free.set_update_percent(40.0)
    rows, outputs = [], []
    for hop in signal.reshape(-1, HOP):
        outputs.append(free.process(hop)[0])
        rows.append(free.selected())
    y, _ = given.process_given(signal, np.array(rows))
    assert bits(y) == bits(np.concatenate(outputs))
    assert given.updated_units() == free.updated_units()


def test_reset_starts_again_and_keeps_settings(any_model, signal):
    stream = _ext.Stream(any_model)
    stream.set_update_percent(30.0)
    first, _ = stream.process(signal)
    stream.reset()
    assert stream.hops() == 0 and sum(stream.executed_macs()) == 0 and not stream.hidden().any()
    again, _ = stream.process(signal)
    assert bits(again) == bits(first)


def test_clone_is_independent(any_model, signal):
    stream = _ext.Stream(any_model)
    stream.set_update_percent(30.0)
    stream.process(signal[: 20 * HOP])
    copy = stream.clone()
    expected, _ = stream.process(signal[20 * HOP :])
    stream.reset()
    del stream
    gc.collect()
    got, _ = copy.process(signal[20 * HOP :])
    assert bits(got) == bits(expected) and copy.hops() == 50


def test_stream_keeps_its_model_alive(signal):
    bundle = random_bundle_of(gru_host(hidden=(7, 33)))
    expected, _ = _ext.Stream(pack(bundle)).process(signal)
    stream = _ext.Stream(pack(bundle))
    gc.collect()
    clutter = [np.full(50_000, np.nan, np.float32) for _ in range(20)]
    got, _ = stream.process(signal)
    assert bits(got) == bits(expected) and len(clutter) == 20


def test_profiling_measures_only_while_it_is_on(stream, signal):
    stream.process(signal)
    assert stream.total_nanoseconds() == 0 and stream.layer_nanoseconds() == [0, 0, 0, 0]
    stream.set_profiling(True)
    stream.process(signal)
    total, layers = stream.total_nanoseconds(), stream.layer_nanoseconds()
    assert 0 < sum(layers) < total and min(layers) > 0
    stream.set_profiling(False)
    stream.process(signal)
    assert stream.total_nanoseconds() == total


@pytest.mark.parametrize("size", [1, 159, 161, 319])
def test_a_broken_hop_is_refused(stream, size):
    with pytest.raises(ValueError, match=f"got {size} samples, needs a multiple of 160"):
        stream.process(np.zeros(size, np.float32))


@pytest.mark.parametrize(
    "x",
    [np.zeros(160), np.zeros(320, np.float32)[::2], np.zeros((1, 160), np.float32), [0.0] * 160],
    ids=["float64", "strided", "two dimensions", "list"],
)
def test_nothing_is_converted_silently(stream, x):
    with pytest.raises(TypeError, match="incompatible"):
        stream.process(x)


@pytest.mark.parametrize("shape", [(1, 39), (1, 41), (2, 40), (0, 40)])
def test_masks_of_another_shape_are_refused(stream, shape):
    with pytest.raises(ValueError, match="one row per hop and 40 columns"):
        stream.process_given(np.zeros(HOP, np.float32), np.ones(shape, np.uint8))


@pytest.mark.parametrize("percent", [0.0, -1.0, 100.5, float("nan")])
def test_update_percent_outside_its_range_is_refused(stream, percent):
    with pytest.raises(ValueError, match="update_percent: .* outside its range"):
        stream.set_update_percent(percent)


@pytest.mark.parametrize("gain", [-0.1, 1.1, float("nan")])
def test_min_gain_outside_its_range_is_refused(stream, gain):
    with pytest.raises(ValueError, match="min_gain: .* outside its range"):
        stream.set_min_gain(gain)


def test_unknown_instruction_set_is_refused(model):
    with pytest.raises(ValueError, match="instruction set is unknown"):
        _ext.Stream(model, "mmx")


FEATURES = {
    "kind": "log_power",
    "first_bin": 1,
    "n_bins": 3,
    "floor": 1e-8,
    "mean": np.zeros(3, np.float32),
    "scale": np.ones(3, np.float32),
}
SPECTRUM = {"kind": "scaled_spectrum", "first_bin": 1, "n_bins": 5, "floor": 1e-8}
HEAD = {"kind": "magnitude", "first_bin": 1, "n_bins": 5}


def empty_model(features=FEATURES, head=HEAD, **changes):
    fields = dict(
        win_length=320, hop_length=160, n_fft=320, window=sqrt_hann(320).astype(np.float32),
        twiddle=twiddle_factors(320),
    )  # fmt: skip
    model = _ext.Model(**{**fields, **changes})
    model.set_features(**features)
    model.set_head(**head)
    return model


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": sqrt_hann(160).astype(np.float32)}, "window: got 160 numbers, needs 320"),
        ({"twiddle": twiddle_factors(160)}, "twiddle: got 320 numbers, needs 640"),
        ({"features": FEATURES | {"scale": zeros(2)}}, "scale: got 2 numbers, needs 3"),
        ({"features": FEATURES | {"mean": zeros(4)}}, "mean: got 4 numbers, needs 3"),
        ({"features": FEATURES | {"n_bins": 0}}, "features: got 0, needs 1 to 4096"),
        ({"features": FEATURES | {"kind": "mel"}}, "features: unknown name 'mel'"),
        ({"head": HEAD | {"kind": "phase"}}, "head: unknown name 'phase'"),
        ({"win_length": -320}, "win_length, hop_length, n_fft"),
    ],
)
def test_arrays_that_do_not_fit_the_front_end_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        empty_model(**changes)


def deep(filter_bins, order):
    return {**HEAD, "kind": "deep_filter", "filter_bins": filter_bins, "filter_order": order}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop_length": 80}, "win_length, hop_length, n_fft"),
        ({"features": FEATURES | {"floor": 0.0}}, "features"),
        ({"features": FEATURES | {"first_bin": 159}}, "features"),
        ({"features": FEATURES | {"mean": None}}, "pointer is NULL"),
        ({"features": FEATURES | {"n_bins": 2, "mean": zeros(2), "scale": zeros(2)}}, "layer"),
        ({"features": SPECTRUM}, "layer"),
        ({"head": HEAD | {"n_bins": 4}}, "mask"),
        ({"head": HEAD | {"first_bin": 157}}, "mask"),
        ({"head": HEAD | {"filter_bins": 2}}, "filter's bins"),
        ({"head": HEAD | {"filter_order": 1}}, "filter's bins"),
        ({"head": deep(6, 1)}, "filter's bins"),
        ({"head": deep(2, 9)}, "filter's bins"),
        ({"head": deep(2, 1)}, "activation that the head needs"),
        (
            {"head": HEAD | {"kind": "magnitude_filter", "filter_order": 1, "filter_width": 2}},
            "even",
        ),
        ({"head": HEAD | {"kind": "mapping"}}, "activation that the head needs"),
    ],
)
def test_models_that_do_not_fit_together_make_no_stream(changes, message):
    model = empty_model(**changes)
    model.add_linear(3, 5, zeros(48), zeros(5), "sigmoid")
    with pytest.raises(ValueError, match=message):
        _ext.Stream(model)


def test_a_model_without_layers_makes_no_stream():
    with pytest.raises(ValueError, match="layer"):
        _ext.Stream(empty_model())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5, 48, 5, "relu"), "input_size: got 0, needs 1 to 4096"),
        ((3, 1 << 40, 48, 5, "relu"), "output_size: got 1099511627776"),
        ((3, 5, 47, 5, "relu"), "weight: got 47 numbers, needs 48"),
        ((3, 17, 48, 17, "relu"), "weight: got 48 numbers, needs 96"),
        ((3, 5, 48, 6, "relu"), "bias: got 6 numbers, needs 5"),
        ((3, 5, 48, 5, "gelu"), "activation: unknown name 'gelu'"),
    ],
)
def test_linear_layers_with_wrong_arrays_are_refused(arguments, message):
    n_in, n_out, weight, bias, activation = arguments
    with pytest.raises(ValueError, match=message):
        empty_model().add_linear(n_in, n_out, zeros(weight), zeros(bias), activation)


@pytest.mark.parametrize(
    ("z", "rc", "bias", "gate", "threshold", "scan", "message"),
    [
        (127, 320, (4, 5), "top_a", None, "time", "z: got 127 numbers, needs 128"),
        (128, 319, (4, 5), "top_a", None, "up", "rc: got 319 numbers, needs 320"),
        (128, 320, (4, 5), "top_a", None, "both", "z: got 128 numbers, needs 256"),
        (256, 320, (8, 5), "top_a", None, "both", "rc: got 320 numbers, needs 640"),
        (256, 640, (4, 5), "top_a", None, "both", "bias: needs 4 rows for each direction"),
        (256, 640, (8, 5), "threshold", 5, "both", "threshold: got 5 numbers, needs 10"),
        (128, 320, (3, 5), "top_a", None, "down", "bias: needs 4 rows"),
        (128, 320, (4, 6), "top_a", None, "time", "bias rows: got 6 numbers, needs 5"),
        (128, 320, (4, 5), "best", None, "time", "gate: unknown name 'best'"),
        (128, 320, (4, 5), "top_a", None, "across", "scan: unknown name 'across'"),
        (128, 320, (4, 5), "threshold", 4, "time", "threshold: got 4 numbers, needs 5"),
    ],
)
def test_gru_layers_with_wrong_arrays_are_refused(z, rc, bias, gate, threshold, scan, message):
    theta = threshold and zeros(threshold)
    with pytest.raises(ValueError, match=message):
        empty_model().add_gru(3, 5, zeros(z), zeros(rc), zeros(*bias), gate, theta, scan)


def bounds(*numbers):
    return np.array(numbers, np.int32)


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        ("conv", (2, 5, 3, zeros(95), zeros(5)), "weight: got 95 numbers, needs 96"),
        ("conv", (2, 5, 3, zeros(96), zeros(6)), "bias: got 6 numbers, needs 5"),
        ("conv", (2, 5, 0, zeros(96), zeros(5)), "kernel_size"),
        ("conv", (2, 5, 17, zeros(96), zeros(5)), "kernel_size"),
        ("conv", (2, 5000, 1, zeros(96), zeros(5)), "output_size: got 5000"),
        ("layer_norm", (5, zeros(4), zeros(5)), "weight: got 4 numbers, needs 5"),
        ("layer_norm", (5, zeros(5), zeros(6)), "bias: got 6 numbers, needs 5"),
        ("layer_norm", (0,), "input_size: got 0"),
        ("rectifier", (-1,), "input_size: got -1"),
        ("residual", (4097, 0), "input_size: got 4097"),
        ("band_analysis", (bounds(0, 1, 3), 5, zeros(48)), "bounds: needs 4 numbers or more"),
        ("band_analysis", (bounds(0, 1, 1, 3), 5, zeros(48)), "bounds: need to rise from 0"),
        ("band_analysis", (bounds(1, 2, 3, 4), 5, zeros(48)), "bounds: need to rise from 0"),
        ("band_analysis", (bounds(0, 1, 2, 5000), 5, zeros(48)), "bounds: got 5000"),
        ("band_analysis", (bounds(0, 1, 2, 3), 5, zeros(63)), "weight: got 63 numbers, needs 64"),
        (
            "band_synthesis",
            (7, bounds(0, 1, 2, 3), 5, zeros(223), zeros(20)),
            "weight: got 223 numbers, needs 224",
        ),
        (
            "band_synthesis",
            (7, bounds(0, 1, 2, 3), 5, zeros(224), zeros(19)),
            "bias: got 19 numbers, needs 20",
        ),
    ],
)
def test_other_layers_with_wrong_arrays_are_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(empty_model(), f"add_{layer}")(*arguments)


@pytest.mark.parametrize(
    "add",
    [
        lambda model: model.add_residual(2, 0),
        lambda model: model.add_rectifier(3),
        lambda model: model.add_conv(2, 4, 2, zeros(64), zeros(4)),
        lambda model: model.add_band_analysis(bounds(0, 1, 3, 5), 2, zeros(112)),
        lambda model: model.add_band_synthesis(2, bounds(0, 1, 3, 5), 2, zeros(64), zeros(14)),
    ],
    ids=["own output", "another width", "even kernel", "many positions", "too few positions"],
)
def test_layers_that_do_not_fit_their_input_make_no_stream(add):
    model = empty_model(SPECTRUM, HEAD | {"kind": "mapping"})
    add(model)
    with pytest.raises(ValueError, match="a layer has a kind, size, activation"):
        _ext.Stream(model)


def test_half_a_layer_norm_makes_no_stream():
    model = empty_model(SPECTRUM, HEAD | {"kind": "mapping"})
    model.add_layer_norm(2, zeros(2))
    with pytest.raises(ValueError, match="pointer is NULL"):
        _ext.Stream(model)


def test_threshold_gate_without_thresholds_makes_no_stream():
    model = empty_model()
    model.add_gru(3, 5, zeros(128), zeros(320), zeros(4, 5), "threshold")
    model.add_linear(5, 5, zeros(80), zeros(5), "sigmoid")
    with pytest.raises(ValueError, match="pointer is NULL"):
        _ext.Stream(model)


def test_a_model_in_use_takes_no_more_layers(model, stream):
    for change in (
        lambda: model.add_linear(3, 5, zeros(48), zeros(5), "relu"),
        lambda: model.add_rectifier(3),
        lambda: model.set_features(**FEATURES),
        lambda: model.set_head(**HEAD),
    ):
        with pytest.raises(RuntimeError, match="a stream uses it"):
            change()


def test_streams_in_several_threads_do_not_disturb_each_other(model, signal):
    expected, _ = _ext.Stream(model).process(signal)
    results: dict[int, bytes] = {}

    def work(key: int) -> None:
        stream = _ext.Stream(model)
        results[key] = b"".join(bits(stream.process(hop)[0]) for hop in signal.reshape(-1, HOP))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(4), bits(expected))


def test_a_stream_in_use_by_another_thread_says_so(stream):
    long = np.zeros(40_000 * HOP, np.float32)
    thread = threading.Thread(target=stream.process, args=(long,))
    thread.start()
    refused = ""
    while thread.is_alive() and not refused:  # the interpreter is free while the engine works
        try:
            stream.reset()
        except RuntimeError as error:
            refused = str(error)
    thread.join()
    assert "in use by another thread" in refused
    stream.reset()  # and afterwards it is free again


def test_nothing_leaks(model, signal):
    def churn(times: int) -> int:
        for _ in range(times):
            stream = _ext.Stream(model).clone()
            stream.process(signal)
            stream.hidden()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

    before = churn(200)  # 200 streams of 30 KiB and 200 outputs of 32 KiB
    assert churn(1000) - before < 5_000
