"""Rounding to integers in training: values, gradients, and the D-GRU that multiplies them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from wheesht.cells import DGRU, IntegerDGRU  # noqa: E402
from wheesht.cells.base import Cell  # noqa: E402
from wheesht.cells.controllers import Everyone, Threshold, TopA  # noqa: E402
from wheesht.cells.integers import Scale, rounded  # noqa: E402
from wheesht.spec.integers import quantize, row_scales  # noqa: E402

torch.set_num_threads(1)
# float32, sums in another order, no integer differs: measured 5e-7 of the largest value.
FLOAT32 = 3e-6
# float64, the same sums in another order: measured 5e-16.
FLOAT64 = 5e-15
CONTROLLERS = {
    "everyone": Everyone,
    "top-a": lambda: TopA(50.0),
    "threshold": lambda: Threshold(11, 0.4),
}
START = np.array([[0.0031], [0.5], [0.01], [1.0], [0.0125]], np.float32)  # of rows


def relative(want, got):
    """Largest difference, where the largest value is 1."""
    return float(((want - got).abs().max() / want.abs().max()).detach())


def numbers(*shape, reach=2.0):
    return np.random.default_rng(1).uniform(-reach, reach, shape)


def written_out(x, scale, levels, grad):
    """Value, gradient with respect to x, and to the scale, element by element (Q1, Q6)."""
    value, by_x, by_scale = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for i, v in np.ndenumerate(x):
        s = scale[i]
        integer = np.rint(v / s)
        if abs(integer) <= levels:
            value[i], by_x[i], by_scale[i] = integer * s, grad[i], grad[i] * (integer - v / s)
        else:
            limit = levels * np.sign(integer)
            value[i], by_scale[i] = limit * s, grad[i] * limit
    return value, by_x, by_scale


@pytest.mark.parametrize("levels", [127, 127 * 128])
@pytest.mark.parametrize("start", [START[:, 0], np.array([0.011], np.float32)], ids=["rows", "one"])
def test_gradients_are_those_of_the_formula(start, levels):
    scale = Scale(start * 127 / levels, levels, "learned").double()
    with torch.no_grad():
        scale.growth.copy_(torch.linspace(-0.2, 0.3, len(start)))
    own = scale.value().detach().numpy()
    x, weight = numbers(5, 7), numbers(5, 7)
    want, by_x, by_scale = written_out(x, np.broadcast_to(own[:, None], x.shape), levels, weight)
    seen = torch.from_numpy(x).requires_grad_()
    got = scale(seen)
    (got * torch.from_numpy(weight)).sum().backward()
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-15)
    np.testing.assert_array_equal(seen.grad.numpy(), by_x)
    of_rows = by_scale.sum(1) if len(start) > 1 else by_scale.sum(keepdims=True)[0]
    np.testing.assert_allclose(scale.growth.grad.numpy(), of_rows * own, rtol=1e-12, atol=1e-13)
    assert 0.1 < np.mean(by_x == 0) < 0.9  # some are limited, most are not


def test_integers_are_those_of_the_contract():
    x = numbers(5, 7)
    scale = Scale(START[:, 0], 127, "fixed").double()
    want = quantize(x, START.astype(np.float64), 127)
    got = scale.integers(torch.from_numpy(x))
    assert got.dtype == torch.int8 and np.array_equal(got.numpy(), want)
    ties = torch.tensor([[0.5, 1.5, -2.5]])
    assert rounded(ties, 1.0, 127).tolist() == [[0.0, 2.0, -2.0]]


def test_a_fixed_scale_is_no_parameter_and_a_learned_one_stays_above_zero():
    fixed, learned = (Scale(START[:, 0], 127, ranges) for ranges in ("fixed", "learned"))
    assert not list(fixed.parameters()) and fixed.value() is fixed.start
    assert [p.shape for p in learned.parameters()] == [(5,)]
    assert torch.equal(learned.value(), learned.start)  # to the last bit, until it is trained
    optimiser = torch.optim.SGD(learned.parameters(), lr=10.0)
    learned.value().sum().backward()
    optimiser.step()
    assert torch.all(learned.value() > 0) and torch.all(learned.value() < learned.start)
    learned.set(torch.full((5,), 0.125))
    assert torch.equal(learned.value(), torch.full((5,), 0.125))


def test_a_scale_moves_towards_what_the_values_need():
    scale = Scale(np.array([0.01], np.float32), 127, "learned")  # limits at 1.27
    x = torch.from_numpy(numbers(1, 400, reach=4.0)).float()
    optimiser = torch.optim.Adam(scale.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        (scale(x) - x).square().mean().backward()
        optimiser.step()
    assert 4.0 / 127 * 0.9 < float(scale.value().detach()) < 4.0 / 127 * 1.1


def test_a_number_that_is_none_is_seen():
    x = torch.tensor([[np.nan, np.inf, -np.inf]], requires_grad=True)
    y = rounded(x, 0.5, 127)
    assert torch.isnan(y[0, 0]) and y[0, 1:].tolist() == [63.5, -63.5]


def cells(name, ranges="learned"):
    torch.manual_seed(3)
    cell = IntegerDGRU(7, 11, CONTROLLERS[name](), ranges)
    cell.input_scale.set(torch.tensor([0.02]))  # limits at 2.54
    return cell, 2.0 * torch.randn(3, 13, 7)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_gradients_of_the_native_steps_are_those_of_the_loop(name):
    cell, x = cells(name)
    results = []
    for run in (cell, lambda x: Cell.loop(cell, x)):
        seen = x.clone().requires_grad_()
        h, _ = run(seen)
        cell.zero_grad()
        (h * torch.linspace(-1, 1, 11)).sum().backward()
        results.append([h.detach(), seen.grad, *(p.grad.clone() for p in cell.parameters())])
    for got, want in zip(*results, strict=True):
        assert relative(want, got) < FLOAT32
    assert len(results[0]) == 2 + 4 + 3  # biases and matrices, and three scales


@pytest.mark.parametrize("name", CONTROLLERS)
def test_gradients_of_the_loop_in_float64_are_those_of_its_steps(name):
    cell, x = cells(name)
    cell, x = cell.double(), x.double()
    results = []
    for run in (cell, lambda x: Cell.loop(cell, x)):
        h, state = run(x)
        cell.zero_grad()
        h.square().sum().backward()
        results.append([h.detach(), state["h"], *(p.grad.clone() for p in cell.parameters())])
        assert state["update_mask"].shape == (3, 11)
    for got, want in zip(*results, strict=True):
        assert relative(want, got) < FLOAT64


def test_the_state_is_not_rounded_though_what_is_multiplied_is():
    cell, x = cells("everyone")
    h = cell(x)[0]
    assert not torch.any(rounded(h, 1 / 127, 127) == h)
    with torch.no_grad():
        for bias in (cell.b_x, cell.b_h):
            bias.zero_()
        cell.w_x.zero_()
        small = {"h": torch.full((1, 11), 0.4 / 127)}  # seen as zeros: c is 0, z a half
        after = cell(torch.zeros(1, 1, 7), small)[0]
    assert torch.allclose(after, torch.full((1, 1, 11), 0.2 / 127), rtol=1e-6)


def test_of_weights_and_inputs_that_are_integers_it_is_a_dgru_but_for_its_state():
    """With one step from silence nothing is left to round."""
    cell, x = cells("top-a", "fixed")
    plain = DGRU(7, 11, TopA(50.0))
    with torch.no_grad():
        plain.load_state_dict(cell.state_dict(), strict=False)
        for name in ("w_x", "w_h"):
            getattr(plain, name).copy_(getattr(cell, f"{name}_scale")(getattr(cell, name)))
        x = cell.input_scale(x[:, :1])
        assert relative(plain(x)[0], cell(x)[0]) < FLOAT32


def test_rows_begin_with_the_scales_of_their_weights():
    cell, _ = cells("everyone")
    want = row_scales(cell.w_h.detach().numpy())
    assert np.array_equal(cell.w_h_scale.value().detach().numpy(), want)
    sizes = torch.nn.functional.pad(cell.w_h_scale.integers(cell.w_h).abs().int(), (0, 1))
    pairs = sizes.unflatten(1, (-1, 2)).sum(2).amax(1)
    assert all(126 <= pair <= 128 for pair in pairs.tolist())


def test_pairs_of_weights_are_limited_together_and_inputs_are_not():
    weights = torch.tensor([[127.0, 127.0, 127.0, 1.0, -127.0, 4.0, 90.0, -60.0, 127.0]])
    paired = Scale(np.ones(1, np.float32), 127, "fixed", paired=True)
    want = [64, 64, 127, 1, -125, 3, 79, -49, 127]  # half of what is over 128 goes from each
    assert paired(weights).tolist() == [want]
    assert paired.integers(weights).tolist() == [want]
    assert Scale(np.ones(1, np.float32), 127, "fixed")(weights).tolist() == weights.tolist()
    x = weights.clone().requires_grad_()
    paired(x).sum().backward()
    assert x.grad.tolist() == [[0, 0, 1, 1, 0, 0, 0, 0, 1]]  # cut off where it is limited
