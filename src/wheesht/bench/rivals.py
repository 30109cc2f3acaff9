"""The same weights in other runtimes: what the engine is timed beside.

Both run the network alone, from normalised features to the mask, one step at a time with the
state going in and out; transform, features and overlap-add, which the engine's time holds, are
left out in their favour. Neither skips arithmetic: they run every unit.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wheesht.errors import MissingDependency
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import GRU, Linear

Step = Callable[[np.ndarray], np.ndarray]  # features in, output of the last layer out


def onnxruntime_steps(bundle: Bundle) -> tuple[Step, Step]:
    """Return one step of the network, and one of its recurrent layers alone, in ONNX Runtime.

    One thread, all graph optimisations, inputs and outputs bound once, so that the session's
    call overhead is as small as it gets.

    Raises
    ------
    MissingDependency
        `onnx` or `onnxruntime` is not installed.
    """
    recurrent = [layer for layer in bundle.spec.layers if isinstance(layer, GRU)]
    return _onnx_step(bundle, list(bundle.spec.layers)), _onnx_step(bundle, recurrent)


def onnx_gru_weights(tensors: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return W, R, B of ONNX's GRU operator: order z, r, h, and z in the complement sense."""

    def order(stacked: np.ndarray) -> np.ndarray:
        r, z, c = np.split(stacked, 3)
        return np.concatenate([-z, r, c])

    part = {key: order(tensors[f"{name}.{key}"]) for key in ("w_x", "w_h", "b_x", "b_h")}
    bias = np.concatenate([part["b_x"], part["b_h"]])
    return {"W": part["w_x"][None], "R": part["w_h"][None], "B": bias[None]}


def _onnx_step(bundle: Bundle, layers: Sequence[Linear | GRU]) -> Step:
    try:
        import onnx
        import onnxruntime as ort
    except ImportError:
        raise MissingDependency("onnxruntime rows need: pip install 'wheesht[bench]'") from None
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = onnx_step_model(bundle, layers)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    x = np.zeros((1, 1, layers[0].input_size), np.float32)
    y = np.zeros((1, 1, layers[-1].output_size), np.float32)
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
    states: list[np.ndarray] = []
    for layer in layers:
        if isinstance(layer, GRU):
            before = np.zeros((1, 1, layer.hidden_size), np.float32)
            after = np.zeros_like(before)
            states += [before, after]
            binding.bind_cpu_input(f"{layer.name}.h", before)
            binding.bind_output(
                f"{layer.name}.h_next", "cpu", 0, np.float32, after.shape, after.ctypes.data
            )

    def step(features: np.ndarray) -> np.ndarray:
        x[0, 0] = features[: x.shape[-1]]
        session.run_with_iobinding(binding)
        for before, after in zip(states[::2], states[1::2], strict=True):
            before[:] = after
        return y

    return step


def onnx_step_model(bundle: Bundle, layers: Sequence[Linear | GRU]) -> Any:
    """Return an ONNX model of one step of some layers of a bundle, states in and out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, inputs, outputs, weights = [], [], [], []

    def value(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    def weight(name: str, array: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    inputs.append(value("x", 1, 1, layers[0].input_size))
    current = "x"
    for layer in layers:
        out = f"{layer.name}.y"
        if isinstance(layer, GRU):
            parts = onnx_gru_weights(bundle.tensors, layer.name)
            names = [weight(f"{layer.name}.{k}", v) for k, v in parts.items()]
            state = f"{layer.name}.h"
            inputs.append(value(state, 1, 1, layer.hidden_size))
            outputs.append(value(f"{state}_next", 1, 1, layer.hidden_size))
            nodes.append(
                helper.make_node(
                    "GRU",
                    [current, *names, "", state],
                    ["", f"{state}_next"],
                    hidden_size=layer.hidden_size,
                    linear_before_reset=1,
                )
            )
            nodes.append(helper.make_node("Identity", [f"{state}_next"], [out]))
        else:
            tensors = bundle.tensors
            matrix = weight(f"{layer.name}.w", tensors[f"{layer.name}.weight"].T)
            bias = weight(f"{layer.name}.b", tensors[f"{layer.name}.bias"])
            nodes.append(helper.make_node("MatMul", [current, matrix], [f"{out}.product"]))
            nodes.append(helper.make_node("Add", [f"{out}.product", bias], [f"{out}.sum"]))
            nodes.append(_activation(helper, layer, f"{out}.sum", out, weight, tensors))
        current = out
    nodes.append(helper.make_node("Identity", [current], ["y"]))
    outputs.insert(0, value("y", 1, 1, layers[-1].output_size))
    graph = helper.make_graph(nodes, "step", inputs, outputs, weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=min(10, onnx.IR_VERSION))


def _activation(
    helper: Any,
    layer: Linear,
    source: str,
    target: str,
    weight: Callable[[str, np.ndarray], str],
    tensors: dict[str, np.ndarray],
) -> Any:
    operator = {
        "none": "Identity",
        "relu": "Relu",
        "prelu": "PRelu",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
    }[layer.activation]
    names = [source]
    if layer.activation == "prelu":
        names.append(weight(f"{layer.name}.slope", tensors[f"{layer.name}.slope"]))
    return helper.make_node(operator, names, [target])


def torch_steps(bundle: Bundle) -> tuple[Step, Step]:
    """Return one step of the network, and one of its recurrent layers alone, in eager torch.

    `torch.nn.GRU` and `torch.nn.functional.linear`, one thread, no gradients.

    Raises
    ------
    MissingDependency
        `torch` is not installed.
    """
    recurrent = [layer for layer in bundle.spec.layers if isinstance(layer, GRU)]
    return _torch_step(bundle, list(bundle.spec.layers)), _torch_step(bundle, recurrent)


def _torch_step(bundle: Bundle, layers: Sequence[Linear | GRU]) -> Step:
    try:
        import torch
    except ImportError:
        raise MissingDependency("torch rows need: pip install 'wheesht[train]'") from None
    torch.set_num_threads(1)
    modules: list[Any] = []
    states: dict[int, Any] = {}
    for i, layer in enumerate(layers):
        own = {
            kind: torch.from_numpy(bundle.tensors[f"{layer.name}.{kind}"].copy())
            for kind in layer.tensor_shapes()
        }
        if isinstance(layer, GRU):
            gru = torch.nn.GRU(layer.input_size, layer.hidden_size)
            rows_of_z = slice(layer.hidden_size, 2 * layer.hidden_size)
            with torch.no_grad():
                for ours, theirs in (("w_x", "weight_ih_l0"), ("w_h", "weight_hh_l0")):
                    getattr(gru, theirs).copy_(own[ours])
                for ours, theirs in (("b_x", "bias_ih_l0"), ("b_h", "bias_hh_l0")):
                    getattr(gru, theirs).copy_(own[ours])
                for parameter in gru.parameters():
                    parameter[rows_of_z].neg_()
            modules.append(gru)
            states[i] = torch.zeros(1, 1, layer.hidden_size)
        else:
            modules.append((own["weight"], own["bias"], layer.activation, own.get("slope")))
    functional = torch.nn.functional
    x = torch.zeros(1, 1, layers[0].input_size)

    def step(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x[0, 0] = torch.from_numpy(features[: x.shape[-1]])
            y = x
            for i, module in enumerate(modules):
                if isinstance(module, torch.nn.GRU):
                    y, states[i] = module(y, states[i])
                    continue
                matrix, bias, activation, slope = module
                y = functional.linear(y, matrix, bias)
                if activation == "prelu":
                    y = functional.prelu(y, slope)
                elif activation != "none":
                    y = getattr(torch, activation)(y)
            output: np.ndarray = y.numpy()
            return output

    return step


RIVALS: dict[str, Callable[[Bundle], tuple[Step, Step]]] = {
    "onnxruntime": onnxruntime_steps,
    "torch": torch_steps,
}
