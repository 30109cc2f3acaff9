"""The MPT and DPRNN hosts in torch: published counts, streaming, causality, gradients, the dial."""

import json

import numpy as np
import pytest
from bundles import band_host, bin_host, random_bundle_of, scanning_models

torch = pytest.importorskip("torch")

from wheesht.cells import DGRU  # noqa: E402
from wheesht.errors import SpecError  # noqa: E402
from wheesht.export.to_bundle import export_bundle  # noqa: E402
from wheesht.models import Network, dprnn_host_spec, mpt_host_spec  # noqa: E402
from wheesht.reference.runner import ReferenceStream  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402
from wheesht.spec.cost import macs_per_hop, model_cost, state_bytes  # noqa: E402
from wheesht.spec.front_end import ScaledSpectrum  # noqa: E402
from wheesht.spec.model_spec import ModelSpec, selected_units  # noqa: E402

torch.set_num_threads(1)  # threads of so small products wait for each other
HOSTS = {"mpt": mpt_host_spec("m"), "dprnn": dprnn_host_spec("d")}
# D-GRU paper (arXiv 2408.12425), table 1, P = 100: million MACs per second in GRUs and in all other
# layers, million parameters; and how far the layouts of this project are from them at most. The
# paper does not give the layout of the MPT host's other layers.
TABLE_1 = {
    "mpt": ((210.71, 0.0005), (71.61, 0.10), 0.285),
    "dprnn": ((4878.35, 0.0001), (811.02, 0.0001), 0.351),
}
# What a network of these sizes has, derived layer by layer in the notes of the specs.
PARAMS = {"mpt": 284_944, "dprnn": 350_786}
STEPS = {  # MACs of GRUs and of other layers in a second as the paper counts
    "mpt": (2 * (3 * 10_992 + 7_536) * 26 * 100, None),
    "dprnn": (12 * 25_408 * 160 * 100, 50_688 * 16_000),
}
ROUNDING = 1e-5  # float32 sums in another order, relative to the peak


@pytest.fixture(params=HOSTS)
def host(request):
    return HOSTS[request.param]


def fresh(spec, seed=0):
    torch.manual_seed(seed)
    return Network(spec).eval()


def moving(spec, seed=0):
    """A network whose filter and whose states move."""
    return Network.from_bundle(random_bundle_of(spec, seed)).eval()


def test_hosts_have_the_published_counts(host):
    (gru, gru_off), (other, other_off), params = TABLE_1[host.host]
    cost = model_cost(host, 100)
    assert cost.params == PARAMS[host.host] == sum(p.numel() for p in Network(host).parameters())
    assert round(cost.params / 1e6, 3) == params
    assert abs(cost.paper.recurrent / 1e6 / gru - 1) <= gru_off
    assert abs(cost.paper.other / 1e6 / other - 1) <= other_off
    recurrent, others = STEPS[host.host]
    assert cost.paper.recurrent == recurrent and others in (None, cost.paper.other)


@pytest.mark.parametrize("percent, share", [(75, 5 / 6), (50, 2 / 3), (25, 1 / 2)])
def test_gru_macs_of_hosts_scale_with_one_third_plus_two_thirds_of_p(host, percent, share):
    dense, less = model_cost(host, 100), model_cost(host, percent)
    assert less.paper.recurrent == round(dense.paper.recurrent * share)
    assert less.strict.recurrent == round(dense.strict.recurrent * share)
    assert less.strict.other == dense.strict.other


@pytest.mark.parametrize("percent", [100, 50])
def test_counts_of_hosts_are_what_the_judge_executes(host, percent):
    stream = ReferenceStream(random_bundle_of(host), percent)
    stream.process(np.ones(160))
    assert stream.executed_macs == macs_per_hop(host, percent)


def test_state_of_hosts_is_their_time_grus_and_what_filter_and_scale_remember():
    # Two half windows each; four time GRUs of 48 at 26 bands; of 64 at 160 bins.
    assert state_bytes(HOSTS["mpt"]) == 4 * (4 * 26 * 48 + 320 + 4 * 161)
    assert state_bytes(HOSTS["dprnn"]) == 4 * (4 * 160 * 64 + 320 + 2)


def test_paths_of_hosts_scan_as_documented():
    scans = [(g.input_size, g.hidden_size, g.scan) for g in HOSTS["mpt"].recurrent_layers]
    assert scans == 2 * [(24, 24, "both"), (24, 48, "time"), (24, 48, "down"), (24, 48, "time")]
    scans = [(g.input_size, g.hidden_size, g.scan) for g in HOSTS["dprnn"].recurrent_layers]
    assert scans == 4 * [(64, 64, "both"), (64, 64, "time")]
    assert {g.gate for host in HOSTS.values() for g in host.recurrent_layers} == {"top_a"}


def test_settings_of_the_dprnn_host():
    spec = dprnn_host_spec("d", 8, 25.0, compression="none")
    assert spec.features == ScaledSpectrum(1, 160, 1e-8, "none")
    assert {layer.hidden_size for layer in spec.recurrent_layers} == {8}
    assert spec.update_percent.default == 25.0
    with pytest.raises(SpecError, match=r"^layers\[0\]: got 160 x 2000, needs at most"):
        dprnn_host_spec("d", 2000)


def test_hosts_survive_document_and_bundle(host, tmp_path):
    assert ModelSpec.from_dict(json.loads(json.dumps(host.to_dict()))) == host
    network = fresh(host)
    export_bundle(network, tmp_path / "m.safetensors", {"licence": "test"})
    bundle = read_bundle(tmp_path / "m.safetensors")
    again = Network.from_bundle(bundle)
    assert bundle.spec.layers == host.layers and bundle.spec.format_version == 4
    assert list(bundle.tensors) == list(host.tensor_shapes())
    for name, tensor in network.bundle_tensors().items():
        assert torch.equal(again.bundle_tensors()[name], tensor), name


# Streaming and causality.


@pytest.mark.parametrize("spec", [*HOSTS.values(), band_host(), bin_host()], ids=lambda s: s.host)
@pytest.mark.parametrize("split", [0, 1, 2, 9, 10, 11])
def test_a_spectrum_may_be_split_anywhere(spec, split):
    network = moving(spec)
    network.set_update_percent(100)  # no choice can differ by rounding
    with torch.no_grad():
        spectrum = network.spectrum(0.1 * torch.randn(2, 1600))
        whole, _ = network.enhance_spectrum(spectrum)
        head, states = network.enhance_spectrum(spectrum[:, :split])
        tail, _ = network.enhance_spectrum(spectrum[:, split:], states)
    joined = torch.cat([head, tail], dim=1)
    assert (joined - whole).abs().max() < ROUNDING * whole.abs().max()
    assert whole[:, 1:].abs().amax((0, 2)).min() > 0


def test_frame_by_frame_is_the_whole():
    for spec, percent in scanning_models().values():
        network = moving(spec).double()
        network.set_update_percent(percent)
        with torch.no_grad():
            x = torch.randn(2, 4 * spec.front_end.hop_length, dtype=torch.float64)
            spectrum, states, parts = network.spectrum(x), None, []
            for t in range(spectrum.shape[1]):
                part, states = network.enhance_spectrum(spectrum[:, t : t + 1], states)
                parts.append(part)
            whole = network.enhance_spectrum(spectrum)[0]
        assert (torch.cat(parts, 1) - whole).abs().max() < 1e-12 * whole.abs().max()


def test_hosts_are_causal(host):
    network, hop = moving(host), 160
    x = 0.1 * torch.randn(1, 12 * hop)
    changed = x.clone()
    changed[:, 6 * hop :] = 0.5
    with torch.no_grad():
        a, b = network.enhance(x), network.enhance(changed)
    # Frame 5 is the last that ends before the change; its block ends one hop before it.
    assert torch.equal(a[:, : 5 * hop], b[:, : 5 * hop])
    assert not torch.equal(a[:, 5 * hop : 6 * hop], b[:, 5 * hop : 6 * hop])


def test_a_clip_does_not_see_its_neighbours_in_the_batch(host):
    network = moving(host)
    network.set_update_percent(100)
    x = 0.1 * torch.randn(3, 800) * torch.tensor([[1.0], [10.0], [0.1]])
    with torch.no_grad():
        together = network.enhance(x)
        for i in range(3):
            alone = network.enhance(x[i : i + 1])[0]
            assert (together[i] - alone).abs().max() < ROUNDING * alone.abs().max()


# Training.


@pytest.mark.parametrize("percent", [100, 25])
def test_gradients_reach_every_parameter(host, percent):
    network = fresh(host).train()
    network.set_update_percent(percent)
    spectrum = network.spectrum(0.1 * torch.randn(2, 1600))
    for _ in range(2):  # a fresh filter starts at zero and hides nothing but itself
        enhanced, _ = network.enhance_spectrum(spectrum)
        network.zero_grad()
        (enhanced - 0.5 * spectrum).abs().square().mean().backward()
        for name, parameter in network.named_parameters():
            gradient = parameter.grad
            assert gradient is not None and torch.isfinite(gradient).all(), name
            assert gradient.abs().max() > 0, name
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 1e-3 * parameter.grad.sign()


def test_gradients_of_small_networks_are_those_of_differences():
    for spec in (band_host((("both", 3), ("time", 3), ("down", 2)), "none"), bin_host(gate="none")):
        network = moving(spec).double()
        spectrum = network.spectrum(torch.randn(1, 480, dtype=torch.float64))
        weights = torch.randn(spectrum.shape, dtype=spectrum.dtype)

        def loss(network=network, spectrum=spectrum, weights=weights):
            return (network.enhance_spectrum(spectrum)[0] * weights).real.sum()

        loss().backward()
        for name, parameter in network.named_parameters():
            direction = torch.randn_like(parameter)
            with torch.no_grad():
                parameter += 1e-6 * direction
                above = loss()
                parameter -= 2e-6 * direction
                below = loss()
                parameter += 1e-6 * direction
            want, got = (above - below) / 2e-6, (parameter.grad * direction).sum()
            assert abs(want - got) < 1e-5 * max(1.0, abs(want)), name


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spec", [band_host(), bin_host()], ids=lambda s: s.host)
def test_rows_of_a_clip_share_its_p(spec, dtype):
    """Time scans have a row per position, frame scans one per frame: each takes its clip's P."""
    network = moving(spec).to(getattr(torch, dtype))
    cells = {name: m for name, m in network.named_modules() if isinstance(m, DGRU)}
    counts = {}

    def note(module, inputs, output):
        counts[module] = output[1]["update_mask"].sum(-1)

    for cell in cells.values():
        cell.register_forward_hook(note)
    percents = torch.tensor([100.0, 25.0, 50.0])
    x = torch.randn(3, 640, dtype=getattr(torch, dtype))
    with torch.no_grad():
        network.set_update_percent(percents)
        together = network.enhance(x)
        for name, cell in cells.items():
            want = [selected_units(p, cell.hidden_size) for p in percents.tolist()]
            per_clip = counts[cell].unflatten(0, (3, -1))
            assert per_clip.shape[1] == (spec.layer_shapes[0].positions if name == "gru2" else 5)
            assert torch.equal(per_clip, torch.tensor(want)[:, None].expand_as(per_clip)), name
        for i, percent in enumerate(percents.tolist()):
            network.set_update_percent(percent)
            alone = network.enhance(x[i : i + 1])[0]
            if dtype == "float64":  # in float32 choices may differ by rounding
                assert (together[i] - alone).abs().max() < 1e-12 * alone.abs().max()


def test_a_fresh_mpt_host_is_a_mask_and_learns_its_filter():
    network = fresh(HOSTS["mpt"])
    spectrum = network.spectrum(torch.randn(2, 1600))
    enhanced, _ = network.enhance_spectrum(spectrum)
    gains = enhanced / spectrum
    assert gains.imag.abs().max() < 1e-5 and 0 < gains.real.min() and gains.real.max() < 1
    enhanced.abs().mean().backward()
    rows = dict(network.named_parameters())["fc_out.weight"].grad
    assert torch.all(rows.abs().sum(1) > 0)


@pytest.mark.parametrize("amplitude", [0.0, 1e-6, 1.0])
def test_fresh_hosts_are_finite(host, amplitude):
    network = fresh(host).train()
    x = amplitude * torch.randn(2, 1600)
    x[:, 800:] = 0.0
    enhanced = network.enhance(x)
    enhanced.square().mean().backward()
    assert torch.isfinite(enhanced).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    if amplitude == 0.0 and host.host == "mpt":
        assert enhanced.abs().max() == 0.0


def test_the_scale_of_the_input_does_not_matter_to_the_dprnn_host():
    network = moving(HOSTS["dprnn"]).double()
    x = torch.randn(1, 800, dtype=torch.float64)
    with torch.no_grad():
        loud, quiet = network.enhance(x), network.enhance(x / 256)
    assert (256 * quiet - loud).abs().max() < 1e-5 * loud.abs().max()  # the floor beside the power


def test_spectra_of_no_frames_are_no_frames():
    for spec, _ in scanning_models().values():
        network = moving(spec)
        spectrum = torch.zeros(2, 0, spec.front_end.n_bins, dtype=torch.complex64)
        assert network.enhance_spectrum(spectrum)[0].shape == spectrum.shape
