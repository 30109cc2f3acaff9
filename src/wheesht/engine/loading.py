"""Bundles made ready for the engine, kept so that the next stream of a model starts at once."""

import os
from dataclasses import dataclass
from typing import Any

from wheesht.engine.pack import pack
from wheesht.spec.bundle import Bundle, bundle_path, read_bundle
from wheesht.spec.model_spec import ModelSpec

CACHED_MODELS = 4  # about 6 MB each for the shipped size

_cache: dict[tuple[str, int, int], "LoadedModel"] = {}


@dataclass(frozen=True)
class LoadedModel:
    """A checked model: its description, and its packed weights, which streams share."""

    spec: ModelSpec
    packed: Any


def load_model(model: str | os.PathLike[str] | Bundle) -> LoadedModel:
    """Return a model ready to run; the same file is read and packed only once.

    Parameters
    ----------
    model : str, path or Bundle
        Name of a shipped model, ``default``, a bundle file, or a bundle already read.

    Raises
    ------
    BundleError
        Not found, damaged, or inconsistent.
    """
    if isinstance(model, Bundle):
        return LoadedModel(model.spec, pack(model))
    path = bundle_path(model).resolve()
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)  # a replaced file is another model
    if key not in _cache:
        bundle = read_bundle(path)
        while len(_cache) >= CACHED_MODELS:
            del _cache[next(iter(_cache))]
        _cache[key] = LoadedModel(bundle.spec, pack(bundle))
    return _cache[key]
