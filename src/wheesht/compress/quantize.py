"""From a model of floats to the same model of integers, after training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle, bundle_digest
from wheesht.spec.integers import (
    INPUT_LEVELS,
    INPUT_SCALE,
    SCALE,
    Dtype,
    has_integers,
    quantize_rows,
)
from wheesht.spec.layers import GRU, BandSynthesis, Linear
from wheesht.spec.model_spec import ModelSpec, with_dtypes

SMALLEST_RANGE = 1e-6  # of a layer's inputs, for layers that have seen nothing but zeros


def integer_layers(bundle: Bundle) -> list[str]:
    """Return the names of the layers that can be made of integers, in order."""
    kinds = Linear | GRU | BandSynthesis
    return [layer.name for layer in bundle.spec.layers if isinstance(layer, kinds)]


def integer_spec(bundle: Bundle, dtypes: Mapping[str, Dtype]) -> ModelSpec:
    """Return the description of a model with some of its layers made of integers.

    Parameters
    ----------
    bundle : Bundle
        Of floats.
    dtypes : dict of str by layer
        ``s8`` or ``s16`` for layers to be made of integers; the others stay floats.

    Raises
    ------
    ParameterError
        No such layer, or the model has integers already.
    SpecError
        A layer cannot have that type.
    """
    if bundle.spec.dtype != "f32":
        raise ParameterError(
            f"model {bundle.spec.name!r}: its layers are {bundle.spec.dtype}, needs f32; give the "
            f"model of floats that it was made from{_named_source(bundle.spec.provenance)}"
        )
    known = integer_layers(bundle)
    for name in dtypes:
        if name not in known:
            raise ParameterError(f"layer: got {name!r}, needs one of {', '.join(known)}")
    return with_dtypes(bundle.spec, dtypes)


def _named_source(provenance: Mapping[str, Any]) -> str:
    """Return the name of the model of floats behind a comma, where that is known."""
    for told in (provenance, provenance.get("initial_bundle")):
        match told:
            case {"quantisation": {"source": {"name": str(name)}}}:
                return f", {name}"
    return ""


def quantize_bundle(
    bundle: Bundle, ranges: Mapping[str, float], dtypes: Mapping[str, Dtype]
) -> Bundle:
    """Return a model with some of its layers made of integers (Q1 to Q5).

    Parameters
    ----------
    bundle : Bundle
        Of floats.
    ranges : dict of float by layer
        Largest absolute input, from `input_ranges`.
    dtypes : dict of str by layer
        As for `integer_spec`.

    Raises
    ------
    ParameterError, SpecError
        As `integer_spec`.
    """
    spec = integer_spec(bundle, dtypes)
    shapes, tensors = spec.tensor_shapes(), dict(bundle.tensors)
    for layer in spec.layers:
        for tensor in layer.tensor_shapes():
            name = f"{layer.name}.{tensor}"
            if has_integers(name, shapes):
                tensors[name], tensors[f"{name}{SCALE}"] = quantize_rows(tensors[name])
            elif tensor == INPUT_SCALE:
                levels = INPUT_LEVELS[dtypes[layer.name]]
                reach = max(ranges[layer.name], SMALLEST_RANGE)
                tensors[name] = np.array([reach / levels], np.float32)
    ordered = {name: _read_only(tensors[name]) for name in shapes}
    return Bundle(spec, ordered, bundle_digest(spec, ordered))


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return the same numbers as an array that cannot be written to; the given one still can."""
    view = array.view()
    view.flags.writeable = False
    return view
