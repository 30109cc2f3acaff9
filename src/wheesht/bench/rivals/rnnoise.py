"""RNNoise, through ctypes: a library of one's own, that of the package pyrnnoise, the system's."""

import contextlib
import ctypes
import ctypes.util
from collections.abc import Iterable
from importlib import util
from pathlib import Path

import numpy as np

from wheesht.bench.rivals.base import FULL_SCALE, Denoiser
from wheesht.bench.rivals.files import opened
from wheesht.errors import MissingDependency

SAMPLE_RATE = 48000  # it takes nothing else
HOP_LENGTH = 480
NAMES = ("librnnoise.so", "librnnoise.dylib", "rnnoise.dll")


def rnnoise_denoiser(folder: Path | None = None) -> Denoiser:
    """Return RNNoise with the weights that its library holds.

    How fast it is depends on how it was compiled, so the row names the file.

    Parameters
    ----------
    folder : Path, optional
        A library in it goes before all others.

    Raises
    ------
    GateError
        The library in the folder cannot be loaded.
    MissingDependency
        Neither pyrnnoise nor librnnoise is found.
    """
    library, place = _load(folder)
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
        timed=f"rnnoise_process_frame of {place} through ctypes at 48 kHz; resampling left out",
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


def _load(folder: Path | None) -> tuple[ctypes.CDLL, str]:
    """Return the library, and where it was found."""
    for path in _inside([] if folder is None else [folder]):
        return _declared(opened("rnnoise", path, ctypes.CDLL)), _short(path)
    found = util.find_spec("pyrnnoise")  # importing it would load its plots too
    package = [] if found is None else list(found.submodule_search_locations or [])
    for path in _inside(map(Path, package)):
        with contextlib.suppress(OSError):
            return _declared(ctypes.CDLL(str(path))), _short(path)
    if name := ctypes.util.find_library("rnnoise"):
        with contextlib.suppress(OSError):
            return _declared(ctypes.CDLL(name)), name
    raise MissingDependency("rnnoise needs: pip install 'wheesht[rivals]'")


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rnnoise_create.restype = ctypes.c_void_p
    library.rnnoise_create.argtypes = [ctypes.c_void_p]
    library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    library.rnnoise_process_frame.restype = ctypes.c_float
    library.rnnoise_process_frame.argtypes = 3 * [ctypes.c_void_p]
    return library


def _inside(folders: Iterable[Path]) -> list[Path]:
    return [folder / name for folder in folders for name in NAMES if (folder / name).is_file()]


def _short(path: Path) -> str:
    """Return its folder's name and its own."""
    return f"{path.resolve().parent.name}/{path.name}"
