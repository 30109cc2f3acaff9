"""The preprocessor of speexdsp, through ctypes."""

import ctypes
import ctypes.util

import numpy as np

from wheesht.bench.rivals.base import Denoiser, from_pcm16, to_pcm16
from wheesht.errors import MissingDependency

SAMPLE_RATE = 16000
HOP_LENGTH = 160
# From speex/speex_preprocess.h.
SET_DENOISE = 0
SET_NOISE_SUPPRESS = 18
SUPPRESSION_DB = -30  # most that noise is attenuated; the library's default is -15


def speexdsp_denoiser() -> Denoiser:
    """Return the denoiser of speexdsp; its echo, gain and voice detectors stay off.

    Raises
    ------
    MissingDependency
        The library is not found.
    """
    library = _load()
    state = _State(library)
    buffer = np.zeros(HOP_LENGTH, np.int16)
    pointer, size = buffer.ctypes.data, buffer.nbytes
    run, copy = library.speex_preprocess_run, ctypes.memmove

    def step(pcm: bytes) -> np.ndarray:  # keeps the buffer and the library's memory alive
        copy(pointer, pcm, size)  # the library works in place
        run(state.handle, pointer)
        return buffer

    return Denoiser(
        name="speexdsp",
        dtype="s16",
        sample_rate=SAMPLE_RATE,
        hop_length=HOP_LENGTH,
        timed="copy of a hop and speex_preprocess_run through ctypes; conversion to and from "
        "16-bit integers left out",
        prepare=lambda hop: to_pcm16(hop).tobytes(),
        step=step,
        finish=from_pcm16,
    )


class _State:
    """The library's memory, given back with the last reference."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._destroy = library.speex_preprocess_state_destroy
        self.handle = ctypes.c_void_p(library.speex_preprocess_state_init(HOP_LENGTH, SAMPLE_RATE))
        for request, value in ((SET_DENOISE, 1), (SET_NOISE_SUPPRESS, SUPPRESSION_DB)):
            setting = ctypes.c_int(value)
            library.speex_preprocess_ctl(self.handle, request, ctypes.byref(setting))

    def __del__(self) -> None:
        self._destroy(self.handle)


def _load() -> ctypes.CDLL:
    name = ctypes.util.find_library("speexdsp") or "libspeexdsp.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise MissingDependency(
            "speexdsp needs its library: sudo apt install libspeexdsp1, or brew install speexdsp"
        ) from None
    library.speex_preprocess_state_init.restype = ctypes.c_void_p
    library.speex_preprocess_state_destroy.argtypes = [ctypes.c_void_p]
    library.speex_preprocess_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    library.speex_preprocess_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return library
