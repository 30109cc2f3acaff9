"""The bundle: one safetensors file that holds a model spec and its tensors.

Format in docs/bundle_format.md. Reading checks the container, every field of the spec, the name,
element type, shape and values of every tensor, and that no sum can overflow float32 whatever the
input, so that nothing behind this file has to.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from wheesht.errors import BundleError, SpecError
from wheesht.spec.document import shown
from wheesht.spec.integers import (
    MIN_SCALE,
    PAIR_LIMIT,
    SCALE,
    WEIGHT_LEVELS,
    dequantize_rows,
    has_integers,
    is_scale,
    largest_pair,
)
from wheesht.spec.model_spec import ModelSpec, with_dtypes
from wheesht.spec.ranges import check_sums

METADATA_KEY = "wheesht"
SUFFIX = ".safetensors"
MAX_BYTES = 1 << 30  # refuse to map anything larger: no model of this family comes near it
DEFAULT_MODEL = "default"  # the shipped bundle that is used when none is named
BEST_MODEL = "default"  # the shipped bundle with the highest PESQ on valid.tsv: what "best" names
# Largest |value| of a tensor. Trained weights stay below 100; far larger ones come from damage or
# malice, and a name in an error message is worth more than a saturated model.
MAX_TENSOR_VALUE = 1e4


@dataclass(frozen=True)
class Bundle:
    """A checked model: its spec, its tensors (read-only) and the file's SHA-256.

    Tensors are float32, or int8 where the layer's `dtype` asks for integers.
    """

    spec: ModelSpec
    tensors: dict[str, np.ndarray]
    sha256: str


def shipped_models() -> list[str]:
    """Return the names of the bundles inside the package, sorted."""
    folder = resources.files("wheesht") / "weights"
    if not folder.is_dir():
        return []
    return sorted(p.name.removesuffix(SUFFIX) for p in folder.iterdir() if p.name.endswith(SUFFIX))


def bundle_path(model: str | os.PathLike[str]) -> Path:
    """Return the file of a shipped model's name, of ``best``, or of a path.

    Raises
    ------
    BundleError
        Neither a shipped name nor an existing file.
    """
    text = os.fspath(model)
    shipped = shipped_models()
    if text == "best" and BEST_MODEL in shipped:
        text = BEST_MODEL
    if text in shipped:
        return Path(str(resources.files("wheesht") / "weights" / f"{text}{SUFFIX}"))
    path = Path(text)
    try:
        if path.is_file():
            return path
    except OSError as error:  # a name too long, a folder that may not be entered
        raise BundleError(f"model {shown(text)}: {error.strerror}") from error
    kind = "a folder, needs a file" if os.path.isdir(text) else "neither a file nor a shipped model"
    raise BundleError(f"model {shown(text)}: {kind}; shipped are: {', '.join(shipped) or 'none'}")


def read_bundle(model: str | os.PathLike[str]) -> Bundle:
    """Read and check a bundle.

    Parameters
    ----------
    model : str or path
        Name of a shipped model, or a file.

    Raises
    ------
    BundleError
        Not found, not readable, damaged, or a field or tensor is wrong; the message names the
        file and the field.
    """
    path = bundle_path(model)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{path}: {path.stat().st_size} bytes, needs at most {MAX_BYTES}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="numpy") as file:
            spec = _parse_spec(file.metadata() or {})
            tensors = _read_tensors(file, spec)
    except SpecError as error:
        raise BundleError(f"{path}: {error}") from None
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path}: not a readable bundle ({error})") from error
    return Bundle(spec, tensors, digest)


def write_bundle(
    path: str | os.PathLike[str], spec: ModelSpec, tensors: dict[str, np.ndarray]
) -> None:
    """Write a bundle, atomically: the target is complete or untouched.

    Parameters
    ----------
    path : str or path
        Target, replaced when it exists.
    spec : ModelSpec
        The description that goes into the file's metadata.
    tensors : dict of ndarray
        Exactly the names and shapes of ``spec.tensor_shapes()``; matrices of integers int8,
        everything else stored as float32.

    Raises
    ------
    SpecError
        A tensor is missing, unknown, of the wrong shape, not finite or too large.
    """
    content = _serialised(spec, tensors)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def bundle_digest(spec: ModelSpec, tensors: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 of the file that `write_bundle` would write, in hexadecimal digits.

    Raises
    ------
    SpecError
        As `write_bundle`.
    """
    return hashlib.sha256(_serialised(spec, tensors)).hexdigest()


def _serialised(spec: ModelSpec, tensors: dict[str, np.ndarray]) -> bytes:
    shapes = spec.tensor_shapes()
    arrays = {
        name: np.ascontiguousarray(t, dtype=None if has_integers(name, shapes) else np.float32)
        for name, t in tensors.items()
    }
    _check_tensors(arrays, spec)
    return save(arrays, metadata={METADATA_KEY: json.dumps(spec.to_dict())})


def dequantized(bundle: Bundle) -> Bundle:
    """Return a bundle with the weights that integers stand for as floats, all layers float.

    It computes the same but for the rounding of inputs; its SHA-256 stays that of the file. A
    bundle without integers is returned as it is.
    """
    spec = bundle.spec
    if spec.dtype == "f32":
        return bundle
    floats = with_dtypes(spec, {layer.name: "f32" for layer in spec.layers})
    tensors = _as_floats(bundle.tensors, spec)
    for tensor in tensors.values():
        tensor.flags.writeable = False
    kept = {name: tensors[name] for name in floats.tensor_shapes()}
    return Bundle(floats, kept, bundle.sha256)


def _parse_spec(metadata: dict[str, str]) -> ModelSpec:
    if METADATA_KEY not in metadata:
        raise SpecError(f"metadata: no {METADATA_KEY!r} entry, so this is no wheesht bundle")
    try:
        document = json.loads(metadata[METADATA_KEY], object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # ValueError also: an integer of 5000 digits
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"metadata.{METADATA_KEY}: not JSON ({error})") from None
    return ModelSpec.from_dict(document)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that names a field twice: readers would differ in which one counts."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"metadata.{METADATA_KEY}: field {shown(twice)} is there twice")
    return result


def _read_tensors(file: Any, spec: ModelSpec) -> dict[str, np.ndarray]:
    _check_names(set(file.keys()), spec)
    tensors = {}
    for name, needed in spec.tensor_shapes().items():
        stored = file.get_slice(name)
        kind = "I8" if has_integers(name, spec.tensor_shapes()) else "F32"
        if stored.get_dtype() != kind:
            raise SpecError(f"tensor {name}: got {stored.get_dtype()}, needs {kind}")
        if tuple(stored.get_shape()) != needed:
            raise SpecError(f"tensor {name}: got shape {tuple(stored.get_shape())}, needs {needed}")
        array = file.get_tensor(name)
        array.flags.writeable = False
        tensors[name] = array
    _check_tensors(tensors, spec)
    return tensors


def _check_tensors(tensors: dict[str, np.ndarray], spec: ModelSpec) -> None:
    _check_names(set(tensors), spec)
    for name, needed in spec.tensor_shapes().items():
        if tensors[name].shape != needed:
            raise SpecError(f"tensor {name}: got shape {tensors[name].shape}, needs {needed}")
        if has_integers(name, spec.tensor_shapes()):
            _check_integers(name, tensors[name])
        else:
            _check_values(name, tensors[name])
    check_sums(_as_floats(tensors, spec), spec)


def _check_names(found: set[str], spec: ModelSpec) -> None:
    needed = set(spec.tensor_shapes())
    if missing := sorted(needed - found):
        raise SpecError(f"tensor {missing[0]}: missing")
    if unknown := sorted(found - needed):
        raise SpecError(f"tensor {shown(unknown[0])}: unknown to this spec")


def _check_integers(name: str, array: np.ndarray) -> None:
    if array.dtype != np.int8:
        raise SpecError(f"tensor {name}: got {array.dtype}, needs int8")
    if np.any(array == -WEIGHT_LEVELS - 1):  # has no opposite of 8 bits
        needed = f"{-WEIGHT_LEVELS} to {WEIGHT_LEVELS}"
        raise SpecError(f"tensor {name}: holds {-WEIGHT_LEVELS - 1}, needs {needed}")
    if (largest := largest_pair(array)) > PAIR_LIMIT:
        raise SpecError(
            f"tensor {name}: two neighbours (columns 2k and 2k + 1) add up to {largest} in size, "
            f"needs at most {PAIR_LIMIT}"
        )


def _as_floats(tensors: dict[str, np.ndarray], spec: ModelSpec) -> dict[str, np.ndarray]:
    """Return the same with what the integers stand for in their place; scales are still there."""
    shapes = spec.tensor_shapes()
    return {
        name: dequantize_rows(t, tensors[f"{name}{SCALE}"]) if has_integers(name, shapes) else t
        for name, t in tensors.items()
    }


def _check_values(name: str, array: np.ndarray) -> None:
    if not np.all(np.isfinite(array)):
        raise SpecError(f"tensor {name}: holds NaN or Inf, needs finite numbers")
    if (largest := float(np.max(np.abs(array)))) > MAX_TENSOR_VALUE:
        raise SpecError(
            f"tensor {name}: holds a value of size {largest:g}, needs at most {MAX_TENSOR_VALUE:g}"
        )
    if is_scale(name) and not np.all(array >= MIN_SCALE):
        raise SpecError(f"tensor {name}: needs values of {MIN_SCALE:g} or more")
    if name.endswith(".threshold") and not np.all((array > 0) & (array < 1)):
        raise SpecError(f"tensor {name}: needs values between 0 and 1, exclusive")
