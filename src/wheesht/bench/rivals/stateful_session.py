"""A session of ONNX Runtime that takes its states from step to step."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class StatefulSession:
    """Inputs and outputs bound once; states change places, so that none is copied.

    A step then costs ONNX Runtime's work and the least call overhead that it has.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        float32 throughout, every shape fixed.
    states : mapping of str to str
        Inputs that are states, and the outputs that are their next values. They begin as zeros.

    Attributes
    ----------
    values : dict of str to ndarray
        All other inputs, to be written in place, and outputs, valid until the next step.
    """

    def __init__(self, session: Any, states: Mapping[str, str]) -> None:
        self._session = session
        ins = {value.name: value.shape for value in session.get_inputs()}
        outs = {value.name: value.shape for value in session.get_outputs()}
        bound = {*states, *states.values()}
        self.values = {
            name: np.zeros(shape, np.float32)
            for name, shape in (ins | outs).items()
            if name not in bound
        }
        a, b = ({s: np.zeros(ins[s], np.float32) for s in states} for _ in range(2))
        self._bindings = [self._bind(ins, outs, states, *pair) for pair in ((a, b), (b, a))]

    def __call__(self) -> None:
        """Run the next step."""
        self._session.run_with_iobinding(self._bindings[0])
        self._bindings.reverse()

    def _bind(
        self,
        ins: Mapping[str, Any],
        outs: Mapping[str, Any],
        states: Mapping[str, str],
        before: dict[str, np.ndarray],
        after: dict[str, np.ndarray],
    ) -> Any:
        binding = self._session.io_binding()
        arrays = self.values | before
        for name in ins:
            binding.bind_cpu_input(name, arrays[name])
        arrays = self.values | {states[state]: array for state, array in after.items()}
        for name in outs:
            array = arrays[name]
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding
