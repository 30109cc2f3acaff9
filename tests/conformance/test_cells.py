"""Registering a cell is enough to have it tested here."""

import pytest

torch = pytest.importorskip("torch")

from wheesht.cells import CELLS  # noqa: E402

# float64, the same operations regrouped; measured 2e-16.
REGROUPED = 1e-14


def rel_rms(ref, got):
    """RMS of the difference over RMS of the reference (dimensionless)."""
    return ((ref - got).square().mean() / ref.square().mean()).sqrt().item()


@pytest.fixture(params=sorted(CELLS))
def cell(request):
    torch.manual_seed(0)
    return CELLS[request.param](input_size=7, hidden_size=11).double().eval()


@pytest.fixture
def x(cell):
    return torch.randn(2, 13, cell.input_size, dtype=torch.float64)


@pytest.mark.parametrize("split", [0, 1, 6, 12, 13])
def test_output_does_not_depend_on_chunking(cell, x, split):
    whole, _ = cell(x)
    head, state = cell(x[:, :split])
    tail, _ = cell(x[:, split:], state)
    assert rel_rms(whole, torch.cat([head, tail], dim=1)) < REGROUPED


def test_step_equals_forward(cell, x):
    whole, _ = cell(x)
    state = cell.initial_state(batch=2)
    for t in range(x.shape[1]):
        h, state = cell.step(x[:, t], state)
        assert rel_rms(whole[:, t], h) < REGROUPED, f"first difference at frame {t}"


def test_batch_rows_never_influence_each_other(cell, x):
    whole, _ = cell(x)
    changed = x.clone()
    changed[0] = 5.0
    assert torch.equal(cell(changed)[0][1], whole[1])


def test_a_step_leaves_the_old_state_as_it_was(cell, x):
    state = cell.initial_state(batch=2)
    _, state = cell.step(x[:, 0], state)
    kept = {name: tensor.clone() for name, tensor in state.items()}
    cell.step(x[:, 1], state)
    assert all(torch.equal(kept[name], tensor) for name, tensor in state.items())


def test_float32_forward_equals_the_loop(cell, x):
    cell, x = cell.float(), x.float()
    # 13 steps of 18-term sums in float32 (eps 6e-8); measured 2.1e-7.
    assert (cell(x)[0] - cell.loop(x)[0]).abs().max() < 1e-6


def test_float32_gradients_equal_the_loops(cell, x):
    cell, x = cell.float(), x.float().requires_grad_()
    weight = torch.randn(2, 13, 11)
    inputs = [x, *cell.parameters()]
    fast = torch.autograd.grad((cell(x)[0] * weight).sum(), inputs)
    slow = torch.autograd.grad((cell.loop(x)[0] * weight).sum(), inputs)
    # Sums over 26 frames in float32; measured 5e-7.
    assert max(rel_rms(s, f) for s, f in zip(slow, fast, strict=True)) < 5e-6
