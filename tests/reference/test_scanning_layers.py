"""The judge's layers of networks that scan frequency, against other programs and closed forms."""

import numpy as np
import pytest
import scipy.signal
from bundles import band_host, bin_host, random_bundle_of, scanning_models, speech_like

from wheesht.reference import ops
from wheesht.reference.layers import Layers
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bands import band_bounds
from wheesht.spec.cost import macs_per_hop, state_bytes
from wheesht.spec.front_end import LEVEL_SHARE
from wheesht.spec.heads import MagnitudeFilter
from wheesht.spec.model_spec import selected_units

# float64 sums of at most a few hundred terms of size one in another order.
SAME_FORMULA = 1e-12
# An output of three products in a row, relative to the peak of the signal.
RELATIVE = 1e-11

MODELS = scanning_models()


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 23])
def test_convolution_is_that_of_scipy(kernel, count):
    x, weight = rng().standard_normal((count, 4)), rng(1).standard_normal((3, kernel, 4))
    bias = rng(2).standard_normal(3)
    got = ops.conv(x, weight, bias)
    padded = np.pad(x, ((kernel // 2, kernel // 2), (0, 0)))
    for o in range(3):
        want = scipy.signal.correlate(padded, weight[o], mode="valid", method="direct")[:, 0]
        assert np.max(np.abs(got[:, o] - want - bias[o])) < SAME_FORMULA


@pytest.mark.parametrize("channels", [1, 2, 7, 64])
def test_layer_norm_is_that_of_torch(channels):
    torch = pytest.importorskip("torch")
    x = 3.0 * rng().standard_normal((5, channels)) + 2.0
    want = torch.nn.functional.layer_norm(torch.from_numpy(x), (channels,), eps=1e-5).numpy()
    assert np.max(np.abs(ops.layer_norm(x) - want)) < SAME_FORMULA


def dense_bands(bounds):
    """Which columns of the band rows belong to which band and bin: lists of (row, band, bin)."""
    pairs = [(i, f) for i in range(len(bounds) - 2) for f in range(bounds[i], bounds[i + 2])]
    return [(row, i, f) for row, (i, f) in enumerate(pairs)]


@pytest.mark.parametrize("n_bins, n_bands", [(161, 26), (101, 7), (257, 26)])
def test_band_analysis_is_a_sparse_matrix(n_bins, n_bands):
    bounds = band_bounds(n_bins, n_bands)
    rows = dense_bands(bounds)
    x, weight = rng().standard_normal(n_bins), rng(1).standard_normal((3, len(rows)))
    dense = np.zeros((n_bands * 3, n_bins))
    for row, i, f in rows:
        dense[3 * i : 3 * i + 3, f] = weight[:, row]
    want = (dense @ x).reshape(n_bands, 3)
    assert np.max(np.abs(ops.band_analysis(x, weight, bounds) - want)) < SAME_FORMULA


@pytest.mark.parametrize("n_bins, n_bands", [(161, 26), (101, 7), (257, 26)])
def test_band_synthesis_is_a_sparse_matrix(n_bins, n_bands):
    bounds = band_bounds(n_bins, n_bands)
    rows = dense_bands(bounds)
    x = rng().standard_normal((n_bands, 4))
    weight = rng(1).standard_normal((len(rows), 3, 4))
    bias = rng(2).standard_normal((len(rows), 3))
    dense, constant, reached = np.zeros((n_bins * 3, n_bands * 4)), np.zeros((n_bins, 3)), []
    for row, i, f in rows:
        dense[3 * f : 3 * f + 3, 4 * i : 4 * i + 4] = weight[row]
        constant[f] += bias[row]
        reached.append(f)
    bands_of_bin = np.bincount(reached)[:, None]  # 1 or 2: a mean where two meet
    want = np.tanh(((dense @ x.ravel()).reshape(n_bins, 3) + constant) / bands_of_bin)
    matrix = ops.Matrix(weight.reshape(-1, 4))
    assert np.max(np.abs(ops.band_synthesis(x, matrix, bias, bounds) - want)) < SAME_FORMULA


def test_the_level_is_a_mean_at_first_and_then_forgets_in_closed_form():
    n, first = 250, round(1.0 / LEVEL_SHARE)
    bins = rng().standard_normal((n, 9)) + 1j * rng(1).standard_normal((n, 9))
    powers, level = np.mean(np.abs(bins) ** 2, axis=1), ops.Level()
    got = np.array([ops.follow_level(level, frame, 1e-3) for frame in bins])
    for t in (0, 1, 57, first - 1):
        assert got[t] == pytest.approx(np.sqrt(powers[: t + 1].mean() + 1e-3), rel=1e-12)
    ages = np.arange(n - first)[::-1]  # frames since each of those after the hundredth
    weights = LEVEL_SHARE * (1.0 - LEVEL_SHARE) ** ages
    kept = (1.0 - LEVEL_SHARE) ** (n - first)
    want = kept * powers[:first].mean() + np.sum(weights * powers[first:])
    assert got[-1] == pytest.approx(np.sqrt(want + 1e-3), rel=1e-12)


def test_root_compression_takes_roots_of_magnitudes_and_keeps_angles():
    u = np.array([[3.0, 4.0], [0.0, -9.0], [0.0, 0.0]])
    compressed = ops.root_compressed(u)
    want = np.array([[3.0, 4.0], [0.0, -9.0], [0.0, 0.0]]) / np.sqrt([[5.0], [9.0], [1.0]])
    assert np.max(np.abs(compressed - want)) < 1e-8  # the floor of 1e-8 beside powers of 25 and 81
    assert np.max(np.abs(ops.root_expanded(compressed) - u)) < 1e-8


def test_filtered_magnitudes_are_a_sum_over_frames_and_bins():
    head = MagnitudeFilter(0, 9, 3, 5)
    output, frames = 3.0 * rng().standard_normal((9, 16)), list(rng(1).uniform(0, 1, (3, 9)))
    output[4, 3] = 1e4  # limited to 100
    taps = np.clip(output[:, 1:], -100, 100).reshape(9, 3, 5)
    padded = np.pad(np.array(frames), ((0, 0), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1)  # (frame, bin, tap)
    want = np.abs(np.einsum("fik,ifk->f", taps, windows))
    assert np.max(np.abs(ops.filtered_magnitudes(output, frames, head) - want)) < 1e-10
    first = np.abs(np.einsum("fk,fk->f", taps[:, 0], windows[0]))
    assert np.max(np.abs(ops.filtered_magnitudes(output, frames[:1], head) - first)) < 1e-10


# Scans, on layers alone.


def layers_of(scan, units=5, gate="top_a", seed=0):
    """Layers of a bin host with one GRU, whose tensors may be changed, and the GRU's name."""
    bundle = random_bundle_of(bin_host(((scan, units),), gate), seed)
    tensors = {name: t.astype(np.float64) for name, t in bundle.tensors.items()}
    return bundle.spec, tensors


def scanned(spec, tensors, x, percent=50.0, frames=1):
    """States (positions, units) of the only GRU, and its update mask, after frames of one input."""
    layers = Layers(spec, tensors)
    i = next(i for i, layer in enumerate(spec.layers) if layer.type == "gru")
    for _ in range(frames):
        h, gate = layers._gru(i, spec.layers[i], x, layers.states[0], percent, None)
        layers.states[0] = h
    return h, gate.reshape(h.shape)


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
def test_a_scan_down_is_a_scan_up_of_the_flipped_input(gate):
    x = rng().standard_normal((23, 6))
    (up, tensors), (down, _) = layers_of("up", gate=gate), layers_of("down", gate=gate)
    want, want_gate = scanned(up, tensors, x[::-1])
    got, got_gate = scanned(down, tensors, x)
    assert np.array_equal(got, want[::-1]) and np.array_equal(got_gate, want_gate[::-1])
    assert not np.allclose(got, scanned(up, tensors, x)[0])


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
def test_both_is_up_beside_down(gate):
    x = rng().standard_normal((23, 6))
    both, tensors = layers_of("both", gate=gate)
    h, chosen = scanned(both, tensors, x)
    for d, part in (("up", slice(5)), ("down", slice(5, 10))):
        own = {name.replace(f".{d}.", "."): t for name, t in tensors.items()}
        want, want_chosen = scanned(layers_of(d, gate=gate)[0], own, x)
        assert np.array_equal(h[:, part], want)
        assert np.array_equal(chosen[:, part], want_chosen)


@pytest.mark.parametrize("gate", ["top_a", "threshold", "none"])
def test_a_scan_over_time_is_a_stream_per_position(gate):
    x = rng().standard_normal((23, 6))
    spec, tensors = layers_of("time", gate=gate)
    whole, _ = scanned(spec, tensors, x, frames=4)
    for k in (0, 7, 22):
        alone = np.zeros((23, 6))
        alone[0] = x[k]
        assert np.array_equal(scanned(spec, tensors, alone, frames=4)[0][0], whole[k])


@pytest.mark.parametrize("scan", ["up", "down", "both"])
def test_a_scan_of_the_frame_begins_anew_in_every_frame(scan):
    x = rng().standard_normal((23, 6))
    spec, tensors = layers_of(scan)
    assert np.array_equal(scanned(spec, tensors, x)[0], scanned(spec, tensors, x, frames=3)[0])


@pytest.mark.parametrize("scan, is_last", [("up", True), ("down", False)])
def test_a_scan_sees_only_what_it_has_passed(scan, is_last):
    x = rng().standard_normal((23, 6))
    spec, tensors = layers_of(scan)
    changed = x.copy()
    changed[11] += 1.0
    same = np.all(scanned(spec, tensors, x)[0] == scanned(spec, tensors, changed)[0], axis=1)
    passed = np.arange(23) < 11 if is_last else np.arange(23) > 11
    assert np.array_equal(same, passed)


@pytest.mark.parametrize("percent", [1, 37.5, 50, 100])
def test_every_step_of_a_scan_chooses_its_own_units(percent):
    spec, _ = MODELS["bands-p50"]
    stream = ReferenceStream(random_bundle_of(spec), percent)
    stream.process(speech_like(0.05))
    per_position = np.split(stream.update_masks, np.cumsum(spec.unit_counts), axis=1)
    for layer, masks in zip(spec.recurrent_layers, per_position, strict=False):
        counts = masks.reshape(5, 11, len(layer.directions), layer.hidden_size).sum(-1)
        assert np.all(counts == selected_units(percent, layer.hidden_size))


# Whole streams.


@pytest.mark.parametrize("name", MODELS)
def test_executed_macs_are_those_of_the_spec(name):
    spec, percent = MODELS[name]
    stream = ReferenceStream(random_bundle_of(spec), percent)
    stream.process(np.ones(3 * spec.front_end.hop_length))
    want = [3 * m for m in macs_per_hop(spec, percent)]
    got = stream.executed_macs
    for layer, shape, executed, most in zip(spec.layers, spec.layer_shapes, got, want, strict=True):
        if layer.type == "gru" and layer.gate == "threshold":  # the spec has the worst case
            steps = 3 * shape.size // layer.hidden_size
            assert steps * layer.hidden_size * (layer.input_size + layer.hidden_size) <= executed
            assert executed < most
        else:
            assert executed == most


@pytest.mark.parametrize("name", ["bands-p50", "bands-threshold", "bins-p50", "bins-dense"])
def test_hop_by_hop_and_given_masks_equal_one_call(name):
    spec, percent = MODELS[name]
    bundle, x = random_bundle_of(spec), speech_like(0.1)
    whole, parts = (ReferenceStream(bundle, percent) for _ in range(2))
    y = whole.process(x)
    assert np.array_equal(np.concatenate([parts.process_hop(h) for h in x.reshape(-1, 160)]), y)
    given = ReferenceStream(bundle, percent)
    assert np.array_equal(given.process(x, whole.update_masks), y)
    assert given.executed_macs == whole.executed_macs
    twin = whole.clone()
    assert np.array_equal(twin.process(x), whole.process(x))
    whole.reset()
    assert np.array_equal(whole.process(x), y)


def test_state_that_is_carried_is_counted_in_bytes():
    # Hidden states over time, half windows, past gained magnitudes; mean and hops of the level.
    assert state_bytes(MODELS["bands-p50"][0]) == 4 * (11 * 7 + 320 + 2 * 161)
    assert state_bytes(MODELS["bins-p50"][0]) == 4 * (23 * 6 + 320 + 2)


def saturated(spec, values):
    """A bundle whose last layer gives the same values at every position, whatever the input."""
    bundle = random_bundle_of(spec)
    bundle.tensors["fc_out.weight"][:] = 0.0
    bundle.tensors["fc_out.bias"][:] = values
    return bundle


def test_a_filter_of_one_tap_gives_the_input_back():
    spec = band_host(order=2, width=3)
    values = [9999.0, 0, 1, 0, 0, 0, 0]  # a gain of one; this frame, this bin
    x = rng().uniform(-1, 1, 3200)
    y = ReferenceStream(saturated(spec, values)).process(x)
    assert np.max(np.abs(y[160:] - x[:-160])) < 2e-15


@pytest.mark.parametrize(
    "compression, value, mapped",
    [
        ("none", 0.03 - 0.04j, 0.03 - 0.04j),  # below nearly all bins
        ("root", 0.3 - 0.4j, 0.15 - 0.2j),  # of size 0.5, so squared 0.25
        ("none", 1.5 - 2j, 1.5 - 2j),  # above most bins
        ("none", -1000 + 1000j, -100 + 100j),
        ("root", 1000 + 0j, 1e4),
    ],
)
def test_a_mapping_gives_what_the_last_layer_says_on_the_scale_of_the_level(
    compression, value, mapped
):
    spec = bin_host(n_bins=160, compression=compression)
    stream = ReferenceStream(saturated(spec, [value.real, value.imag]))
    x = rng().uniform(-1, 1, 1600)
    y = stream.process(x)
    window = np.sin(np.pi * np.arange(320) / 320)
    frames = [np.concatenate([np.zeros(160), x])[160 * t : 160 * t + 320] for t in range(3)]
    sizes = [np.abs(np.fft.rfft(frame * window)[1:]) for frame in frames]
    levels = [np.sqrt(np.mean(np.square(sizes[: t + 1])) + 1e-8) for t in range(3)]
    made = np.zeros((3, 161), complex)
    for t in range(3):  # no louder than the input
        made[t, 1:] = mapped / abs(mapped) * np.minimum(levels[t] * abs(mapped), sizes[t])
    shapes = np.fft.irfft(made) * window
    want = shapes[1, 160:] + shapes[2, :160]
    assert np.max(np.abs(y[320:480] - want)) < 1e-6 * np.max(np.abs(want))  # floors of 1e-8


def test_a_mapping_is_silent_after_a_loud_passage():
    spec = bin_host(n_bins=160, compression="none")
    stream = ReferenceStream(saturated(spec, [0.01, 0.0]))  # what errors of a network look like
    stream.process(rng().uniform(-1, 1, 160 * 20))
    quiet = stream.process(1e-4 * rng().uniform(-1, 1, 160 * 20))[320:]
    assert np.sqrt(np.mean(quiet**2)) < 1e-4 / np.sqrt(3)
    assert np.max(np.abs(stream.process(np.zeros(160 * 3))[320:])) == 0.0


@pytest.mark.parametrize("name", ["bands-some-bins", "bins-p25-512"])
def test_a_gain_floor_passes_a_share_of_the_input(name):
    spec, percent = MODELS[name]
    bundle, x = random_bundle_of(spec), speech_like(0.16)
    dry, wet = np.zeros(spec.delay), ReferenceStream(bundle, percent).process(x)
    want = 0.25 * np.concatenate([dry, x[: -spec.delay]]) + 0.75 * wet
    half = ReferenceStream(bundle, percent, min_gain=0.25)
    assert np.max(np.abs(half.process(x) - want)) < RELATIVE
    assert half.masks.min() >= 0.25 and half.masks.max() <= 1.0
    through = ReferenceStream(bundle, percent, min_gain=1.0).process(x)
    assert np.max(np.abs(through[spec.delay :] - x[: -spec.delay])) < RELATIVE


def test_the_mask_of_a_mapping_is_the_share_that_is_left():
    spec = bin_host(n_bins=160, compression="none")
    stream = ReferenceStream(saturated(spec, [0.125, 0.0]))
    x = rng().uniform(-1, 1, 160)
    stream.process(x)
    window = np.sin(np.pi * np.arange(320) / 320)
    size = np.abs(np.fft.rfft(np.concatenate([np.zeros(160), x]) * window))[1:]
    level = np.sqrt(np.mean(size**2) + 1e-8)
    assert np.max(np.abs(stream.masks[0] - np.minimum(1.0, 0.125 * level / size))) < 1e-12
    stream.reset()
    stream.process(np.zeros(160))
    assert np.all(stream.masks == 1.0)  # nothing to lose in silence


@pytest.mark.parametrize("name", ["bands-p50", "bins-p50"])
def test_silence_and_extremes_stay_finite(name):
    spec, percent = MODELS[name]
    stream = ReferenceStream(random_bundle_of(spec), percent)
    hop = spec.front_end.hop_length
    loud = 1e30 * rng().choice([-1.0, 1.0], hop)
    for x in (np.zeros(hop), loud, np.full(hop, np.nan), np.full(hop, 1e-30), -loud):
        assert np.all(np.isfinite(stream.process(x)))


@pytest.mark.parametrize("dial", ["level", "flux"])
def test_a_dial_follows_the_spectrum_on_its_scale(dial):
    spec, _ = MODELS["bins-p50"]
    stream, x = ReferenceStream(random_bundle_of(spec), 50, dial=dial), speech_like(0.2, seed=5)
    stream.process(x)
    padded = np.concatenate([np.zeros(160), x])
    window, level, state = np.sin(np.pi * np.arange(320) / 320), ops.Level(), ops.DialState()
    earlier, want = np.zeros(23), []
    for t in range(20):
        bins = np.fft.rfft(padded[160 * t : 160 * t + 320] * window)[1:24]
        now = np.log(np.abs(bins / ops.follow_level(level, bins, 1e-8)) ** 2 + 1e-8)
        statistic = np.mean(now) if dial == "level" else np.mean(np.abs(now - earlier))
        want.append(ops.turn_dial(state, float(statistic), 50.0, 1.0, 100.0))
        earlier = now
    assert np.max(np.abs(np.array(stream.hop_percents) - want)) < 1e-9
    assert np.ptp(want) > 1.0
