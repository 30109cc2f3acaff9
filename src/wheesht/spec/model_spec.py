"""The model description: what a model computes per hop, without its numbers.

A `ModelSpec` is frozen and valid by construction: every constructor checks its own fields,
`ModelSpec` checks what the parts must agree on, and `ModelSpec.from_dict` names the path of the
offending field (``layers[1].hidden_size``). The tensors that belong to it are listed by
`tensor_shapes`. The container is described in docs/bundle_format.md.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

from wheesht.errors import SpecError
from wheesht.spec.document import build, check_json, require
from wheesht.spec.front_end import Features, FrontEnd, LogPower, ScaledSpectrum
from wheesht.spec.heads import DeepFilter, Head, Mask
from wheesht.spec.heads import Mapping as MappingHead
from wheesht.spec.integers import is_scale
from wheesht.spec.layers import GRU, Layer, Linear, Residual
from wheesht.spec.shapes import Shape, require_name

FORMAT_VERSION = 4  # what is written; every version from 1 on is read
MAX_LAYERS = 64
MAX_VALUES = 1 << 18  # that pass between two layers in a frame; a guard like `MAX_WIDTH`
DIALS = ("fixed", "level", "flux")  # what P may follow from hop to hop


def _require_version(version: object) -> None:
    known = version in range(1, FORMAT_VERSION + 1) and not isinstance(version, bool)
    newer = isinstance(version, int) and version > FORMAT_VERSION
    hint = "; a newer wheesht may be needed" if newer else ""
    require(known, "format_version", version, f"1 to {FORMAT_VERSION}{hint}")


@dataclass(frozen=True)
class UpdatePercent:
    """Range of the dial P in percent: what is used when nothing is asked for, and its limits."""

    default: float
    min: float
    max: float = 100.0

    def __post_init__(self) -> None:
        require(0.0 < self.min <= 100.0, "min", self.min, "above 0, at most 100 percent")
        require(self.min <= self.max <= 100.0, "max", self.max, f"{self.min} to 100 percent")
        require(
            self.min <= self.default <= self.max,
            "default",
            self.default,
            f"{self.min} to {self.max} percent",
        )


@dataclass(frozen=True)
class ModelSpec:
    """What a model is: front end, features, layers in order, mask, dial and origin.

    `lookahead` is in frames. `provenance` is free JSON: training data, recipe, licence. `mask` is
    the head, which may be more than a mask.
    Raises `SpecError` naming the field when the parts do not fit each other.
    """

    name: str
    host: str
    sample_rate: int
    front_end: FrontEnd
    features: Features
    layers: tuple[Layer, ...]
    mask: Head
    update_percent: UpdatePercent
    lookahead: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _require_version(self.format_version)
        version, needed = self._least_version()
        fits = self.format_version >= version
        require(fits, "format_version", self.format_version, f"{version} or more, for {needed}")
        require_name(self.name)
        require_name(self.host, "host")
        require(self.sample_rate == 16000, "sample_rate", self.sample_rate, "16000 Hz")
        require(self.lookahead == 0, "lookahead", self.lookahead, "0 frames")
        count = len(self.layers)
        require(1 <= count <= MAX_LAYERS, "layers", count, f"1 to {MAX_LAYERS} layers")
        self._require_bins()
        self._require_chain()
        self._require_names()
        self._require_dial()
        check_json(self.provenance, "provenance")

    def _require_bins(self) -> None:
        bins = self.front_end.n_bins
        for label, part in (("features", self.features), ("mask", self.mask)):
            fits = part.first_bin + part.n_bins <= bins
            require(fits, f"{label}.n_bins", part.n_bins, f"first_bin + n_bins at most {bins} bins")

    def _require_chain(self) -> None:
        shape = self.features.output_shape
        given: dict[str, Shape] = {}
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Residual):
                here = given.get(layer.source)
                needed = f"the name of an earlier layer that gives {shape}"
                require(here == shape, f"layers[{i}].source", layer.source, needed)
            try:
                shape = given[layer.name] = layer.output_shape(shape)
            except SpecError as error:
                raise SpecError(f"layers[{i}].{error}") from None
            needed = f"at most {MAX_VALUES} values"
            require(shape.size <= MAX_VALUES, f"layers[{i}]", shape, needed)
        self._require_head(shape)

    def _require_head(self, shape: Shape) -> None:
        last, where = self.layers[-1], f"layers[{len(self.layers) - 1}]"
        needed = "a linear layer, whose output is the mask"
        require(isinstance(last, Linear), f"{where}.type", last.type, needed)
        if isinstance(last, Linear):
            needed = f"{self.mask.activation} in the last layer, whose output is the mask"
            fits = last.activation == self.mask.activation
            require(fits, f"{where}.activation", last.activation, needed)
        needed = f"{self.mask.input_shape}, what a mask of kind {self.mask.kind} takes"
        require(shape == self.mask.input_shape, f"{where}.output_size", shape, needed)
        if isinstance(self.mask, MappingHead):
            part, needed = self.features, "scaled_spectrum, whose scale a mapping needs"
            require(isinstance(part, ScaledSpectrum), "features.kind", part.kind, needed)
            same = (part.first_bin, part.n_bins) == (self.mask.first_bin, self.mask.n_bins)
            bins = f"{self.mask.n_bins} from {self.mask.first_bin} on"
            needed = f"{part.n_bins} from {part.first_bin} on, the bins of the features"
            require(same, "mask.n_bins", bins, needed)

    def _least_version(self) -> tuple[int, str]:
        """Return the first format that can hold this model, and what in it asks for that."""
        for i, layer in enumerate(self.layers):
            if getattr(layer, "dtype", "f32") != "f32":
                return 4, f"layers[{i}].dtype {layer.dtype}"  # type: ignore[union-attr]
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Linear | GRU):
                return 3, f"layers[{i}].type {layer.type}"
            if isinstance(layer, GRU) and layer.scan != "time":
                return 3, f"layers[{i}].scan {layer.scan}"
        if not isinstance(self.features, LogPower):
            return 3, f"features of kind {self.features.kind}"
        if isinstance(self.mask, Mask):
            return 1, "a mask"
        return 2 if isinstance(self.mask, DeepFilter) else 3, f"a mask of kind {self.mask.kind}"

    def _require_names(self) -> None:
        taken = {"features"}
        for i, layer in enumerate(self.layers):
            needed = "a name no other stage has"
            require(layer.name not in taken, f"layers[{i}].name", layer.name, needed)
            taken.add(layer.name)

    def _require_dial(self) -> None:
        if not any(layer.gate == "top_a" for layer in self.recurrent_layers):
            smallest = self.update_percent.min
            needed = "100: no layer has a top_a gate, so there is no dial"
            require(smallest == 100.0, "update_percent.min", smallest, needed)

    @property
    def delay(self) -> int:
        """Samples by which the output lags the input at the hop interface."""
        front = self.front_end
        return front.win_length - front.hop_length + self.lookahead * front.hop_length

    @property
    def latency_samples(self) -> int:
        """`delay` plus the wait for a full hop, in samples; compute time excluded."""
        return self.delay + self.front_end.hop_length

    @property
    def frames_per_second(self) -> float:
        """Hops per second of audio."""
        return self.sample_rate / self.front_end.hop_length

    @cached_property
    def layer_shapes(self) -> tuple[Shape, ...]:
        """What every layer gives: positions and channels."""
        shapes, shape = [], self.features.output_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            shapes.append(shape)
        return tuple(shapes)

    @property
    def unit_counts(self) -> tuple[int, ...]:
        """Units of every recurrent layer: hidden size x directions x positions."""
        pairs = zip(self.layers, self.layer_shapes, strict=True)
        return tuple(shape.size for layer, shape in pairs if isinstance(layer, GRU))

    @property
    def recurrent_layers(self) -> tuple[GRU, ...]:
        """The recurrent layers, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, GRU))

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor that the bundle holds, by name (``gru1.w_x``)."""
        own = self.features.tensor_shapes()
        shapes = {f"features.{tensor}": shape for tensor, shape in own.items()}
        for layer in self.layers:
            for tensor, shape in layer.tensor_shapes().items():
                shapes[f"{layer.name}.{tensor}"] = shape
        return shapes

    @property
    def params(self) -> int:
        """Trained parameters: tensors of the layers but their scales; no feature normalisation."""
        shapes = (item for layer in self.layers for item in layer.tensor_shapes().items())
        return sum(math.prod(shape) for name, shape in shapes if not is_scale(name))

    @property
    def dtype(self) -> str:
        """Types of the layers' matrices, those that occur, joined by +: ``f32``, ``s8+f32``."""
        found = {getattr(layer, "dtype", "") for layer in self.layers}
        return "+".join(dtype for dtype in ("s8", "s16", "f32") if dtype in found)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: object) -> Self:
        """Build a spec from a JSON document, checking every field.

        Raises
        ------
        SpecError
            A field is missing, unknown, of the wrong type or out of range; the message begins
            with its path.
        """
        if isinstance(document, dict):
            # Before anything else: fields of a newer format are unknown here, and the reader
            # should learn that the file is newer, not that a field is strange.
            _require_version(document.get("format_version", FORMAT_VERSION))
        return build(cls, document, "")


def with_dtypes(spec: ModelSpec, dtypes: Mapping[str, str]) -> ModelSpec:
    """Return a spec in which the layers named have another `dtype`.

    Layers without matrices are passed over.

    Raises
    ------
    SpecError
        A layer cannot have it.
    """
    document = spec.to_dict()
    for layer in document["layers"]:
        if "dtype" in layer:
            layer["dtype"] = dtypes.get(layer["name"], layer["dtype"])
    return ModelSpec.from_dict(document | {"format_version": FORMAT_VERSION})


def selected_units(update_percent: float, hidden_size: int) -> int:
    """Return A, the units that a top-A gate updates: round half up of P/100 H, at least 1.

    Source: D-GRU (arXiv 2408.12425), section on the select gate; rounding is ours.

    Examples
    --------
    >>> selected_units(50, 320), selected_units(25, 7), selected_units(0.1, 10)
    (160, 2, 1)
    """
    return max(1, math.floor(update_percent * hidden_size / 100.0 + 0.5))
