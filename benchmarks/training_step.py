"""Forward and backward of a D-GRU beside `torch.nn.GRU`.

    python benchmarks/training_step.py [--threads N]
    python benchmarks/training_step.py --device cuda

The native steps (on a CPU) or the Triton kernels (on a GPU) are first compared with the step in a
loop, on a GPU also in TF32 and bfloat16. CPU: batch 32, 320 units, 200 steps; GPU: batch 64, 400
steps. Medians of 11 interleaved runs. Rows `bfloat16` are mixed precision under autocast, on a CPU
shown where it has instructions for it; on a GPU `torch.nn.GRU` is that of cuDNN.
"""

import argparse
import sys
import time
from statistics import median

import torch

from wheesht.cells import DGRU, from_torch_gru
from wheesht.cells.controllers import TopA
from wheesht.cells.dgrnn import DGRNN
from wheesht.cells.kernels import _steps
from wheesht.cells.kernels.dgru_gpu import has_triton_steps

UNITS, RUNS, WARM_UP = 320, 11, 2
SIZES = {"cpu": (32, 200), "cuda": (64, 400)}  # batch, steps
TOLERANCE = 1e-5  # float32 over 200 steps; the test suite holds the gradients too
# On a GPU: relative to the loop's in float32, with the update masks given.
STATE_TOLERANCE = {"float32": 1e-5, "tf32": 3e-3, "bfloat16": 1e-2}
GRADIENT_TOLERANCE = {"float32": 1e-4, "tf32": 5e-3, "bfloat16": 2e-2}
# Two units whose scores differ by less than float32 resolves may change places.
DIFFERENT_MASKS = 1e-3  # share of units and frames


def set_precision(precision: str) -> torch.autocast:
    """Choose the factors of matrix products on a GPU: ``float32``, ``tf32`` or ``bfloat16``."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16")


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(cell: torch.nn.Module, x: torch.Tensor, precision: str) -> float:
    """Return the time of one forward and backward pass."""
    device = x.device.type
    if device == "cuda":
        autocast = set_precision(precision)
    else:
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    synchronize(device)
    started = time.perf_counter()
    with autocast:
        output = cell(x)[0]
    output.float().square().mean().backward()
    synchronize(device)
    return time.perf_counter() - started


def update_masks(h: torch.Tensor) -> torch.Tensor:
    """Return which units changed (B, T, H), from the states of a run that starts at zero."""
    return torch.diff(h.detach(), dim=1, prepend=torch.zeros_like(h[:, :1])) != 0


def relative(got: torch.Tensor, want: torch.Tensor) -> float:
    return ((got - want).norm() / want.norm()).item()


def check_kernels(cell: DGRU, x: torch.Tensor, precision: str) -> None:
    """Leave with a message when the kernels differ from the loop."""
    wanted = list(cell.parameters())
    with set_precision(precision):
        if not has_triton_steps(x, UNITS):
            sys.exit("not timed: the kernels need Triton and an NVIDIA GPU, compute capability 8.0")
        h = cell(x)[0]
    gradients = torch.autograd.grad(h.square().mean(), wanted)
    masks = update_masks(h)
    set_precision("float32")
    frames = iter(masks.float().unbind(1))
    plain = DGRNN(cell, controller=lambda scores: next(frames)).loop(x)[0]
    exact = torch.autograd.grad(plain.square().mean(), wanted)
    errors = {"state": relative(h, plain)}
    errors["gradient"] = max(relative(*pair) for pair in zip(gradients, exact, strict=True))
    fits = errors["state"] <= STATE_TOLERANCE[precision]
    fits = fits and errors["gradient"] <= GRADIENT_TOLERANCE[precision]
    if precision == "float32":
        with torch.no_grad():
            own = update_masks(cell.loop(x)[0])
        errors["masks"] = (own != masks).float().mean().item()
        fits = fits and errors["masks"] <= DIFFERENT_MASKS
    report = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    if not fits:
        sys.exit(f"not timed: the kernels in {precision} are away from the loop by {report}")
    print(f"{precision}: away from the loop by {report}")


def check_native_steps(cell: DGRU, x: torch.Tensor) -> None:
    """Leave with a message when the native steps differ from the loop."""
    with torch.no_grad():
        error = (cell(x)[0] - cell.loop(x)[0]).abs().max().item()
    if error > TOLERANCE:
        sys.exit(f"not timed: the native steps are {error:.1e} away from the loop")


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=list(SIZES), default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("not timed: torch sees no GPU")
    batch, steps = SIZES[options.device]
    gru = torch.nn.GRU(UNITS, UNITS, batch_first=True).to(options.device)
    x = torch.randn(batch, steps, UNITS).to(options.device)
    cells = {percent: from_torch_gru(gru, TopA(percent)) for percent in (100, 50, 25)}
    if options.device == "cuda":
        where, precisions = torch.cuda.get_device_name(), ["float32", "tf32", "bfloat16"]
        for precision in precisions:
            for cell in cells.values():
                check_kernels(cell, x, precision)
    else:
        where = f"{torch.get_num_threads()} threads"
        precisions = ["float32", "bfloat16"] if _steps.has_bf16 else ["float32"]
        check_native_steps(cells[50], x)
    modules = {"torch.nn.GRU": gru} | {f"D-GRU P={p}": cell for p, cell in cells.items()}
    times: dict[tuple[str, str], list[float]] = {
        (name, precision): [] for precision in precisions for name in modules
    }
    for run in range(WARM_UP + RUNS):
        for (name, precision), measured in times.items():
            taken = seconds(modules[name], x, precision)
            if run >= WARM_UP:
                measured.append(taken)
    print(f"batch {batch}, {UNITS} units, {steps} steps, {where}; ratio to torch.nn.GRU's float32")
    base = median(times["torch.nn.GRU", "float32"])
    for (name, precision), runs in times.items():
        label = f"{name} {precision}".removesuffix(" float32")
        same = median(runs) / median(times["torch.nn.GRU", precision])
        print(
            f"{label:24}{1e3 * median(runs):8.1f} ms  {median(runs) / base:5.2f}"
            f"{same:7.2f} of torch.nn.GRU in {precision}"
        )


if __name__ == "__main__":
    main()
