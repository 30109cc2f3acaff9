"""Sessions of ONNX Runtime: one thread, quiet, and nothing about them is recorded or sent."""

import os
from typing import Any

from wheesht.errors import MissingDependency


def onnx_session(where: str, extra: str, model: str | bytes) -> Any:
    """Open a network.

    Parameters
    ----------
    where : str
        Who asks, for the message.
    extra : str
        Of this package, that brings ONNX Runtime.
    model : str or bytes
        Path, or the model itself.

    Raises
    ------
    MissingDependency
        `onnxruntime` is not installed.
    """
    # Its builds for Linux keep a database of events and send them; only this stops both, and only
    # when set before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependency(f"{where} needs: pip install 'wheesht[{extra}]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers share the cores
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
