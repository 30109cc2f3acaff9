"""Training's network against the judge, on the same bundles."""

import numpy as np
import pytest
from bundles import (
    gru_host,
    integer_bundle,
    integer_dtypes,
    random_bundle_of,
    scanning_models,
    speech_like,
)

from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import read_bundle

torch = pytest.importorskip("torch")

from wheesht.export.to_bundle import export_bundle  # noqa: E402
from wheesht.models import dprnn_host_spec, mpt_host_spec  # noqa: E402
from wheesht.models.network import Network  # noqa: E402

torch.set_num_threads(1)  # threads of so small products wait for each other
# Two independent writings of one set of equations in float64: measured at most 4.0e-15.
FLOAT64_TOLERANCE = 2e-14
# The training steps in float32: measured at least 116 dB below the signal, where no choice differs.
FLOAT32_BELOW_DB = 105.0
# Integers in float64: measured at most 8e-16, less than of floats, because rounding takes errors
# away. A single integer that is another would be far above.
INTEGERS_TOLERANCE = 6e-15
# Integers in float32: now and then an input lies so near to the middle of two integers that the
# other is taken; measured at least 76 dB below the signal.
INTEGERS_BELOW_DB = 65.0

CASES = [
    pytest.param((7, 33), "none", 100, 320, 0, id="dense"),
    pytest.param((33, 7, 1), "none", 100, 512, 0, id="dense-512"),
    pytest.param((7, 33), "top_a", 100, 320, 0, id="p100"),
    pytest.param((7, 33), "top_a", 50, 320, 0, id="p50"),
    pytest.param((33, 7), "top_a", 25, 512, 0, id="p25-512"),
    pytest.param((33, 33), "top_a", 1, 320, 0, id="p1"),
    pytest.param((7, 33), "threshold", 100, 320, 0, id="threshold"),
    pytest.param((7, 33), "none", 100, 320, 1, id="filter1-dense"),
    pytest.param((33, 7), "top_a", 25, 512, 3, id="filter3-p25-512"),
    pytest.param((7, 33), "top_a", 50, 320, 5, id="filter5-p50"),
    pytest.param((7, 33), "threshold", 100, 512, 5, id="filter5-threshold-512"),
]
SCANNING = scanning_models()


@pytest.fixture
def float64():
    """Make torch build its modules, the window included, in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def relative_rms(want, got):
    return np.sqrt(np.mean((want - got) ** 2) / np.mean(want**2))


def enhanced_by_torch(bundle, x, update_percent):
    network = Network.from_bundle(bundle).eval()
    network.set_update_percent(update_percent)
    with torch.no_grad():
        dtype = torch.get_default_dtype()
        return network.enhance(torch.from_numpy(x).to(dtype)[None])[0].numpy()


def enhanced_by_judge(bundle, x, update_percent):
    """The judge's output without its delay: one hop of silence flushes it."""
    stream = ReferenceStream(bundle, update_percent)
    y = stream.process(np.concatenate([x, np.zeros(stream.spec.delay)]))
    return y[stream.spec.delay :]


def signal(n_fft):
    x = speech_like(1.6, seed=3)
    return x[: len(x) // n_fft * n_fft].astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("hidden, gate, percent, n_fft, order", CASES)
def test_float64_network_equals_the_judge(float64, hidden, gate, percent, n_fft, order):
    spec = gru_host(hidden, gate, n_fft, filter_order=order)
    bundle, x = random_bundle_of(spec, seed=2), signal(n_fft)
    want = enhanced_by_judge(bundle, x, percent)
    got = enhanced_by_torch(bundle, x, percent)
    assert relative_rms(want, got) <= FLOAT64_TOLERANCE


@pytest.mark.parametrize("hidden, gate, percent, n_fft, order", CASES)
def test_float32_training_steps_stay_far_below_the_signal(hidden, gate, percent, n_fft, order):
    spec = gru_host(hidden, gate, n_fft, filter_order=order)
    bundle, x = random_bundle_of(spec, seed=2), signal(n_fft)
    want = enhanced_by_judge(bundle, x, percent)
    got = enhanced_by_torch(bundle, x, percent)
    assert -20 * np.log10(relative_rms(want, got)) >= FLOAT32_BELOW_DB


def scanning_signal(name):
    """Speech at once; of the smallest model so much that its level has begun to forget."""
    n_fft = SCANNING[name][0].front_end.n_fft
    hops = 140 if name == "bins-threshold" else 32
    return signal(n_fft)[n_fft * 8 :][: n_fft // 2 * hops]


@pytest.mark.parametrize("name", SCANNING)
def test_float64_network_that_scans_frequency_equals_the_judge(float64, name):
    (spec, percent), x = SCANNING[name], scanning_signal(name)
    bundle = random_bundle_of(spec, seed=2)
    want, got = enhanced_by_judge(bundle, x, percent), enhanced_by_torch(bundle, x, percent)
    assert relative_rms(want, got) <= FLOAT64_TOLERANCE


@pytest.mark.parametrize("name", SCANNING)
def test_float32_network_that_scans_frequency_stays_far_below_the_signal(name):
    (spec, percent), x = SCANNING[name], scanning_signal(name)
    bundle = random_bundle_of(spec, seed=2)
    want, got = enhanced_by_judge(bundle, x, percent), enhanced_by_torch(bundle, x, percent)
    assert -20 * np.log10(relative_rms(want, got)) >= FLOAT32_BELOW_DB


INTEGERS = {
    case.id: (
        gru_host(case.values[0], case.values[1], case.values[3], filter_order=case.values[4]),
        float(case.values[2]),
    )
    for case in CASES
} | SCANNING


def integers(name, head, seed=2):
    """A model of integers, `head` those of its last layer, and a signal of 12 hops."""
    spec, percent = INTEGERS[name]
    dtypes = integer_dtypes(spec) | {spec.layers[-1].name: head}
    n_fft = spec.front_end.n_fft
    bundle = integer_bundle(random_bundle_of(spec, seed), dtypes)
    return bundle, percent, signal(n_fft)[n_fft * 8 :][: n_fft // 2 * 12]


@pytest.mark.parametrize("head", ["s8", "s16"])
@pytest.mark.parametrize("name", INTEGERS)
def test_float64_network_of_integers_equals_the_judge(float64, name, head):
    bundle, percent, x = integers(name, head)
    want, got = enhanced_by_judge(bundle, x, percent), enhanced_by_torch(bundle, x, percent)
    assert relative_rms(want, got) <= INTEGERS_TOLERANCE


@pytest.mark.parametrize("name", INTEGERS)
def test_float32_network_of_integers_stays_far_below_the_signal(name):
    bundle, percent, x = integers(name, "s16")
    want, got = enhanced_by_judge(bundle, x, percent), enhanced_by_torch(bundle, x, percent)
    assert -20 * np.log10(relative_rms(want, got)) >= INTEGERS_BELOW_DB


@pytest.mark.parametrize("spec", [mpt_host_spec("m"), dprnn_host_spec("d")], ids=lambda s: s.host)
def test_hosts_of_the_paper_equal_the_judge(float64, spec):
    bundle, x = random_bundle_of(spec, seed=1), signal(320)[3200:4480]
    want, got = enhanced_by_judge(bundle, x, 50), enhanced_by_torch(bundle, x, 50)
    assert relative_rms(want, got) <= FLOAT64_TOLERANCE


@pytest.mark.parametrize("gate, order", [("none", 0), ("top_a", 0), ("threshold", 0), ("top_a", 5)])
def test_what_is_exported_is_what_the_judge_runs(tmp_path, float64, gate, order):
    torch.manual_seed(0)
    network = Network(gru_host((7, 33), gate, filter_order=order)).eval()
    with torch.no_grad():
        for name, tensor in network.bundle_tensors().items():
            if name == "fc_out.bias":
                tensor.add_(0.5)  # of a filter's coefficients too, which start at zero
            # What float32 can hold, and features of a useful size.
            tensor.copy_(tensor.float().double())
            if name == "features.mean":
                tensor.fill_(-6.0)
    export_bundle(network, tmp_path / "m.safetensors")
    bundle, x = read_bundle(tmp_path / "m.safetensors"), signal(320)
    percent = bundle.spec.update_percent.default
    with torch.no_grad():
        got = network.enhance(torch.from_numpy(x)[None])[0].numpy()
    assert relative_rms(enhanced_by_judge(bundle, x, percent), got) <= FLOAT64_TOLERANCE
