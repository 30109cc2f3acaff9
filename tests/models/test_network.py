"""The torch network of a spec: framing, mask, and the way to a bundle and back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from wheesht.dsp.stft import sqrt_hann  # noqa: E402
from wheesht.errors import ParameterError  # noqa: E402
from wheesht.export.to_bundle import export_bundle  # noqa: E402
from wheesht.models import Network, gru_host_spec  # noqa: E402
from wheesht.models.heads import spread_gains  # noqa: E402
from wheesht.models.spectrum import analyse, synthesise  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402
from wheesht.spec.heads import DeepFilter  # noqa: E402

# Perfect reconstruction in float64: w^2 sums to one to 1e-16, the FFT adds about 1e-15.
RECONSTRUCTION = 1e-12


@pytest.fixture(params=[320, 512], ids=["mask-320", "filter-512"])
def network(request):
    torch.manual_seed(0)
    head = "magnitude" if request.param == 320 else "deep_filter"
    spec = gru_host_spec("small", 24, win_length=request.param, head=head)
    network = Network(spec).eval()
    with torch.no_grad():  # a fresh filter is zero
        network.bundle_tensors()["fc_out.weight"].uniform_(-0.5, 0.5)
    return network


@pytest.mark.parametrize("n_samples", [1, 159, 160, 161, 320, 4999])
def test_inverse_of_the_spectrum_is_the_signal(n_samples):
    window = torch.from_numpy(sqrt_hann(320))
    x = torch.randn(2, n_samples, dtype=torch.float64)
    back = synthesise(analyse(x, window), window, n_samples)
    assert back.shape == x.shape and (back - x).abs().max() < RECONSTRUCTION


def test_frame_t_covers_the_hops_t_minus_one_and_t():
    x = torch.zeros(1, 640, dtype=torch.float64)
    x[0, 320 + 7] = 1.0  # in hop 2: seen by frames 2 and 3 alone
    energy = analyse(x, torch.from_numpy(sqrt_hann(320))).abs().sum(-1)[0]
    assert torch.nonzero(energy > 1e-9).flatten().tolist() == [2, 3]


def test_gru_host_has_the_published_number_of_parameters():
    network = Network(gru_host_spec("gru"))
    counted = sum(p.numel() for p in network.parameters())
    assert counted == network.spec.params == 1_335_520 + 1  # one PReLU slope


def test_a_longer_window_has_as_many_bins_and_the_same_units():
    spec = gru_host_spec("gru", win_length=512)
    assert (spec.features.n_bins, spec.mask.n_bins, spec.front_end.hop_length) == (256, 256, 256)
    assert spec.params == 1_335_520 + 1 + 2 * 96 * 320 + 96


def test_a_filter_has_the_size_that_is_asked_for():
    spec = gru_host_spec("gru", head="deep_filter", filter_bins=40, filter_order=2)
    assert spec.mask == DeepFilter(first_bin=1, n_bins=160, filter_bins=40, order=2)
    assert spec.layers[-1].output_size == 160 + 2 * 2 * 40


def test_the_host_is_causal(network):
    hop = network.spec.front_end.hop_length
    x = torch.randn(1, 20 * hop)
    changed = x.clone()
    changed[:, 10 * hop :] = 0.5
    with torch.no_grad():
        same = network.enhance(x)[:, : 9 * hop] - network.enhance(changed)[:, : 9 * hop]
    # Frame 9 is the last that ends before the change; its block ends one hop before it.
    assert same.abs().max() == 0.0


def test_bins_outside_the_mask_follow_the_nearest_one(network):
    head = network.spec.mask
    values = torch.rand(2, 3, head.input_shape.channels)
    gains = spread_gains(values, head, network.spec.front_end.n_bins)
    assert gains.shape[-1] == network.spec.front_end.n_bins
    assert torch.equal(gains[..., 0], gains[..., 1]) and 0 <= gains.min() and gains.max() <= 1


@pytest.mark.parametrize("split", [0, 1, 3, 7])
def test_enhanced_spectrum_goes_on_with_its_states(network, split):
    spectrum = network.spectrum(torch.randn(2, 3200))
    whole, _ = network.enhance_spectrum(spectrum)
    if split == 0:
        states = None
    else:
        _, states = network.enhance_spectrum(spectrum[:, :split])
    tail, _ = network.enhance_spectrum(spectrum[:, split:], states)
    assert (tail - whole[:, split:]).abs().max() < 1e-5 * whole.abs().max()


def test_a_fresh_filter_is_a_mask_and_learns():
    spec = gru_host_spec("small", 24, head="deep_filter")
    torch.manual_seed(0)
    network = Network(spec)
    spectrum = network.spectrum(torch.randn(2, 3200))
    enhanced, _ = network.enhance_spectrum(spectrum)
    gains = enhanced / spectrum
    assert gains.imag.abs().max() < 1e-6 and 0 < gains.real.min() and gains.real.max() < 1
    enhanced.abs().mean().backward()
    rows = dict(network.named_parameters())["fc_out.weight"].grad[spec.mask.n_bins :]
    assert torch.all(rows.abs().sum(1) > 0)


def test_bundle_round_trip_keeps_every_tensor(network, tmp_path):
    with torch.no_grad():
        network.features.mean.uniform_()
    export_bundle(network, tmp_path / "a.safetensors", {"licence": "test"})
    bundle = read_bundle(tmp_path / "a.safetensors")
    again = Network.from_bundle(bundle)
    assert bundle.spec.provenance == {"licence": "test"}
    for name, tensor in network.bundle_tensors().items():
        assert torch.equal(again.bundle_tensors()[name], tensor), name
        assert np.array_equal(bundle.tensors[name], tensor.numpy()), name


def test_update_percent_changes_the_result(network):
    x = torch.randn(1, 6400)
    with torch.no_grad():
        network.set_update_percent(100)
        dense = network.enhance(x)
        network.set_update_percent(25)
        assert (network.enhance(x) - dense).abs().max() > 1e-6


def test_a_p_for_each_clip_must_fit_the_clips(network):
    network.set_update_percent(torch.tensor([50.0, 100.0]))
    with pytest.raises(ParameterError, match="got 2 for 4 clips, needs one for all or one for"):
        network.enhance(torch.zeros(4, 1600))
    network.set_update_percent(50.0)
    assert network.enhance(torch.zeros(4, 1600)).shape == (4, 1600)


def test_enhance_refuses_a_row_without_a_batch_axis(network):
    with pytest.raises(ParameterError, match=r"needs \(B, N\)"):
        network.enhance(torch.zeros(160))
