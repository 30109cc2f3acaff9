"""Streams of models with the longer window, other heads, and scans: the same promises."""

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_tensors

from wheesht.engine.enhancer import Enhancer
from wheesht.engine.rate_bridge import gain_band
from wheesht.engine.stream import Stream
from wheesht.spec.bundle import read_bundle, write_bundle
from wheesht.spec.cost import model_cost

RATES = [8000, 16000, 44100, 48000]
# A mask of ones: float32 rounding of STFT and resamplers on samples of size 0.1 (measured 1.7e-7).
OPEN_TOLERANCE = 5e-7


def run(stream, x, size):
    """Feed `x` in chunks of `size`, flush, and join what came out."""
    parts = [stream.process(x[start : start + size]) for start in range(0, len(x), size)]
    return np.concatenate([*parts, stream.flush()])


@pytest.fixture(scope="module", params=[0, 5], ids=["mask", "filter"])
def order(request):
    """Frames of the deep filter; 0 for a mask."""
    return request.param


@pytest.fixture(scope="module")
def open_long(make_bundle, order):
    """A 512-sample window and a mask of ones; the filter's coefficients are zero."""
    return make_bundle(hidden=(5, 7), n_fft=512, mask_bias=40.0, filter_order=order)


LONG = {
    "mask": gru_host((21, 33), n_fft=512),
    "filter": gru_host((21, 33), n_fft=512, filter_order=5),
    "bands": band_host(n_fft=512, n_bins=257),
    "bins": bin_host(n_fft=512, n_bins=37, first_bin=4),
}


@pytest.fixture(scope="module", params=LONG)
def random_long(request, tmp_path_factory):
    """A 512-sample window and random weights."""
    path = tmp_path_factory.mktemp("long") / f"{request.param}.safetensors"
    write_bundle(path, LONG[request.param], random_tensors(LONG[request.param]))
    return path


@pytest.mark.parametrize("rate", RATES)
def test_a_mask_of_ones_gives_back_the_input_at_its_place(open_long, noise, rate):
    x = noise(0.5, rate)[0]
    assert np.abs(run(Stream(open_long, rate), x, 701) - x).max() <= OPEN_TOLERANCE


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_comes_out_at_its_place_and_in_time(open_long, rate):
    stream = Stream(open_long, rate)
    x = np.zeros(5003 + stream.latency_samples, np.float32)
    x[5003] = 1.0
    out = stream.process(x)
    assert len(out) > 5003
    assert np.abs(out).argmax() == 5003


@pytest.mark.parametrize("rate", RATES)
def test_every_sample_is_out_after_latency_samples(random_long, noise, rate):
    stream, x = Stream(random_long, rate), noise(1.0, rate)[0]
    fed = out = 0
    for size in np.random.default_rng(4).integers(0, rate // 20, 30):
        chunk = x[fed : fed + size]
        out += len(stream.process(chunk))
        fed += len(chunk)
        assert out >= fed - stream.latency_samples + 1
        if out:
            assert out <= fed - stream.delay
    if rate == 16000:
        assert (stream.delay, stream.latency_samples) == (256, 512)


@pytest.mark.parametrize("rate", RATES)
def test_output_does_not_depend_on_the_chunks(random_long, noise, rate):
    x = noise(0.6, rate)[0]
    whole = run(Stream(random_long, rate), x, len(x))
    assert np.max(np.abs(whole)) > 0.01
    for size in (97, 1009):
        np.testing.assert_array_equal(run(Stream(random_long, rate), x, size), whole)


@pytest.mark.parametrize("rate", RATES)
def test_no_attenuation_lets_the_input_through(random_long, noise, rate):
    x = noise(0.5, rate)[0]
    y = run(Stream(random_long, rate, strength_db=0), x, 701)
    assert np.abs(y - x).max() <= OPEN_TOLERANCE


def test_reset_and_clone_take_the_past_along(random_long, noise):
    x = noise(0.5)[0]
    stream = Stream(random_long)
    first = stream.process(x[:4000])
    twin = stream.clone()
    np.testing.assert_array_equal(twin.process(x[4000:]), stream.process(x[4000:]))
    twin.reset()
    np.testing.assert_array_equal(twin.process(x[:4000]), first)


def test_an_enhancer_does_what_a_stream_does(random_long, noise):
    x = noise(0.3, 44100)[0]
    want = run(Stream(random_long, 44100), x, 1000)
    np.testing.assert_array_equal(Enhancer(random_long).enhance(x, 44100), want)


@pytest.mark.parametrize("dial", ["level", "flux"])
def test_the_dial_moves_and_goes_with_the_stream(random_long, noise, dial):
    x = noise(1.0)[0]
    stream = Stream(random_long, update_percent=40, dial=dial)
    first = stream.process(x)
    moved, twin = stream.dial_positions(), stream.clone()
    assert moved.std() > 1.0
    np.testing.assert_array_equal(twin.process(x), stream.process(x))
    np.testing.assert_array_equal(twin.dial_positions(), stream.dial_positions())
    stream.reset()
    np.testing.assert_array_equal(stream.process(x), first)
    np.testing.assert_array_equal(stream.dial_positions(), moved)


# Every step updates half of 4 and of 6 units, at every position and in both directions.
@pytest.mark.parametrize("spec", [band_host, bin_host])
def test_the_share_of_updated_units_counts_positions_and_directions(tmp_path, noise, spec):
    host = spec((("both", 4), ("time", 6), ("down", 6)))
    write_bundle(tmp_path / "even.safetensors", host, random_tensors(host))
    stream = Stream(tmp_path / "even.safetensors", update_percent=50)
    stream.process(noise(0.2)[0])
    stats = stream.stats()
    assert stats["update_fraction"] == 0.5
    cost = model_cost(host, 50.0).strict.total
    assert stats["executed_macs_per_second"] == pytest.approx(cost)


# Of the mask bins, 31.25 Hz each, those below the stream's Nyquist frequency: 256 from bin 1 on,
# 257 from DC on, and 37 from bin 4 on.
@pytest.mark.parametrize("rate, heard", [(8000, 127), (44100, 256), (48000, 256)])
def test_the_high_band_takes_the_gain_of_the_highest_bins_heard(random_long, rate, heard):
    spec = read_bundle(random_long).spec
    heard = min(heard + 1 - spec.mask.first_bin, spec.mask.n_bins)
    first, count = gain_band(spec, rate)
    assert (first + count, count) == (heard, heard // 8)
