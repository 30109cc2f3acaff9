"""Whom the engine is timed beside: other runtimes on the same weights, and other denoisers.

Each is loaded only when it is asked for, and `MissingDependency` says what to install.
"""

from collections.abc import Callable
from pathlib import Path

from wheesht.bench.rivals.base import Denoiser, Network
from wheesht.bench.rivals.dtln import dtln_denoiser, dtln_int8_denoiser
from wheesht.bench.rivals.gtcrn import gtcrn_denoiser
from wheesht.bench.rivals.noisereduce import noisereduce_denoiser
from wheesht.bench.rivals.nsnet2 import nsnet2_denoiser
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
# Each takes the folder with the files that no package brings, None without one.
DENOISERS: dict[str, Callable[[Path | None], Denoiser]] = {
    "webrtc": lambda _: webrtc_denoiser(),
    "speexdsp": lambda _: speexdsp_denoiser(),
    "rnnoise": rnnoise_denoiser,
    "dtln": dtln_denoiser,
    "dtln_int8": dtln_int8_denoiser,
    "nsnet2": nsnet2_denoiser,
    "gtcrn": gtcrn_denoiser,
    "noisereduce": lambda _: noisereduce_denoiser(),
}
KNOWN = (*NETWORKS, *DENOISERS)
