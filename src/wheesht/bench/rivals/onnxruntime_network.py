"""The network of a bundle in ONNX Runtime, one step at a time with the state in and out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wheesht.bench.rivals.base import Network, Step
from wheesht.errors import MissingDependency
from wheesht.onnx_session import onnx_session
from wheesht.spec.bundle import Bundle
from wheesht.spec.layers import GRU, Linear


def in_onnxruntime(bundle: Bundle) -> Network:
    """Return a bundle's network in ONNX Runtime.

    One thread, all graph optimisations, inputs and outputs bound once, so that the session's
    call overhead is as small as it gets.

    Raises
    ------
    MissingDependency
        `onnx` or `onnxruntime` is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingDependency("onnxruntime needs: pip install 'wheesht[bench]'") from None
    recurrent = bundle.spec.recurrent_layers
    return Network(
        "onnxruntime",
        _onnx_step(bundle, bundle.spec.layers),
        _onnx_step(bundle, recurrent) if recurrent else None,
        recurrent[0].input_size if recurrent else 0,
    )


def onnx_gru_weights(tensors: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return W, R, B of ONNX's GRU operator: order z, r, h, and z in the complement sense."""

    def order(stacked: np.ndarray) -> np.ndarray:
        r, z, c = np.split(stacked, 3)
        return np.concatenate([-z, r, c])

    part = {key: order(tensors[f"{name}.{key}"]) for key in ("w_x", "w_h", "b_x", "b_h")}
    bias = np.concatenate([part["b_x"], part["b_h"]])
    return {"W": part["w_x"][None], "R": part["w_h"][None], "B": bias[None]}


def _onnx_step(bundle: Bundle, layers: Sequence[Linear | GRU]) -> Step:
    import onnx

    model = onnx_step_model(bundle, layers)
    onnx.checker.check_model(model)
    session = onnx_session("onnxruntime", "bench", model.SerializeToString())
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
