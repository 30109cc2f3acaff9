"""Rivals on models that scan frequency: every kind of layer is the judge's, and the gate tells."""

import numpy as np
import pytest
from bundles import gru_host, integer_bundle, random_bundle_of, random_tensors
from scanning_models import bands_model, bins_model

from wheesht.bench import contestants, rivals
from wheesht.bench.field import Field
from wheesht.bench.gate_rivals import check_network, seen_by
from wheesht.bench.signals import speech_like
from wheesht.errors import GateError
from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.models.mpt_host import mpt_host_spec
from wheesht.spec.bundle import Bundle

X = speech_like(0.3).noisy
# Measured at most 1.6e-5, of both runtimes alike: where a norm's channels are nearly equal it
# multiplies what rounding leaves between them.
MOST_ERROR = 3e-5
MODELS = {
    "bands": bands_model(),
    "bands-dense-512": bands_model("none", n_fft=512, n_bands=14),
    "bands-threshold": bands_model("threshold", n_bands=2, channels=1),
    "bins": bins_model(),
    "bins-dense": bins_model("none", compression="none", channels=1),
    "bins-threshold-512": bins_model("threshold", n_fft=512),
    "mpt": mpt_host_spec("mpt"),
    "dprnn": dprnn_host_spec("dprnn", hidden_size=8),
}


@pytest.fixture
def network(request):
    """Make another runtime's network; what it changed is undone."""
    made = []

    def make(name, bundle):
        pytest.importorskip(name)
        made.append(rivals.NETWORKS[name](bundle))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_every_layer_gives_what_the_judge_gives(network, name, model):
    bundle = random_bundle_of(MODELS[model], seed=1)
    x = X[:960] if model == "dprnn" else X  # 160 positions take the judge long
    error = check_network(model, bundle, network(name, bundle), x)["output_error"]
    assert 0 < error < MOST_ERROR


@pytest.mark.parametrize("model", ["gru", "bands", "bins"])
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_of_integers_others_have_the_weights_that_they_stand_for(network, name, model):
    spec = gru_host((21, 33), filter_order=2) if model == "gru" else MODELS[model]
    floats = random_bundle_of(spec, seed=1)
    bundle = integer_bundle(floats)
    rival = network(name, bundle)
    assert 0 < check_network(model, bundle, rival, X)["output_error"] < MOST_ERROR
    with pytest.raises(GateError, match="its output is"):  # not those before rounding
        check_network(model, floats, rival, X)
    who = contestants.network(model, bundle, rival, seen_by(bundle, X), lambda: 0)
    assert who.facts.dtype == "f32"


@pytest.mark.parametrize("model", ["bands", "bins"])
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_wrong_numbers_in_any_tensor_are_found(network, name, model):
    spec = MODELS[model]
    tensors = random_tensors(spec, seed=1)
    right = Bundle(spec, tensors, "0" * 64)
    for tensor in tensors:
        if tensor.startswith("features."):
            continue  # these the runtimes are given
        # Not the same change everywhere, which norms would take out.
        noise = np.random.default_rng(0).standard_normal(tensors[tensor].shape)
        wrong = tensors[tensor] + (0.3 * noise).astype(np.float32)
        rival = network(name, Bundle(spec, tensors | {tensor: wrong}, "0" * 64))
        with pytest.raises(GateError, match=f"not timed: {name} on m: its output is"):
            check_network("m", right, rival, X[:800])


@pytest.mark.parametrize("model", ["bands", "bins"])
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_the_state_goes_on_from_step_to_step(network, name, model):
    """The same features give something else each time, and another network starts anew."""
    bundle = random_bundle_of(MODELS[model], seed=1)
    row = seen_by(bundle, X)[20]
    steps = [network(name, bundle).step for _ in range(2)]
    first, second, third = (np.array(steps[0](row)) for _ in range(3))
    assert np.abs(second - first).max() > 1e-3 and np.abs(third - second).max() > 1e-4
    assert np.array_equal(steps[1](row), first)


@pytest.mark.parametrize("model", ["bands", "bins-dense"])
def test_features_are_those_that_training_sees(model):
    torch = pytest.importorskip("torch")
    from wheesht.models.network import Network

    bundle = random_bundle_of(MODELS[model], seed=1)
    network = Network.from_bundle(bundle)
    with torch.no_grad():
        want = network.features(network.spectrum(torch.from_numpy(X)[None]), None)[0][0].numpy()
    seen = seen_by(bundle, X)
    assert seen.dtype == np.float32 and len(seen) == len(X) // 160
    assert np.abs(seen - want[: len(seen)]).max() < 1e-4


@pytest.mark.parametrize("model", ["bands", "bins"])
@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_recurrent_layers_are_timed_alone(network, name, model):
    bundle = random_bundle_of(MODELS[model], seed=1)
    rival, ticks = network(name, bundle), iter(range(99))
    who = contestants.network("m", bundle, rival, seen_by(bundle, X), ticks.__next__)
    assert who.inside[0](who.items[0]) == who.inside[0](who.items[1]) == [1]
    assert (
        len(who.items) == len(X) // 160 and who.items[0].shape == bundle.spec.features.output_shape
    )


@pytest.mark.parametrize("model", ["bands", "bins"])
def test_every_recurrent_layer_is_in_the_graph_of_them_alone(model):
    onnx_step = pytest.importorskip("wheesht.bench.rivals.onnx_step")
    spec = MODELS[model]
    step = onnx_step.OnnxStep.recurrent(random_bundle_of(spec))
    grus = spec.recurrent_layers
    places = {"bands": 9, "bins": 23}[model]
    assert step.inputs == {f"{gru.name}.x": (places, gru.input_size) for gru in grus}
    assert step.outputs == {f"{gru.name}.y": (places, gru.output_size) for gru in grus}
    over_time = [gru for gru in grus if gru.scan == "time"]
    assert step.states == {f"{gru.name}.h": (places, gru.hidden_size) for gru in over_time}


@pytest.mark.parametrize("name", rivals.NETWORKS)
def test_models_with_positions_enter_the_field(name):
    pytest.importorskip(name)
    bundle = random_bundle_of(MODELS["bins"], seed=1)
    with Field(X, lambda: 0) as field:
        field.enter_rival(name, {"m": bundle})
    assert field.names == [f"{name} m"] and len(field.contestants[0].parts) == 1
