"""The torch network of a spec: framing, mask, and the way to a bundle and back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from wheesht.dsp.stft import sqrt_hann  # noqa: E402
from wheesht.errors import ParameterError  # noqa: E402
from wheesht.export.to_bundle import export_bundle  # noqa: E402
from wheesht.models import Network, gru_host_spec  # noqa: E402
from wheesht.models.spectrum import analyse, synthesise  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402

# Perfect reconstruction in float64: w^2 sums to one to 1e-16, the FFT adds about 1e-15.
RECONSTRUCTION = 1e-12


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network(gru_host_spec("small", hidden_size=24)).eval()


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


def test_the_host_is_causal(network):
    x = torch.randn(1, 3200)
    changed = x.clone()
    changed[:, 1600:] = 0.5
    with torch.no_grad():
        same = network.enhance(x)[:, :1440] - network.enhance(changed)[:, :1440]
    # Frame 9 is the last that ends before sample 1600; its block ends at 1440.
    assert same.abs().max() == 0.0


def test_bins_outside_the_mask_follow_the_nearest_one(network):
    mask, _ = network.mask(network.spectrum(torch.randn(1, 1600)))
    assert mask.shape[-1] == 161 and torch.equal(mask[..., 0], mask[..., 1])


def test_mask_goes_on_with_its_states(network):
    spectrum = network.spectrum(torch.randn(2, 3200))
    whole, _ = network.mask(spectrum)
    head, states = network.mask(spectrum[:, :7])
    tail, _ = network.mask(spectrum[:, 7:], states)
    # The linear layers see other matrix shapes, so sums may be ordered differently.
    assert (torch.cat([head, tail], 1) - whole).abs().max() < 1e-6


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
    x = torch.randn(1, 3200)
    with torch.no_grad():
        network.set_update_percent(100)
        dense = network.enhance(x)
        network.set_update_percent(25)
        assert (network.enhance(x) - dense).abs().max() > 1e-6


def test_enhance_refuses_a_row_without_a_batch_axis(network):
    with pytest.raises(ParameterError, match=r"needs \(B, N\)"):
        network.enhance(torch.zeros(160))
