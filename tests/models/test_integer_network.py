"""Networks of integers: the way from a bundle and back, and what of them is trained."""

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, integer_bundle, integer_dtypes, random_bundle_of

torch = pytest.importorskip("torch")

from wheesht.export.to_bundle import export_bundle  # noqa: E402
from wheesht.models import Network  # noqa: E402
from wheesht.spec.bundle import Bundle, read_bundle, write_bundle  # noqa: E402
from wheesht.spec.integers import PAIR_LIMIT, largest_pair, quantize_rows  # noqa: E402
from wheesht.spec.model_spec import with_dtypes  # noqa: E402

HOSTS = {
    "gru": gru_host((7, 33), "threshold", filter_order=2),
    "bands": band_host(),
    "bins": bin_host(),
}
RANGES = ("fixed", "learned")


def awkward(spec, seed=5):
    """Rows of zeros, rows whose largest integer is far below 127, scales of all sizes."""
    bundle, rng = integer_bundle(random_bundle_of(spec, seed)), np.random.default_rng(seed)
    tensors = {name: tensor.copy() for name, tensor in bundle.tensors.items()}
    for name, tensor in tensors.items():
        if name.endswith("_scale"):
            tensor[:] = 10.0 ** rng.uniform(-3.0, -1.0, tensor.shape)
        elif tensor.dtype == np.int8:
            rows = tensor.reshape(-1, tensor.shape[-1])
            rows[::3] = rng.integers(-127, 128, rows[::3].shape)
            rows[::3, 1::2] = rng.integers(-1, 2, rows[::3, 1::2].shape)  # pairs within 128
            rows[1] = 0
            rows[2:3] = np.sign(rows[2:3]) * 3
    return Bundle(bundle.spec, tensors, bundle.sha256)


def same(bundle, tensors):
    assert list(tensors) == list(bundle.tensors)
    for name, want in bundle.tensors.items():
        got = np.asarray(tensors[name])
        assert np.array_equal(got, want) and (got.dtype == np.int8) == (want.dtype == np.int8), name


@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize("host", HOSTS)
def test_round_trip_without_training_keeps_every_bit(tmp_path, host, ranges):
    bundle = awkward(HOSTS[host])
    write_bundle(tmp_path / "a.safetensors", bundle.spec, bundle.tensors)
    first = read_bundle(tmp_path / "a.safetensors")
    network = Network.from_bundle(first, ranges)
    same(bundle, network.bundle_tensors())
    export_bundle(network, tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    network.fc_out.bias.data = network.fc_out.bias.data.bfloat16()  # no type of numpy's
    export_bundle(network, tmp_path / "c.safetensors")
    network = Network(first.spec, ranges)  # as from a checkpoint
    network.load_state_dict(Network.from_bundle(first, ranges).state_dict())
    same(bundle, network.double().bundle_tensors())


@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize("host", HOSTS)
def test_what_is_trained_comes_out_as_integers(tmp_path, host, ranges):
    """After some steps a bundle holds what the network computed with."""
    torch.manual_seed(0)
    bundle = awkward(HOSTS[host])
    network = Network.from_bundle(bundle, ranges)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    x = 0.1 * torch.randn(2, 4800)
    for _ in range(2):
        optimiser.zero_grad()
        network.enhance(x).square().mean().backward()
        optimiser.step()
    export_bundle(network, tmp_path / "m.safetensors")
    trained = read_bundle(tmp_path / "m.safetensors")
    changed = {name for name, t in trained.tensors.items() if np.any(t != bundle.tensors[name])}
    assert {name for name, t in trained.tensors.items() if t.dtype == np.int8} <= changed
    scales = {name for name in trained.tensors if name.endswith("_scale")}
    assert scales & changed == (scales if ranges == "learned" else set())
    with torch.no_grad():
        want, got = network.enhance(x), Network.from_bundle(trained).enhance(x)
    # float32 scales and integers are those that were multiplied; rest as in any two runs.
    assert torch.equal(want, got)


def test_parameters_are_those_of_floats_and_the_learned_scales():
    spec = with_dtypes(HOSTS["bands"], integer_dtypes(HOSTS["bands"]))
    counted = {r: sum(p.numel() for p in Network(spec, r).parameters()) for r in RANGES}
    scales = [s for name, s in spec.tensor_shapes().items() if name.endswith("_scale")]
    assert counted["fixed"] == spec.params
    assert counted["learned"] == spec.params + sum(int(np.prod(s)) for s in scales)


def test_a_fresh_network_of_integers_holds_its_random_weights():
    spec = with_dtypes(HOSTS["gru"], integer_dtypes(HOSTS["gru"]))
    torch.manual_seed(0)
    network = Network(spec)
    own, tensors = dict(network.named_parameters()), network.bundle_tensors()
    want, scale = quantize_rows(own["gru2.w_h"].detach().numpy())
    assert np.array_equal(tensors["gru2.w_h"].numpy(), want)
    assert np.array_equal(tensors["gru2.w_h_scale"].numpy(), scale)
    assert 126 <= largest_pair(tensors["fc_in.weight"].numpy()) <= PAIR_LIMIT


def test_a_network_of_integers_goes_on_with_its_states():
    network = Network.from_bundle(integer_bundle(random_bundle_of(HOSTS["gru"]))).eval()
    with torch.no_grad():
        spectrum = network.spectrum(torch.randn(2, 3200))
        whole, _ = network.enhance_spectrum(spectrum)
        _, states = network.enhance_spectrum(spectrum[:, :7])
        tail, _ = network.enhance_spectrum(spectrum[:, 7:], states)
    assert (tail - whole[:, 7:]).abs().max() < 1e-4 * whole.abs().max()
