"""The network of a bundle in ONNX Runtime, one step at a time with the state in and out."""

from typing import TYPE_CHECKING

import numpy as np

from wheesht.bench.rivals.base import Network, RecurrentStep, Step
from wheesht.bench.rivals.stateful_session import StatefulSession
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
    run = _session(graph)
    x, y = run.values["x"], run.values["y"]

    def step(features: np.ndarray) -> np.ndarray:
        x[:] = features
        run()
        return y

    return step


def _recurrent_step(graph: "OnnxStep") -> RecurrentStep:
    run, rng = _session(graph), np.random.default_rng(0)
    for name, shape in graph.inputs.items():
        run.values[name][:] = rng.standard_normal(shape)
    return run


def _session(graph: "OnnxStep") -> StatefulSession:
    session = onnx_session("onnxruntime", "bench", graph.model().SerializeToString())
    return StatefulSession(session, {state: f"{state}_next" for state in graph.states})
