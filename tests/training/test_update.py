"""One update: the dial's position, who optimises what, and the precision of its parts."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.tiny_run import recipe  # noqa: E402

from wheesht.errors import ConfigError, StateError  # noqa: E402
from wheesht.models import Network  # noqa: E402
from wheesht.training.config import OptimConfig  # noqa: E402
from wheesht.training.optimiser import make_optimiser  # noqa: E402
from wheesht.training.parallel import Ranks  # noqa: E402
from wheesht.training.update import Updater, draw_update_percent  # noqa: E402

ANY = {"choices": [25.0, 50.0, 75.0, 100.0]}


def updater(settings, ranks=None):
    torch.manual_seed(0)
    network = Network(settings.model.spec())
    averaged = Network(settings.model.spec())
    averaged.load_state_dict(network.state_dict())
    optimiser = make_optimiser(network, settings.optim)
    return Updater(network, averaged, optimiser, settings, ranks or Ranks())


def batch(size=4):
    generator = torch.Generator().manual_seed(1)
    clean, noise = 0.1 * torch.randn(2, size, 4000, generator=generator)
    return clean + noise, clean


def test_the_position_is_a_function_of_seed_and_step():
    settings = recipe(update_percent=ANY, optim={"batch_size": 6})
    drawn = [draw_update_percent(settings, step)[0] for step in range(200)]
    assert drawn == [draw_update_percent(settings, step)[0] for step in range(200)]
    assert drawn != [
        draw_update_percent(recipe(update_percent=ANY, seed=1), s)[0] for s in range(200)
    ]
    counts = [drawn.count(p) for p in ANY["choices"]]
    assert sum(counts) == 200 and min(counts) > 20  # 50 expected, five sigma is 31


def test_per_batch_all_clips_have_one_position_and_per_sequence_their_own():
    size = {"batch_size": 6}
    for step in range(20):
        drawn = draw_update_percent(recipe(update_percent=ANY, optim=size), step)
        assert drawn.shape == (6,) and len(set(drawn)) == 1
    apart = {**ANY, "per": "sequence"}
    drawn = [draw_update_percent(recipe(update_percent=apart, optim=size), s) for s in range(20)]
    assert any(len(set(row)) > 2 for row in drawn) and {p for r in drawn for p in r} == set(
        ANY["choices"]
    )


def test_without_choices_the_position_is_that_of_the_model():
    drawn = draw_update_percent(recipe(model={"update_percent": 30.0}), 5)
    assert np.array_equal(drawn, [30.0, 30.0])


@pytest.mark.parametrize("rank", [0, 1])
def test_every_rank_sets_the_positions_of_its_own_clips(monkeypatch, rank):
    settings = recipe(update_percent={**ANY, "per": "sequence"}, optim={"batch_size": 6})
    monkeypatch.setattr(Ranks, "wrapped", lambda self, network: network)
    made = updater(settings, Ranks(rank, 2))
    given = []
    monkeypatch.setattr(made.network, "set_update_percent", given.append)
    made.update(3, *batch(3))
    assert given[0].tolist() == list(draw_update_percent(settings, 3)[3 * rank : 3 * rank + 3])


def test_the_network_runs_at_the_drawn_position():
    settings = recipe(update_percent={"choices": [25.0]})
    made = updater(settings)
    made.update(0, *batch())
    assert made.network.gru1.controller.update_percent == 25.0


def test_muon_takes_the_recurrent_matrices_and_adamw_the_rest():
    made = updater(recipe(optim={"name": "muon"}))
    parts = made.optimiser.parts
    owned = {
        name: {id(p) for group in part.param_groups for p in group["params"]}
        for name, part in parts.items()
    }
    names = {id(p): name for name, p in made.network.named_parameters()}
    assert {names[i] for i in owned["muon"]} == {"gru1.w_x", "gru1.w_h", "gru2.w_x", "gru2.w_h"}
    assert owned["adamw"] == set(names) - owned["muon"]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_an_optimiser_lowers_the_loss_and_its_state_goes_on(name):
    settings = recipe(optim={"name": name, "learning_rate": 5e-3, "warm_up": 0, "updates": 30})
    first = updater(settings)
    losses = [float(first.update(step, *batch())["loss"]) for step in range(8)]
    assert losses[-1] < losses[0]
    second = updater(settings)
    second.network.load_state_dict(first.network.state_dict())
    second.optimiser.load_state_dict(copy.deepcopy(first.optimiser.state_dict()))
    for made in (first, second):
        made.update(8, *batch())
    for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_torch_without_muon_is_named(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigError, match="muon needs torch 2.9"):
        make_optimiser(Network(recipe().model.spec()), OptimConfig(name="muon"))


def test_bfloat16_changes_products_alone(monkeypatch):
    plain, short = (updater(recipe(precision=p)) for p in ("float32", "bfloat16"))
    seen = []
    features = short.network.features.forward
    monkeypatch.setattr(
        short.network.features,
        "forward",
        lambda x, state: seen.append(x.real.dtype) or features(x, state),
    )
    short.network.fc_in.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    a, b = (float(made.update(0, *batch())["loss"]) for made in (plain, short))
    assert seen == [torch.float32, torch.bfloat16]
    assert all(p.dtype == torch.float32 for p in short.network.parameters())
    # Eight bits of significand in the mask, averaged over all bins.
    assert a != b and b == pytest.approx(a, rel=2e-3)


def test_a_gradient_that_is_not_finite_changes_nothing():
    made = updater(recipe())
    before = [p.detach().clone() for p in made.network.parameters()]
    noisy, clean = batch()
    noisy[0, 100] = float("nan")
    assert made.update(0, noisy, clean) == {}
    for old, new in zip(before, made.network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_gradients_that_are_never_finite_end_the_training():
    made = updater(recipe())
    noisy, clean = batch()
    for step in range(60):  # a finite one in between begins the count anew
        made.update(step, noisy * float("nan"), clean)
    made.update(60, noisy, clean)
    with pytest.raises(StateError, match="update 161: the gradient has not been finite for 100"):
        for step in range(61, 200):
            made.update(step, noisy * float("nan"), clean)
