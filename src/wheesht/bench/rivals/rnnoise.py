"""RNNoise, through ctypes: the library inside the package pyrnnoise, or one of the system."""

import ctypes
import ctypes.util
from importlib import util
from pathlib import Path

import numpy as np

from wheesht.bench.rivals.base import FULL_SCALE, Denoiser
from wheesht.errors import MissingDependency

SAMPLE_RATE = 48000  # it takes nothing else
HOP_LENGTH = 480


def rnnoise_denoiser() -> Denoiser:
    """Return RNNoise with the weights that its library holds.

    Raises
    ------
    MissingDependency
        Neither pyrnnoise nor librnnoise is found.
    """
    library = _load()
    state = _State(library)
    out = np.zeros(HOP_LENGTH, np.float32)
    pointer, process = out.ctypes.data, library.rnnoise_process_frame

    def step(hop: "_Samples") -> np.ndarray:  # keeps `out` and the library's memory alive
        process(state.handle, pointer, hop.pointer)
        return out

    return Denoiser(
        name="rnnoise",
        dtype="f32",
        sample_rate=SAMPLE_RATE,
        hop_length=HOP_LENGTH,
        timed="rnnoise_process_frame through ctypes at 48 kHz; resampling left out",
        prepare=_Samples,
        step=step,
        finish=lambda y: y / FULL_SCALE,
    )


class _Samples:
    """A hop at the scale of 16-bit integers, with its address at hand."""

    def __init__(self, hop: np.ndarray) -> None:
        self._values = np.ascontiguousarray(FULL_SCALE * hop, np.float32)
        self.pointer = self._values.ctypes.data


class _State:
    """The library's memory, given back with the last reference."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._destroy = library.rnnoise_destroy
        # Version 0.2 takes a model, None for its own; earlier ones ignore the argument.
        self.handle = ctypes.c_void_p(library.rnnoise_create(None))

    def __del__(self) -> None:
        self._destroy(self.handle)


def _load() -> ctypes.CDLL:
    for name in (*_inside_pyrnnoise(), ctypes.util.find_library("rnnoise")):
        try:
            library = ctypes.CDLL(str(name)) if name else None
        except OSError:
            continue
        if library is not None:
            library.rnnoise_create.restype = ctypes.c_void_p
            library.rnnoise_create.argtypes = [ctypes.c_void_p]
            library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
            library.rnnoise_process_frame.restype = ctypes.c_float
            library.rnnoise_process_frame.argtypes = 3 * [ctypes.c_void_p]
            return library
    raise MissingDependency("rnnoise needs: pip install 'wheesht[rivals]'")


def _inside_pyrnnoise() -> list[Path]:
    """Return the libraries in the package's folder; importing it would load its plots too."""
    found = util.find_spec("pyrnnoise")
    folders = [] if found is None else list(found.submodule_search_locations or [])
    names = ("librnnoise.so", "librnnoise.dylib", "rnnoise.dll")
    return [Path(folder) / name for folder in folders for name in names]
