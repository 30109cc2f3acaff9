"""Bundles made ready for the engine, kept so that the next stream of a model starts at once."""

import os
import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.engine.pack import pack
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle, bundle_path, read_bundle
from wheesht.spec.model_spec import ModelSpec

CACHED_MODELS = 4  # files, and as many bundles in memory; about 6 MB each for the shipped size


@dataclass(frozen=True)
class LoadedModel:
    """A checked model: its description, and its packed weights, which streams share."""

    spec: ModelSpec
    packed: Any


@dataclass(frozen=True)
class _PackedBundle:
    """What was packed from a bundle in memory, and the tensors that it was packed from."""

    bundle: "weakref.ref[Bundle]"
    tensors: dict[str, np.ndarray]
    loaded: LoadedModel


_cache: dict[tuple[str, int, int], LoadedModel] = {}
_bundles: dict[int, _PackedBundle] = {}  # by id(), as long as the bundle lives
_lock = threading.Lock()


def load_model(model: str | os.PathLike[str] | Bundle) -> LoadedModel:
    """Return a model ready to run; the same file or bundle is read and packed only once.

    Parameters
    ----------
    model : str, path or Bundle
        Name of a shipped model, ``default``, a bundle file, or a bundle already read. A bundle
        whose tensors can be written to is packed at every call. Any thread may call.

    Raises
    ------
    BundleError
        Not found, damaged, or inconsistent.
    ParameterError
        Neither a name, nor a path, nor a bundle.
    """
    with _lock:
        return _load_bundle(model) if isinstance(model, Bundle) else _load_file(_name(model))


def _load_file(name: str) -> LoadedModel:
    path = bundle_path(name).resolve()
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)  # a replaced file is another model
    if key not in _cache:
        bundle = read_bundle(path)
        _make_room(_cache)
        _cache[key] = LoadedModel(bundle.spec, pack(bundle))
    return _cache[key]


def _load_bundle(bundle: Bundle) -> LoadedModel:
    key = id(bundle)
    kept = _bundles.get(key)
    if kept is not None and kept.bundle() is bundle and _same(kept.tensors, bundle.tensors):
        return kept.loaded
    loaded = LoadedModel(bundle.spec, pack(bundle))
    if not any(tensor.flags.writeable for tensor in bundle.tensors.values()):
        _make_room(_bundles)
        # The end of a bundle can come at any moment in any thread, so it takes no lock.
        forget = weakref.ref(bundle, lambda _: _bundles.pop(key, None))
        _bundles[key] = _PackedBundle(forget, dict(bundle.tensors), loaded)
    return loaded


def _same(kept: dict[str, np.ndarray], tensors: dict[str, np.ndarray]) -> bool:
    return kept.keys() == tensors.keys() and all(kept[k] is tensors[k] for k in kept)


def _make_room(cache: dict[Any, Any]) -> None:
    for key in list(cache)[: max(len(cache) - CACHED_MODELS + 1, 0)]:
        cache.pop(key, None)


def _name(model: object) -> str:
    name = os.fspath(model) if isinstance(model, str | os.PathLike) else None
    if not isinstance(name, str):
        raise ParameterError(
            f"model: got {model!r}, needs a name, a path or a Bundle; 'default' is a name"
        )
    return name
