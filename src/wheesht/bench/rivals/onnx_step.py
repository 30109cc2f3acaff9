"""One step of a model's layers as an ONNX graph, the states over time in and out.

Between layers values are (positions, channels). Where a layer can be written in several ways, it
is written in the one that ONNX Runtime 1.31 ran fastest on a processor with AVX-512, so that
nobody is compared with less than it can do.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from wheesht.bench.rivals.bands import analysis_matrix, synthesis_matrices
from wheesht.spec.bundle import Bundle
from wheesht.spec.layers import (
    GRU,
    NORM_EPSILON,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.shapes import Shape

OPSET = 17  # the first with layer norms
DIRECTIONS = {"up": "forward", "down": "reverse", "both": "bidirectional", "time": "forward"}
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def onnx_gru_weights(tensors: dict[str, np.ndarray], layer: GRU) -> tuple[np.ndarray, ...]:
    """Return W, R, B of ONNX's GRU operator: order z, r, h, and z in the complement sense."""

    def stacked(key: str) -> np.ndarray:
        return np.stack([ordered(tensors[f"{layer.name}.{d}{key}"]) for d in layer.directions])

    def ordered(rows: np.ndarray) -> np.ndarray:
        r, z, c = np.split(rows, 3)
        return np.concatenate([-z, r, c])

    bias = np.concatenate([stacked("b_x"), stacked("b_h")], axis=1)
    return stacked("w_x"), stacked("w_h"), bias


class OnnxStep:
    """A graph that grows layer by layer.

    Parameters
    ----------
    bundle : Bundle
        Where the weights are.

    Attributes
    ----------
    inputs, outputs, states : dict of str to tuple of int
        Shapes by name; a state ``S`` comes in under its name and goes out as ``S_next``.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.inputs: dict[str, tuple[int, ...]] = {}
        self.outputs: dict[str, tuple[int, ...]] = {}
        self.states: dict[str, tuple[int, ...]] = {}
        self._tensors = bundle.tensors
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    @classmethod
    def whole(cls, bundle: Bundle) -> "OnnxStep":
        """Return all layers: features ``x`` to ``y``, what the last layer gives."""
        step = cls(bundle)
        before = bundle.spec.features.output_shape
        value = step._input("x", before)
        given: dict[str, str] = {}
        for layer, shape in zip(bundle.spec.layers, bundle.spec.layer_shapes, strict=True):
            if isinstance(layer, Residual):
                value = step._node("Add", value, given[layer.source])
            else:
                value = step._layer(layer, value, before, shape)
            given[layer.name], before = value, shape
        step._output("y", value, before)
        return step

    @classmethod
    def recurrent(cls, bundle: Bundle) -> "OnnxStep":
        """Return the recurrent layers alone, each with input ``name.x``, output ``name.y``."""
        step = cls(bundle)
        for layer, shape in zip(bundle.spec.layers, bundle.spec.layer_shapes, strict=True):
            if isinstance(layer, GRU):
                before = Shape(shape.positions, layer.input_size)
                value = step._input(f"{layer.name}.x", before)
                value = step._layer(layer, value, before, shape)
                step._output(f"{layer.name}.y", value, shape)
        return step

    def model(self) -> Any:
        """Return the finished ONNX model."""
        after = {f"{name}_next": shape for name, shape in self.states.items()}

        def values(shapes: dict[str, tuple[int, ...]]) -> list[Any]:
            pairs = shapes.items()
            return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in pairs]

        ins, outs = values(self.inputs | self.states), values(self.outputs | after)
        graph = helper.make_graph(self._nodes, "step", ins, outs, self._weights)
        opset = [helper.make_opsetid("", OPSET)]
        version = min(10, onnx.IR_VERSION)
        model = helper.make_model(graph, opset_imports=opset, ir_version=version)
        onnx.checker.check_model(model)
        return model

    def _input(self, name: str, shape: Shape) -> str:
        self.inputs[name] = tuple(shape)
        return name

    def _output(self, name: str, value: str, shape: Shape) -> None:
        self.outputs[name] = tuple(shape)
        self._node("Identity", value, out=name)

    def _node(self, operator: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        out = out or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [out], **attributes))
        return out

    def _split(self, value: str, sizes: list[int], axis: int) -> list[str]:
        outs = [f"v{len(self._nodes)}_{i}" for i in range(len(sizes))]
        inputs = [value, self._whole_numbers(*sizes)]
        self._nodes.append(helper.make_node("Split", inputs, outs, axis=axis))
        return outs

    def _constant(self, array: np.ndarray) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _whole_numbers(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _reshape(self, value: str, *shape: int) -> str:
        return self._node("Reshape", value, self._whole_numbers(*shape))

    def _layer(self, layer: Layer, x: str, before: Shape, shape: Shape) -> str:
        own = {t: self._tensors[f"{layer.name}.{t}"] for t in layer.tensor_shapes()}
        match layer:
            case Linear():
                return self._linear(layer, x, own)
            case GRU(scan="time") if shape.positions > 1:
                return self._gru_of_positions(layer, x, shape, own)
            case GRU():
                return self._gru(layer, x, before, shape)
            case Conv():
                return self._conv(layer, x, before, shape, own)
            case LayerNorm():
                plain = np.ones(shape.channels, np.float32), np.zeros(shape.channels, np.float32)
                weights = (own["weight"], own["bias"]) if layer.affine else plain
                names = map(self._constant, weights)
                epsilon = NORM_EPSILON
                return self._node("LayerNormalization", x, *names, axis=-1, epsilon=epsilon)
            case Rectifier():
                return self._node("Relu", x)
            case BandAnalysis():
                # Faster than a matrix product for each band, and than a batch of them.
                whole = self._constant(analysis_matrix(layer, own["weight"]))
                return self._reshape(self._node("MatMul", x, whole), *shape)
            case BandSynthesis():
                return self._synthesis(layer, x, shape, own)
        raise TypeError(f"no such layer: {layer!r}")

    def _affine(self, x: str, weight: np.ndarray, bias: np.ndarray | str) -> str:
        added = bias if isinstance(bias, str) else self._constant(bias)
        return self._node("Gemm", x, self._constant(weight), added, transB=1)

    def _linear(self, layer: Linear, x: str, own: dict[str, np.ndarray]) -> str:
        y = self._affine(x, own["weight"], own["bias"])
        if layer.activation == "none":
            return y
        if layer.activation == "prelu":
            return self._node("PRelu", y, self._constant(own["slope"]))
        return self._node(ACTIVATIONS[layer.activation], y)

    def _gru(self, layer: GRU, x: str, before: Shape, shape: Shape) -> str:
        """Add the GRU operator: over the positions, or over time at a single one."""
        weights = map(self._constant, onnx_gru_weights(self._tensors, layer))
        inputs = [self._reshape(x, before.positions, 1, before.channels), *weights]
        outputs = [f"v{len(self._nodes)}"]
        value = outputs[0]
        if layer.scan == "time":
            state = f"{layer.name}.h"
            self.states[state] = (1, 1, layer.hidden_size)
            inputs, outputs, value = [*inputs, "", state], ["", f"{state}_next"], f"{state}_next"
        self._nodes.append(
            helper.make_node(
                "GRU",
                inputs,
                outputs,
                direction=DIRECTIONS[layer.scan],
                hidden_size=layer.hidden_size,
                linear_before_reset=1,
            )
        )
        return self._reshape(value, *shape)  # up beside down: (positions, directions, 1, units)

    def _gru_of_positions(
        self, layer: GRU, x: str, shape: Shape, own: dict[str, np.ndarray]
    ) -> str:
        """Add a step over time at many positions as matrix products.

        The operator takes 10 % longer for them, and for one position 5 % less.
        """
        n, state = layer.hidden_size, f"{layer.name}.h"
        self.states[state] = tuple(shape)
        gates, rest = slice(0, 2 * n), slice(2 * n, 3 * n)
        from_x = self._affine(x, own["w_x"][gates], own["b_x"][gates] + own["b_h"][gates])
        both = self._node("Sigmoid", self._affine(state, own["w_h"][gates], from_x))
        r, z = self._split(both, [n, n], axis=1)
        c_from_x = self._affine(x, own["w_x"][rest], own["b_x"][rest])
        c_from_h = self._affine(state, own["w_h"][rest], own["b_h"][rest])
        c = self._node("Tanh", self._node("Add", c_from_x, self._node("Mul", r, c_from_h)))
        change = self._node("Mul", z, self._node("Sub", c, state))
        return self._node("Add", state, change, out=f"{state}_next")

    def _conv(
        self, layer: Conv, x: str, before: Shape, shape: Shape, own: dict[str, np.ndarray]
    ) -> str:
        weight = self._constant(own["weight"].transpose(0, 2, 1))
        channels_first = self._node("Transpose", self._reshape(x, 1, *before), perm=[0, 2, 1])
        pads = [layer.kernel_size // 2] * 2
        y = self._node("Conv", channels_first, weight, self._constant(own["bias"]), pads=pads)
        return self._reshape(self._node("Transpose", y, perm=[0, 2, 1]), *shape)

    def _synthesis(
        self, layer: BandSynthesis, x: str, shape: Shape, own: dict[str, np.ndarray]
    ) -> str:
        # As fast as a batch of products with equal widths; one matrix for all takes far longer.
        rows, bias = synthesis_matrices(layer, own["weight"], own["bias"])
        bands = self._split(x, [1] * layer.n_bands, axis=0)
        sums = []
        for parity, matrices in enumerate(rows):
            sources, parts = iter(bands[parity::2]), []
            for matrix in matrices:
                if len(matrix):
                    parts.append(self._node("MatMul", next(sources), self._constant(matrix)))
                else:
                    parts.append(self._constant(np.zeros((1, matrix.shape[1]), np.float32)))
            sums.append(self._node("Concat", *parts, axis=1))
        total = self._node("Add", self._node("Add", *sums), self._constant(bias))
        return self._node("Tanh", self._reshape(total, *shape))
