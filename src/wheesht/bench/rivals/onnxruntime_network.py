"""The network of a bundle in ONNX Runtime, one step at a time with the state in and out."""

from typing import TYPE_CHECKING

import numpy as np

from wheesht.bench.rivals.base import Network, RecurrentStep, Step
from wheesht.errors import MissingDependency
from wheesht.onnx_session import onnx_session
from wheesht.spec.bundle import Bundle, dequantized

if TYPE_CHECKING:
    from wheesht.bench.rivals.onnx_step import OnnxStep


def in_onnxruntime(bundle: Bundle) -> Network:
    """Return a bundle's network in ONNX Runtime.

    One thread, all graph optimisations, inputs and outputs bound once, so that the session's
    call overhead is as small as it gets. Of integers it has the weights that they stand for, as
    floats.

    Raises
    ------
    MissingDependency
        `onnx` or `onnxruntime` is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingDependency("onnxruntime needs: pip install 'wheesht[bench]'") from None
    from wheesht.bench.rivals.onnx_step import OnnxStep

    bundle = dequantized(bundle)
    alone = _recurrent_step(OnnxStep.recurrent(bundle)) if bundle.spec.recurrent_layers else None
    return Network("onnxruntime", _whole_step(OnnxStep.whole(bundle)), alone)


def _whole_step(graph: "OnnxStep") -> Step:
    run = _Session(graph)
    x, y = run.values["x"], run.values["y"]

    def step(features: np.ndarray) -> np.ndarray:
        x[:] = features
        run()
        return y

    return step


def _recurrent_step(graph: "OnnxStep") -> RecurrentStep:
    run, rng = _Session(graph), np.random.default_rng(0)
    for name, shape in graph.inputs.items():
        run.values[name][:] = rng.standard_normal(shape)
    return run


class _Session:
    """A session whose states change places from step to step, so that none is copied."""

    def __init__(self, graph: "OnnxStep") -> None:
        self._session = onnx_session("onnxruntime", "bench", graph.model().SerializeToString())
        shapes = graph.inputs | graph.outputs
        self.values = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        before, after = (
            {name: np.zeros(shape, np.float32) for name, shape in graph.states.items()}
            for _ in range(2)
        )
        self._bindings = [
            self._bind(graph, before, after),
            self._bind(graph, after, before),
        ]

    def __call__(self) -> None:
        self._session.run_with_iobinding(self._bindings[0])
        self._bindings.reverse()

    def _bind(
        self, graph: "OnnxStep", before: dict[str, np.ndarray], after: dict[str, np.ndarray]
    ) -> object:
        binding = self._session.io_binding()
        inputs = {name: self.values[name] for name in graph.inputs} | before
        outputs = {name: self.values[name] for name in graph.outputs}
        outputs |= {f"{name}_next": array for name, array in after.items()}
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding
