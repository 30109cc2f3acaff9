"""D-GRU in torch: exactness of the gate, of P = 100, and of the native training steps."""

import pytest

torch = pytest.importorskip("torch")

from wheesht.cells import DGRNN, DGRU, GRU, from_torch_gru  # noqa: E402
from wheesht.cells.controllers import Everyone, Threshold, TopA  # noqa: E402
from wheesht.cells.kernels import _steps  # noqa: E402
from wheesht.errors import ParameterError  # noqa: E402

# float64 sums of 70 terms in another order; measured 4e-16.
SAME_FORMULA = 1e-12
# float32 gradients summed over 5 x 23 frames against float64; measured 6e-7 relative.
FLOAT32_GRADIENT = 5e-6
# State: float32 sums, but now and then a state is rounded to the neighbouring bfloat16. Gradients:
# the gate gradients are rounded too (2^-9 each), and the weight gradients once more.
BFLOAT16_STATE = 2e-3
BFLOAT16_GRADIENT = 1.5e-2


def masked_formula(cell, x, masks):
    """h = g (z c + (1 - z) h) + (1 - g) h with the masks given, in plain torch."""
    h, outputs = x.new_zeros(x.shape[0], cell.hidden_size), []
    n = cell.hidden_size
    for t in range(x.shape[1]):
        a = x[:, t] @ cell.w_x.T + cell.b_x
        b = h @ cell.w_h.T + cell.b_h
        r = torch.sigmoid(a[:, :n] + b[:, :n])
        z = torch.sigmoid(a[:, n : 2 * n] + b[:, n : 2 * n])
        c = torch.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
        h = masks[:, t] * (z * c + (1 - z) * h) + (1 - masks[:, t]) * h
        outputs.append(h)
    return torch.stack(outputs, 1)


def masks_of(cell, x):
    state, masks = cell.initial_state(x.shape[0]), []
    for frame in x.unbind(1):
        _, state = cell.step(frame, state)
        masks.append(state["update_mask"])
    return torch.stack(masks, 1)


@pytest.mark.parametrize(("input_size", "hidden_size"), [(1, 1), (7, 11), (33, 37), (320, 320)])
def test_all_units_equal_torch_gru(input_size, hidden_size):
    torch.manual_seed(1)
    theirs = torch.nn.GRU(input_size, hidden_size, batch_first=True).double()
    ours = from_torch_gru(theirs, TopA(100))
    x = torch.randn(3, 17, input_size, dtype=torch.float64)
    assert (theirs(x)[0] - ours(x)[0]).abs().max() < 1e-6
    assert (theirs(x)[0] - ours(x)[0]).abs().max() < SAME_FORMULA


def test_dgru_has_no_parameter_beyond_the_gru():
    assert {n: p.shape for n, p in DGRU(5, 9).named_parameters()} == {
        n: p.shape for n, p in GRU(5, 9).named_parameters()
    }


@pytest.mark.parametrize(
    ("percent", "hidden", "count"),
    [(50, 320, 160), (25, 7, 2), (50, 7, 4), (0.1, 10, 1), (100, 3, 3)],
)
def test_top_a_marks_exactly_a_units_with_half_rounded_up(percent, hidden, count):
    scores = torch.randn(50, hidden, generator=torch.Generator().manual_seed(0))
    assert TopA(percent)(scores).sum(1).tolist() == [count] * 50


MANY_TIES = [float(j * 7 % 5 - 2) for j in range(320)]  # long enough that an unstable sort shows


@pytest.mark.parametrize(
    "scores",
    [
        MANY_TIES,
        [0.0, -0.0, 0.0, -0.0, 1.0],
        [2.0, 2.0, 2.0, 2.0, 2.0],
        [-1.0, 3.0, -1.0, 3.0, -1.0],
    ],
)
@pytest.mark.parametrize("native", [False, True])
def test_ties_go_to_the_lowest_index(scores, native):
    units, count = len(scores), len(scores) * 3 // 5
    expected = sorted(range(units), key=lambda j: (-scores[j], j))[:count]
    if native:
        cell = DGRU(1, units, TopA(60))
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.zero_()
            cell.b_x[units : 2 * units] = torch.tensor(scores)
        _, state = cell(torch.zeros(1, 1, 1))
        mask = state["update_mask"][0]
    else:
        mask = TopA(60)(torch.tensor([scores]))[0]
    assert torch.nonzero(mask).flatten().tolist() == sorted(expected)


@pytest.mark.parametrize("controller", [TopA(50), TopA(9), TopA(100), Everyone()], ids=str)
def test_unselected_units_keep_their_state_and_selected_see_the_whole_old_one(controller):
    torch.manual_seed(2)
    cell = DGRU(7, 11, controller).double()
    x = torch.randn(4, 19, 7, dtype=torch.float64)
    masks = masks_of(cell, x)
    assert (cell(x)[0] - masked_formula(cell, x, masks)).abs().max() < SAME_FORMULA


@pytest.mark.parametrize(
    "controller",
    [TopA(50), TopA(100), Threshold(37, 0.5), Everyone()],
    ids=["half", "all", "threshold", "everyone"],
)
def test_native_gradients_equal_autograd_of_the_plain_formula(controller):
    torch.manual_seed(3)
    cell = DGRU(19, 37, controller)
    x = torch.randn(5, 23, 19, requires_grad=True)
    weight = torch.randn(5, 23, 37)
    native = torch.autograd.grad((cell(x)[0] * weight).sum(), [x, *cell.parameters()])
    masks = masks_of(cell, x.detach())

    precise = DGRU(19, 37, Everyone()).double()
    precise.load_state_dict(cell.state_dict(), strict=False)
    x64 = x.detach().double().requires_grad_()
    out = masked_formula(precise, x64, masks.double())
    plain = torch.autograd.grad((out * weight.double()).sum(), [x64, *precise.parameters()])
    for got, want in zip(native, plain, strict=True):
        assert (got - want).norm() / want.norm() < FLOAT32_GRADIENT


def test_gradient_passes_an_unselected_unit_unchanged():
    cell = DGRU(2, 4, Threshold(4, 0.999)).double()
    with torch.no_grad():
        cell.b_x[4:8] = -20.0  # no unit ever asks for an update
    h_0 = torch.randn(1, 4, dtype=torch.float64, requires_grad=True)
    out, _ = cell(torch.randn(1, 5, 2, dtype=torch.float64), {"h": h_0})
    assert torch.equal(torch.autograd.grad(out[:, -1].sum(), h_0)[0], torch.ones(1, 4).double())


def test_native_gradient_of_the_first_state_equals_the_loops():
    torch.manual_seed(7)
    cell = DGRU(7, 11, TopA(50))
    x, h_0 = torch.randn(3, 5, 7), torch.randn(3, 11, requires_grad=True)
    native, loop = (
        torch.autograd.grad(run(x, {"h": h_0})[0].square().sum(), h_0)[0]
        for run in (cell, cell.loop)
    )
    assert (native - loop).norm() / loop.norm() < FLOAT32_GRADIENT


def test_state_goes_on_in_the_native_path():
    torch.manual_seed(4)
    cell = DGRU(7, 11, TopA(40))
    x = torch.randn(2, 13, 7)
    head, state = cell(x[:, :6])
    tail, _ = cell(x[:, 6:], state)
    assert torch.equal(torch.cat([head, tail], 1), cell(x)[0])


def test_any_score_may_drive_the_gate_of_any_cell():
    torch.manual_seed(5)
    first_three = torch.tensor([[9.0, 8.0, 7.0, 0.0, 0.0]], dtype=torch.float64)
    dynamic = DGRNN(GRU(2, 5).double(), TopA(60), score=lambda x, h: first_three)
    h, state = dynamic(torch.randn(1, 4, 2, dtype=torch.float64))
    assert state["update_mask"].tolist() == [[1, 1, 1, 0, 0]]
    assert h[0, :, 3:].abs().max() == 0.0 and h[0, :, :3].abs().min() > 0.0


def test_dgrnn_on_its_own_scores_is_dgru():
    torch.manual_seed(6)
    cell = DGRU(3, 8, TopA(50)).double()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    assert torch.equal(DGRNN(cell, TopA(50))(x)[0], cell(x)[0])


def test_calibrated_threshold_updates_the_asked_share():
    scores = torch.randn(4000, 6, generator=torch.Generator().manual_seed(1)) * 2 + 1
    gate = Threshold(6)
    gate.calibrate(scores, update_percent=30)
    # 4000 draws: one draw is 0.025 %; interpolation of the quantile moves at most a few.
    assert gate(scores).mean(0).tolist() == pytest.approx([0.3] * 6, abs=1e-3)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["w_x", "w_h", "b_x", "b_h", "x", "h"])
def test_the_native_steps_hide_nothing_that_is_not_finite(where, value, mixed):
    if mixed and not _steps.has_bf16:
        pytest.skip("needs AVX-512 BF16 instructions")
    torch.manual_seed(0)
    cell, x = DGRU(8, 12, TopA(50)), torch.randn(3, 9, 8)
    state = cell.initial_state(3)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        before, _ = cell(x, state)
        tensor = {"x": x, "h": state["h"]}.get(where)
        place = {"x": (1, 4, 2), "h": (1, 3)}.get(where, -1)
        with torch.no_grad():
            (getattr(cell, where).flatten() if tensor is None else tensor)[place] = value
        after, last = cell(x, state)
    hit = torch.zeros(3, 9, dtype=torch.bool)
    hit[{"x": (1, slice(4, None)), "h": 1}.get(where, slice(None))] = True
    assert torch.isnan(after[hit]).all() and torch.equal(after[~hit], before[~hit])
    assert torch.equal(torch.isnan(last["h"]).any(1), hit[:, -1])
    after.square().sum().backward()
    assert torch.isnan(cell.w_x.grad).any() and torch.isfinite(before).all()


@pytest.mark.parametrize("shape", [(), (3, 1), (1, 3)])
def test_percentages_of_another_shape_are_refused(shape):
    with pytest.raises(ParameterError, match=r"needs one number or \(B,\)"):
        TopA(torch.full(shape, 50.0))


@pytest.mark.parametrize("value", [0, -5, 100.5, float("nan")])
def test_update_percent_out_of_range_is_refused(value):
    with pytest.raises(ParameterError, match="needs above 0 to 100 percent"):
        TopA(value)


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_threshold_out_of_range_is_refused(value):
    with pytest.raises(ParameterError, match="between 0 and 1"):
        Threshold(3, value)


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_calibration_percentage_out_of_range_is_refused(value):
    with pytest.raises(ParameterError, match="between 0 and 100"):
        Threshold(3).calibrate(torch.zeros(2, 3), value)


bfloat16_cpu = pytest.mark.skipif(
    not _steps.has_bf16, reason="this CPU has no AVX-512 BF16 instructions"
)


def rounded(x):
    """bfloat16 values as float64; the rounding itself passes gradients as they are."""
    return x + (x.detach().float().bfloat16().double() - x.detach())


@bfloat16_cpu
@pytest.mark.parametrize(("n", "k", "m"), [(1, 2, 1), (48, 4, 8), (49, 6, 13), (111, 74, 5)])
@pytest.mark.parametrize("transposed", [False, True])
def test_bfloat16_products_are_those_of_rounded_factors(n, k, m, transposed):
    torch.manual_seed(8)
    w, x, bias = torch.randn(n, k), torch.randn(m, k).bfloat16(), torch.randn(n)
    y = torch.full((m, n), float("nan"))
    stored = w.t().contiguous() if transposed else w
    _steps.Bf16Matrix(stored, transposed).times(x.view(torch.int16), bias, y)
    want = x.double() @ w.bfloat16().double().t() + bias.double()
    scale = x.double().abs() @ w.double().abs().t() + bias.double().abs()
    assert ((y - want).abs() / scale).max() < 1e-6  # float32 sums of at most 74 products


@bfloat16_cpu
@pytest.mark.parametrize("sizes", [(2, 2), (20, 38), (34, 66)])
@pytest.mark.parametrize("controller", [TopA(50), TopA(100), None], ids=["half", "all", "limit"])
def test_bfloat16_gradients_equal_autograd_of_the_formula_with_rounded_factors(sizes, controller):
    torch.manual_seed(9)
    inputs, hidden = sizes
    cell = DGRU(inputs, hidden, controller or Threshold(hidden, 0.5))
    x = torch.randn(5, 23, inputs, requires_grad=True)
    h_0 = torch.randn(5, hidden, requires_grad=True)
    weight = torch.randn(5, 23, hidden)
    with torch.autocast("cpu", torch.bfloat16):
        out, state = cell(x, {"h": h_0})
    assert out.dtype == torch.float32
    wanted = [x, h_0, cell.w_x, cell.w_h, cell.b_x, cell.b_h]
    native = torch.autograd.grad((out * weight).sum(), wanted)

    # The masks are those of the native run: rounding may change who is among the A largest.
    masks = (out.detach() != torch.cat([h_0.detach()[:, None], out.detach()[:, :-1]], 1)).double()
    copies = [t.detach().double().requires_grad_() for t in wanted]
    x64, h, w_x, w_h, b_x, b_h = copies
    n, outputs = hidden, []
    for t in range(23):
        a = rounded(x64[:, t]) @ rounded(w_x).T + b_x
        b = rounded(h) @ rounded(w_h).T + b_h
        r = torch.sigmoid(a[:, :n] + b[:, :n])
        z = torch.sigmoid(a[:, n : 2 * n] + b[:, n : 2 * n])
        c = torch.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
        h = h + masks[:, t] * z * (c - h)
        outputs.append(h)
    plain = torch.stack(outputs, 1)
    assert (out - plain).norm() / plain.norm() < BFLOAT16_STATE
    grads = torch.autograd.grad((plain * weight.double()).sum(), copies)
    for got, want in zip(native, grads, strict=True):
        assert (got - want).norm() / want.norm() < BFLOAT16_GRADIENT
    assert torch.equal(state["h"], out[:, -1])


@bfloat16_cpu
def test_bfloat16_is_used_only_where_it_is_asked_for_and_fits():
    cell, x = DGRU(6, 8, TopA(50)), torch.randn(1, 40, 6)
    plain = cell(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = cell(x)[0]
        odd_cell = DGRU(6, 7, TopA(50))
        odd, odd_rounded = odd_cell(x)[0], odd_cell(x.bfloat16())[0]
    assert 0 < (mixed - plain).norm() / plain.norm()
    assert torch.equal(odd, odd_cell(x)[0])
    assert odd_rounded.dtype == torch.float32


@pytest.mark.parametrize("native", [False, True])
def test_every_row_of_a_batch_may_have_a_percentage_of_its_own(native):
    torch.manual_seed(10)
    cell = DGRU(7, 12, TopA(torch.tensor([25.0, 50.0, 100.0])))
    x = torch.randn(3, 9, 7)
    together, state = cell(x) if native else cell.loop(x)
    assert state["update_mask"].sum(1).tolist() == [3, 6, 12]
    for row, percent in enumerate([25.0, 50.0, 100.0]):
        cell.controller.update_percent = percent
        alone, _ = cell.loop(x[row : row + 1])
        assert (together[row] - alone[0]).abs().max() < 1e-6


def test_percentages_that_do_not_fit_the_batch_are_refused():
    cell = DGRU(2, 4, TopA(torch.tensor([50.0, 50.0])))
    with pytest.raises(ParameterError, match=r"needs one number or \(3,\)"):
        cell(torch.zeros(3, 1, 2))
    with pytest.raises(ParameterError, match="needs above 0 to 100 percent"):
        TopA(torch.tensor([50.0, 0.0]))
