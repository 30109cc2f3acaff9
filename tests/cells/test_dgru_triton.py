"""The D-GRU on a GPU: its Triton kernels and the compiled loop, on a CPU.

The kernels run in Triton's interpreter, which tests/conftest.py asks for. On a machine with a GPU
``TRITON_INTERPRET=0 pytest tests/cells/test_dgru_triton.py`` runs them there.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton", reason="needs: pip install 'wheesht[triton]'")

import triton.language as tl  # noqa: E402

from wheesht.cells import DGRU, dgru  # noqa: E402
from wheesht.cells.controllers import Everyone, Threshold, TopA  # noqa: E402
from wheesht.cells.kernels.dgru_gpu import (  # noqa: E402
    MAX_HIDDEN,
    compiled_loop,
    has_triton,
    has_triton_steps,
)
from wheesht.cells.kernels.dgru_triton import _mark_top_a, dgru_triton  # noqa: E402

INTERPRETED = os.environ["TRITON_INTERPRET"] == "1"
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
COMPILED = Path(__file__).with_name("compiled_kernels.py")
# float32 sums of at most 90 terms against float64; measured 2e-7 relative.
FLOAT32 = 2e-6
# State: the input products are bfloat16 in both, but now and then a state is rounded to the
# neighbouring bfloat16. Gradients: those of the gates are rounded too (2^-9 each).
BFLOAT16_STATE = 2e-3
BFLOAT16_GRADIENT = 1.5e-2
# Shared memory that one block may take, by compute capability (CUDA C++ Programming Guide).
SHARED_BYTES = {"86": 99 * 1024, "90": 227 * 1024}

if INTERPRETED:
    import triton.runtime.interpreter as interpreter

    @pytest.fixture(autouse=True)
    def bfloat16_products(monkeypatch):
        """Give the interpreter products of bfloat16; as of 3.9 it multiplies their bit patterns."""
        plain = interpreter.InterpreterBuilder.create_dot

        def widened(handle):
            if handle.dtype.scalar != interpreter.tl.bfloat16:
                return handle
            data = (handle.data.astype(np.uint32) << 16).view(np.float32)
            return interpreter.TensorHandle(data, interpreter.tl.float32)

        def create_dot(self, a, b, *rest):
            return plain(self, widened(a), widened(b), *rest)

        monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", create_dot)


def rounded(x, dtype):
    """Values of `dtype` as float64; the rounding itself passes gradients as they are."""
    return x + (x.detach().to(dtype).double() - x.detach())


def masked_formula(gates_x, w_h, b_h, h, masks, dtype):
    """Equations G1 to G5 with the masks given, in float64 with factors of `dtype`."""
    n, outputs = h.shape[1], []
    for a, g in zip(rounded(gates_x, dtype), masks.double(), strict=True):
        b = rounded(h, dtype) @ rounded(w_h, dtype).T + b_h
        r = torch.sigmoid(a[:, :n] + b[:, :n])
        z = torch.sigmoid(a[:, n : 2 * n] + b[:, n : 2 * n])
        c = torch.tanh(a[:, 2 * n :] + r * b[:, 2 * n :])
        h = g * (z * c + (1 - z) * h) + (1 - g) * h
        outputs.append(h)
    return torch.stack(outputs)


def run_kernel(cell, x, h_0, dtype):
    """Return the kernel's state and masks, and its input, from which gradients are taken."""
    gates_x = (x.transpose(0, 1) @ cell.w_x.T + cell.b_x).detach().to(dtype).requires_grad_()
    h, mask = dgru_triton(gates_x, cell.w_h, cell.b_h, h_0, cell._gate(x.shape[0]))
    return h, mask, gates_x


def relative(got, want):
    return ((got.double() - want).norm() / want.norm()).item()


def check_against_formula(cell, batch, steps, dtype, state_tolerance, gradient_tolerance):
    x = torch.randn(batch, steps, cell.input_size, device=DEVICE)
    h_0 = torch.randn(batch, cell.hidden_size, device=DEVICE).requires_grad_()
    h, mask, gates_x = run_kernel(cell, x, h_0, dtype)
    weight = torch.randn(h.shape, device=DEVICE)
    wanted = [gates_x, cell.w_h, cell.b_h, h_0]
    got = torch.autograd.grad((h * weight).sum(), wanted)
    copies = [t.detach().double().requires_grad_() for t in wanted]
    plain = masked_formula(*copies, mask, dtype)
    assert h.dtype == torch.float32
    assert relative(h, plain) < state_tolerance
    grads = torch.autograd.grad((plain * weight.double()).sum(), copies)
    for mine, exact in zip(got, grads, strict=True):
        assert relative(mine, exact) < gradient_tolerance
    return x, h_0.detach(), mask


CONTROLLERS = {
    "quarter": TopA(25),
    "half": TopA(50),
    "all": TopA(100),
    "per row": TopA(torch.linspace(1, 100, 17)),
    "threshold": Threshold(70, 0.5),
    "everyone": Everyone(),
}


@pytest.mark.parametrize("name", CONTROLLERS)
def test_state_mask_and_gradients_equal_the_formulas(name):
    torch.manual_seed(1)
    cell = DGRU(9, 70, CONTROLLERS[name]).to(DEVICE)  # two blocks of units
    x, h, mask = check_against_formula(cell, 17, 3, torch.float32, FLOAT32, FLOAT32)
    state = {"h": h}
    for frame, own in zip(x.unbind(1), mask, strict=True):
        _, state = cell.step(frame, state)
        assert torch.equal(own, state["update_mask"].to(torch.uint8))


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 64, 2), (16, 65, 1), (33, 7, 2)], ids=str)
def test_any_size_of_batch_and_layer(sizes):
    torch.manual_seed(2)
    batch, hidden, steps = sizes
    cell = DGRU(3, hidden, TopA(40)).to(DEVICE)
    check_against_formula(cell, batch, steps, torch.float32, FLOAT32, FLOAT32)


@pytest.mark.parametrize("percent", [50, 100])
def test_bfloat16_gradients_equal_the_formulas_with_rounded_factors(percent):
    torch.manual_seed(3)
    cell = DGRU(9, 70, TopA(percent)).to(DEVICE)
    check_against_formula(cell, 5, 4, torch.bfloat16, BFLOAT16_STATE, BFLOAT16_GRADIENT)


INF = float("inf")
SCORES = {
    "pattern": [float(j * 7 % 5 - 2) for j in range(130)],
    "signed zeros": [0.0, -0.0, 0.0, -0.0, 1.0],
    "all equal": [-2.0] * 7,
    "neighbours": [1.0 + j * 2.0**-23 for j in (3, 0, 1, 2, 1)],
    "far apart": [-INF, 3e38, -3e38, 1e-44, -1e-44, INF, 0.0, -1.0],
}


@triton.jit
def marked(scores, counts, mask, ROWS: tl.constexpr, UNITS: tl.constexpr, PADDED: tl.constexpr):
    row, unit = tl.arange(0, ROWS), tl.arange(0, PADDED)[None, :]
    valid = (unit < UNITS) & (row >= 0)[:, None]
    score = tl.load(scores + unit + row[:, None] * 0, mask=valid, other=0.0)
    chosen = _mark_top_a(score, valid, tl.load(counts + row))
    tl.store(mask + row[:, None] * UNITS + unit, chosen.to(tl.uint8), mask=valid)


@pytest.mark.parametrize("name", SCORES)
def test_exactly_a_largest_units_and_ties_to_the_lowest_index(name):
    scores = SCORES[name]
    units = len(scores)
    counts = torch.arange(16, dtype=torch.int32, device=DEVICE) * units // 16 + 1
    mask = torch.zeros(16, units, dtype=torch.uint8, device=DEVICE)
    padded = triton.next_power_of_2(units)
    marked[(1,)](torch.tensor(scores, device=DEVICE), counts, mask, 16, units, padded)
    order = sorted(range(units), key=lambda j: (-scores[j], j))
    for count, row in zip(counts.tolist(), mask, strict=True):
        assert torch.nonzero(row).flatten().tolist() == sorted(order[:count])


def test_forward_runs_the_kernel_and_equals_the_loop(monkeypatch):
    torch.manual_seed(4)
    monkeypatch.setattr(dgru, "has_triton_steps", lambda x, hidden_size: True)
    monkeypatch.setattr(dgru, "has_native_steps", lambda x: False)
    cell = DGRU(5, 12, TopA(50)).to(DEVICE)
    x = torch.randn(2, 4, 5, device=DEVICE, requires_grad=True)
    head, state = cell(x[:, :3])
    tail, state = cell(x[:, 3:], state)
    mine, (loop, last) = torch.cat([head, tail], 1), cell.loop(x)
    assert "Triton" in type(head.grad_fn.next_functions[0][0]).__name__
    assert relative(mine, loop.double()) < FLOAT32
    assert torch.equal(state["h"], mine[:, -1])
    assert torch.equal(state["update_mask"], last["update_mask"])
    wanted = [x, *cell.parameters()]
    grads = zip(
        torch.autograd.grad(mine.square().sum(), wanted),
        torch.autograd.grad(loop.square().sum(), wanted),
        strict=True,
    )
    assert all(relative(got, want.double()) < FLOAT32 for got, want in grads)


def on(device, dtype=torch.float32):
    return SimpleNamespace(device=torch.device(device), dtype=dtype)


@pytest.fixture
def gpu(monkeypatch):
    """Make this process believe in a GPU; returns a function that sets what it can do."""

    def capability(*version):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: version)

    capability(9, 0)
    return capability


def test_kernels_cover_float32_of_their_size_on_a_gpu(gpu):
    assert has_triton_steps(on("cuda"), MAX_HIDDEN)
    assert not has_triton_steps(on("cuda"), MAX_HIDDEN + 1)
    assert not has_triton_steps(on("cuda", torch.float64), 8)
    assert not has_triton_steps(on("cuda", torch.bfloat16), 8)
    assert not has_triton_steps(on("cpu"), 8)


@pytest.mark.parametrize(("dtype", "covered"), [(torch.bfloat16, True), (torch.float16, False)])
def test_kernels_cover_autocast_to_bfloat16_alone(gpu, monkeypatch, dtype, covered):
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: dtype)
    assert has_triton_steps(on("cuda"), 8) is covered
    assert has_triton_steps(on("cuda", torch.bfloat16), 8) is covered
    assert not has_triton_steps(on("cuda", torch.float64), 8)


def test_older_and_other_gpus_and_those_without_triton_get_no_kernel(gpu, monkeypatch):
    gpu(7, 5)
    assert has_triton(on("cuda")) and not has_triton_steps(on("cuda"), 8)
    gpu(6, 1)
    assert not has_triton(on("cuda"))
    gpu(9, 4)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert has_triton(on("cuda")) and not has_triton_steps(on("cuda"), 8)
    monkeypatch.setattr(torch.version, "hip", None)
    assert has_triton_steps(on("cuda"), 8)
    monkeypatch.setitem(sys.modules, "triton", None)
    assert not has_triton(on("cuda")) and not has_triton_steps(on("cuda"), 8)


def test_forward_falls_back_to_the_compiled_loop(monkeypatch):
    monkeypatch.setattr(dgru, "has_triton", lambda x: True)
    monkeypatch.setattr(torch, "compile", lambda function: function)  # compiled for real below
    cell = DGRU(5, 12, TopA(50)).double().to(DEVICE)
    x = torch.randn(2, 4, 5, dtype=torch.float64, device=DEVICE)
    called = []
    monkeypatch.setattr(
        dgru, "compiled_loop", lambda *given: called.append(given) or compiled_loop(*given)
    )
    mine, state = cell(x)
    plain, last = cell.loop(x)
    assert len(called) == 1
    assert torch.equal(mine, plain)
    assert all(torch.equal(state[name], last[name]) for name in last)
    assert cell(x[:, :0])[0].shape == (2, 0, 12)


@pytest.mark.slow
def test_compiled_loop_equals_the_loop():
    torch.manual_seed(5)
    cell = DGRU(5, 12, TopA(50)).to(DEVICE)
    x = torch.randn(2, 4, 5, device=DEVICE, requires_grad=True)
    h_0 = torch.randn(2, 12, device=DEVICE, requires_grad=True)
    wanted = [x, h_0, *cell.parameters()]
    for percent in (50.0, 25.0):  # a change of the dial needs no other program
        cell.controller.update_percent = percent
        mine, own = compiled_loop(cell, cell.controller, x, h_0)
        plain, state = cell.loop(x, {"h": h_0})
        grads = torch.autograd.grad(plain.square().sum(), wanted)
        assert relative(mine, plain.double()) < FLOAT32
        assert torch.equal(own["update_mask"], state["update_mask"])
        for got, want in zip(torch.autograd.grad(mine.square().sum(), wanted), grads, strict=True):
            assert relative(got, want.double()) < FLOAT32


@pytest.mark.slow
@pytest.mark.parametrize("capability", SHARED_BYTES)
def test_kernels_compile_for_gpus_and_fit(capability):
    command = [sys.executable, str(COMPILED), capability]
    environment = {**os.environ, "TRITON_INTERPRET": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    kernels = json.loads(done.stdout)
    assert len(kernels) == 6
    for kernel in kernels:
        assert kernel["shared_bytes"] <= SHARED_BYTES[capability], kernel
        # Threads of a block exchange rows through memory: a barrier each way, in each step.
        assert kernel["barriers"] == 2, kernel
