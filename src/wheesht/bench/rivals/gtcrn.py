"""GTCRN (Rong and others, 2024) in ONNX Runtime: its streaming graph, one frame a call."""

from pathlib import Path

import numpy as np

from wheesht.bench.rivals.base import Denoiser, float32_denoiser
from wheesht.bench.rivals.blocks import WindowedBlocks
from wheesht.bench.rivals.files import Shapes, files_of, opened, require_inputs
from wheesht.bench.rivals.stateful_session import StatefulSession
from wheesht.onnx_session import onnx_session

WIN_LENGTH, HOP_LENGTH = 512, 256  # 32 and 16 ms; the output is 16 ms late
N_BINS = WIN_LENGTH // 2 + 1
STATES: Shapes = {
    "conv_cache": (2, 1, 16, 16, 33),
    "tra_cache": (2, 3, 1, 1, 16),
    "inter_cache": (2, 1, 33, 16),
}
INPUTS: Shapes = {"mix": (1, N_BINS, 1, 2), **STATES}
FILE = "gtcrn.onnx"
ORIGIN = f"{FILE} of stream/onnx_models in github.com/Xiaobin-Rong/gtcrn (MIT)"


def gtcrn_denoiser(folder: Path | None) -> Denoiser:
    """Return GTCRN from ``gtcrn.onnx``.

    Raises
    ------
    GateError
        The file is not that network.
    MissingDependency
        The file or `onnxruntime` is absent.
    """
    (path,) = files_of("gtcrn", (FILE,), ORIGIN, folder)
    session = opened("gtcrn", path, lambda file: onnx_session("gtcrn", "bench", file))
    got = {value.name: tuple(value.shape) for value in session.get_inputs()}
    require_inputs("gtcrn", path, got, INPUTS)
    run = StatefulSession(session, {state: f"{state}_out" for state in STATES})
    # Real and imaginary parts lie side by side: the transforms work in the network's own memory.
    noisy, enhanced = (run.values[name].reshape(-1).view(np.complex64) for name in ("mix", "enh"))
    blocks = WindowedBlocks(WIN_LENGTH, HOP_LENGTH)

    def step(hop: np.ndarray) -> np.ndarray:
        blocks.push(hop, noisy)
        run()
        return blocks.add(enhanced)

    timed = "samples to samples: network in ONNX Runtime, transforms and overlap-add in numpy"
    return float32_denoiser("gtcrn", HOP_LENGTH, timed, step, run)
