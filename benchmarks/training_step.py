"""Forward and backward of a D-GRU beside `torch.nn.GRU` on the CPU.

    python benchmarks/training_step.py [--threads N]

The native steps are first compared with the step in a loop. Batch 32, 320 units, 200 steps;
medians of 11 interleaved runs. The rows `bfloat16` are mixed precision under autocast, shown where
the CPU has instructions for it.
"""

import argparse
import sys
import time
from statistics import median

import torch

from wheesht.cells import from_torch_gru
from wheesht.cells.controllers import TopA
from wheesht.cells.kernels import _steps

BATCH, UNITS, STEPS, RUNS = 32, 320, 200, 11
TOLERANCE = 1e-5  # float32 over 200 steps; the test suite holds the gradients too


def seconds(cell: torch.nn.Module, x: torch.Tensor, mixed: bool = False) -> float:
    """Return the time of one forward and backward pass."""
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        output = cell(x)[0]
    output.square().mean().backward()
    return time.perf_counter() - started


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    torch.manual_seed(0)
    gru = torch.nn.GRU(UNITS, UNITS, batch_first=True)
    x = torch.randn(BATCH, STEPS, UNITS)
    cells = {percent: from_torch_gru(gru, TopA(percent)) for percent in (100, 50, 25)}
    with torch.no_grad():
        error = (cells[50](x)[0] - cells[50].loop(x)[0]).abs().max().item()
    if error > TOLERANCE:
        sys.exit(f"not timed: the native steps are {error:.1e} away from the loop")
    times: dict[str, list[float]] = {"torch.nn.GRU": []}
    times |= {f"D-GRU P={percent}": [] for percent in cells}
    if _steps.has_bf16:
        times |= {f"{name} bfloat16": [] for name in times}
    modules = {"torch.nn.GRU": gru} | {f"D-GRU P={p}": cell for p, cell in cells.items()}
    for _ in range(RUNS):
        for name in times:
            module = modules[name.removesuffix(" bfloat16")]
            times[name].append(seconds(module, x, mixed=name.endswith("bfloat16")))
    base = median(times["torch.nn.GRU"])
    print(f"batch {BATCH}, {UNITS} units, {STEPS} steps, {torch.get_num_threads()} threads")
    for name, runs in times.items():
        print(f"{name:24}{1e3 * median(runs):8.1f} ms  {median(runs) / base:5.2f} of torch.nn.GRU")


if __name__ == "__main__":
    main()
