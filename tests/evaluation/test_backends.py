"""Engine, torch and reference enhance a clip alike, and count alike."""

from dataclasses import replace

import numpy as np
import pytest
from bundles import gru_host, integer_bundle, random_bundle_of, speech_like

from wheesht.errors import BundleError
from wheesht.evaluation.systems.backends import BACKENDS, bundle_with
from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.models.mpt_host import mpt_host_spec
from wheesht.spec.bundle import read_bundle

# Level of the difference below the output, dB. All three choose their units freely, and two of them
# round to float32. Measured over 4 seeds, engine and torch: at least 119 and 121 for the small
# models, 134 and 135 for the shipped one; a unit on the edge that is chosen otherwise costs more.
# Integers: where an input lies in the middle between two, float32 may take the other, on one
# machine here and on another there, and the clip goes another way from there (seen: 35 dB, one in
# four clips of a second). Of eight short clips the median: measured 126 and 134.
BELOW_DB = {"small": 105.0, "shipped": 110.0, "integers": 90.0}
OTHERS = [name for name in BACKENDS if name != "reference"]


def noisy(n, seed=0):
    return speech_like(n / 16000, seed).astype(np.float32)


def bundle_of(*sizes, seed=2, **options):
    """A model in memory with a checksum of its own, as every file has."""
    bundle = random_bundle_of(gru_host(*sizes, **options), seed)
    return replace(bundle, sha256=f"{sizes}{options}{seed}")


def below_db(want, got):
    difference = np.mean((want.astype(np.float64) - got) ** 2)
    return 10 * np.log10(np.mean(want.astype(np.float64) ** 2) / max(difference, 1e-30))


@pytest.fixture(params=OTHERS)
def backend(request):
    if request.param == "torch":
        pytest.importorskip("torch")
    return BACKENDS[request.param]


@pytest.mark.parametrize("n", [1, 159, 160, 161, 4801])
@pytest.mark.parametrize("name", BACKENDS)
def test_an_open_model_returns_the_clip_in_time(open_bundle, name, n):
    if name == "torch":
        pytest.importorskip("torch")
    x = noisy(n)
    y = BACKENDS[name](read_bundle(open_bundle), 50.0, x).samples
    assert y.dtype == np.float32 and y.shape == x.shape
    # A mask of 1 to float32's last bit and two transforms.
    assert np.abs(y - x).max() < 1e-6


@pytest.mark.parametrize("percent", [100.0, 50.0])
def test_torch_and_the_judge_agree_on_integers(percent):
    pytest.importorskip("torch")
    floats = bundle_of((21, 33), filter_order=2)
    bundle = replace(integer_bundle(floats), sha256="of integers")
    agreement, to_floats = [], []
    for x in (noisy(3203, seed) for seed in range(8)):
        want, got = (BACKENDS[name](bundle, percent, x) for name in ("reference", "torch"))
        agreement.append(below_db(want.samples, got.samples))
        to_floats.append(below_db(BACKENDS["torch"](floats, percent, x).samples, got.samples))
        assert got.executed_macs == pytest.approx(want.executed_macs)
    assert np.median(agreement) >= BELOW_DB["integers"]
    assert max(to_floats) < 60.0


@pytest.mark.parametrize("n_fft", [320, 512])
@pytest.mark.parametrize("percent", [100.0, 50.0, 13.0])
def test_backends_agree_with_the_judge(backend, percent, n_fft):
    bundle = bundle_of((21, 33), n_fft=n_fft)
    want = BACKENDS["reference"](bundle, percent, noisy(16123))
    got = backend(bundle, percent, noisy(16123))
    assert below_db(want.samples, got.samples) > BELOW_DB["small"]
    assert got.executed_macs == pytest.approx(want.executed_macs, rel=1e-9)
    assert got.update_fraction == pytest.approx(want.update_fraction, rel=1e-6)


@pytest.mark.parametrize("percent", [100.0, 50.0])
def test_backends_agree_on_the_shipped_model(backend, percent):
    bundle = read_bundle("gru")
    want = BACKENDS["reference"](bundle, percent, noisy(24000, seed=5))
    got = backend(bundle, percent, noisy(24000, seed=5))
    assert below_db(want.samples, got.samples) > BELOW_DB["shipped"]
    assert got.executed_macs == pytest.approx(want.executed_macs, rel=1e-9)


def test_what_a_threshold_executes_is_counted_by_those_that_can(backend):
    bundle = bundle_of((21, 33), gate="threshold")
    want = BACKENDS["reference"](bundle, 100.0, noisy(8000))
    got = backend(bundle, 100.0, noisy(8000))
    assert 0.05 < want.update_fraction < 0.95
    if backend is BACKENDS["torch"]:
        assert (got.executed_macs, got.update_fraction) == (None, None)
    else:
        assert got.executed_macs == pytest.approx(want.executed_macs, rel=0.01)
        assert got.update_fraction == pytest.approx(want.update_fraction, rel=0.01)


def test_a_model_without_dial_updates_all(backend):
    bundle = bundle_of((21, 33), gate="none")
    assert backend(bundle, 100.0, noisy(3200)).update_fraction == 1.0


@pytest.mark.parametrize("percent", [100.0, 50.0, 25.0])
@pytest.mark.parametrize("host", ["mpt", "dprnn"])
def test_torch_and_judge_count_alike_at_every_position(host, percent):
    pytest.importorskip("torch")
    spec = mpt_host_spec("m") if host == "mpt" else dprnn_host_spec("d", hidden_size=6)
    bundle = replace(random_bundle_of(spec, seed=2), sha256=host)
    want = BACKENDS["reference"](bundle, percent, noisy(1600))
    got = BACKENDS["torch"](bundle, percent, noisy(1600))
    assert got.samples.shape == want.samples.shape == (1600,)
    assert got.executed_macs == pytest.approx(want.executed_macs, rel=1e-9)
    assert got.update_fraction == pytest.approx(want.update_fraction, rel=1e-9)
    if percent == 100.0:
        assert got.update_fraction == 1.0
        assert below_db(want.samples, got.samples) > BELOW_DB["small"]


def test_torch_networks_are_not_mixed_up():
    pytest.importorskip("torch")
    for seed in range(6):  # more than are kept ready
        bundle = bundle_of((7, 5), seed=seed)
        got = BACKENDS["torch"](bundle, 50.0, noisy(1600)).samples
        want = BACKENDS["reference"](bundle, 50.0, noisy(1600)).samples
        assert below_db(want, got) > BELOW_DB["small"]


def test_a_model_that_was_replaced_is_refused(small_bundle):
    known = read_bundle(small_bundle)
    assert bundle_with(str(small_bundle), known.sha256[:12]).sha256 == known.sha256
    with pytest.raises(BundleError, match=r"needs 000000000000: the model was replaced"):
        bundle_with(str(small_bundle), "0" * 12)
