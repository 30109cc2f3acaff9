"""DTLN (Westhausen and Meyer, 2020): float in ONNX Runtime, 8-bit weights in LiteRT."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wheesht.bench.rivals.base import Denoiser, float32_denoiser
from wheesht.bench.rivals.blocks import Blocks, irfft, rfft
from wheesht.bench.rivals.files import Shapes, files_of, opened, require_inputs
from wheesht.bench.rivals.stateful_session import StatefulSession
from wheesht.errors import MissingDependency
from wheesht.onnx_session import onnx_session

WIN_LENGTH, HOP_LENGTH = 512, 128  # 32 and 8 ms; the output is 24 ms late
STATE = (1, 2, 128, 2)  # of each network: two LSTMs of 128 units, hidden and cell
MASK_INPUTS: Shapes = {"input_2": (1, 1, WIN_LENGTH // 2 + 1), "input_3": STATE}
BLOCK_INPUTS: Shapes = {"input_4": (1, 1, WIN_LENGTH), "input_5": STATE}
ORIGIN = "model_{} and model_{} of pretrained_model in github.com/breizhn/DTLN (MIT)"

Run = Callable[[], np.ndarray]  # what was written to the network's input, to its output


def dtln_denoiser(folder: Path | None) -> Denoiser:
    """Return DTLN in float, ``dtln_1.onnx`` and ``dtln_2.onnx``.

    Raises
    ------
    GateError
        The files are not those networks.
    MissingDependency
        A file or `onnxruntime` is absent.
    """
    names = ("dtln_1.onnx", "dtln_2.onnx")
    paths = files_of("dtln", names, ORIGIN.format("1.onnx", "2.onnx"), folder)
    mask, block = map(_in_onnxruntime, paths, (MASK_INPUTS, BLOCK_INPUTS))
    return _denoiser("dtln", "ONNX Runtime", mask, block)


def dtln_int8_denoiser(folder: Path | None) -> Denoiser:
    """Return DTLN with 8-bit weights, ``dtln_quant_1.tflite`` and ``dtln_quant_2.tflite``.

    Raises
    ------
    GateError
        The files are not those networks.
    MissingDependency
        A file or `ai-edge-litert` is absent.
    """
    names = ("dtln_quant_1.tflite", "dtln_quant_2.tflite")
    origin = ORIGIN.format("quant_1.tflite", "quant_2.tflite")
    paths = files_of("dtln_int8", names, origin, folder)
    mask, block = map(_in_litert, paths, (MASK_INPUTS, BLOCK_INPUTS))
    return _denoiser("dtln_int8", "LiteRT", mask, block)


def _denoiser(
    name: str, runtime: str, mask: tuple[np.ndarray, Run], block: tuple[np.ndarray, Run]
) -> Denoiser:
    (magnitudes, mask_of), (masked_block, clean_block_of) = mask, block
    blocks = Blocks(WIN_LENGTH, HOP_LENGTH)
    spectrum = np.zeros(magnitudes.shape, np.complex64)

    def step(hop: np.ndarray) -> np.ndarray:
        rfft(blocks.push(hop), out=spectrum)
        np.abs(spectrum, out=magnitudes)
        np.multiply(spectrum, mask_of(), out=spectrum)
        irfft(spectrum, out=masked_block)
        return blocks.add(clean_block_of())

    host = "transforms and overlap-add in numpy"
    timed = f"samples to samples: both networks in {runtime}, {host}"
    return float32_denoiser(name, HOP_LENGTH, timed, step, lambda: (mask_of(), clean_block_of()))


def _in_onnxruntime(path: Path, inputs: Shapes) -> tuple[np.ndarray, Run]:
    """Return the network's input, flat, and what runs it."""
    session = opened("dtln", path, lambda file: onnx_session("dtln", "bench", file))
    got = {value.name: tuple(value.shape) for value in session.get_inputs()}
    require_inputs("dtln", path, got, inputs)
    x, state = inputs
    y, after = (value.name for value in session.get_outputs())
    run = StatefulSession(session, {state: after})
    output = run.values[y].reshape(-1)

    def run_it() -> np.ndarray:
        run()
        return output

    return run.values[x].reshape(-1), run_it


def _in_litert(path: Path, inputs: Shapes) -> tuple[np.ndarray, Run]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise MissingDependency("dtln_int8 needs: pip install 'wheesht[rivals]'") from None
    network = opened("dtln_int8", path, lambda file: Interpreter(file, num_threads=1))
    network.allocate_tensors()
    ins, outs = network.get_input_details(), network.get_output_details()
    got = {value["name"]: tuple(map(int, value["shape"])) for value in ins}
    require_inputs("dtln_int8", path, got, inputs)
    at = {value["name"]: value["index"] for value in ins}
    x_at, state_at = (at[name] for name in inputs)
    y_at, after_at = (value["index"] for value in outs)
    shape = next(iter(inputs.values()))
    x, state = np.zeros(shape, np.float32), np.zeros(STATE, np.float32)
    get, put, invoke = network.get_tensor, network.set_tensor, network.invoke

    def run_it() -> np.ndarray:
        # It holds no views into its memory over a run, so values are copied in and out.
        nonlocal state
        put(x_at, x)
        put(state_at, state)
        invoke()
        state = get(after_at)
        output: np.ndarray = get(y_at).reshape(-1)
        return output

    return x.reshape(-1), run_it
