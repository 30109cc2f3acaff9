"""Whom the engine is timed beside: other runtimes on the same weights, and other denoisers.

Each is loaded only when it is asked for, and `MissingDependency` says what to install.
"""

from collections.abc import Callable

from wheesht.bench.rivals.base import Denoiser, Network
from wheesht.bench.rivals.noisereduce import noisereduce_denoiser
from wheesht.bench.rivals.onnxruntime_network import in_onnxruntime
from wheesht.bench.rivals.rnnoise import rnnoise_denoiser
from wheesht.bench.rivals.speexdsp import speexdsp_denoiser
from wheesht.bench.rivals.torch_network import in_torch
from wheesht.bench.rivals.webrtc import webrtc_denoiser
from wheesht.spec.bundle import Bundle

NETWORKS: dict[str, Callable[[Bundle], Network]] = {
    "onnxruntime": in_onnxruntime,
    "torch": in_torch,
}
DENOISERS: dict[str, Callable[[], Denoiser]] = {
    "webrtc": webrtc_denoiser,
    "speexdsp": speexdsp_denoiser,
    "rnnoise": rnnoise_denoiser,
    "noisereduce": noisereduce_denoiser,
}
KNOWN = (*NETWORKS, *DENOISERS)
