"""The model description: what a model computes per hop, without its numbers.

A `ModelSpec` is frozen and valid by construction: every constructor checks its own fields,
`ModelSpec` checks what the parts must agree on, and `ModelSpec.from_dict` names the path of the
offending field (``layers[1].hidden_size``). The tensors that belong to it are listed by
`tensor_shapes`. The container is described in docs/bundle_format.md.
"""

import math
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from wheesht.spec.document import build, check_json, require

FORMAT_VERSION = 2  # what is written; every version from 1 on is read
MAX_WIDTH = 4096  # units or features of one layer; a guard against absurd allocations
MAX_LAYERS = 64
MAX_FILTER_ORDER = 8  # frames; at hops of 10 to 16 ms more reach beyond what speech correlates
FFT_SIZES = (320, 512)  # what the engine's FFT factorises and the tests cover
MAX_SAMPLE = 1e6  # a stream limits samples to this size (full scale 1), so powers fit float32
# Largest size of a filter coefficient's real and imaginary part, to which streams limit it. Those
# of trained models are near 1; behind the limit no model and no input can overflow the spectrum.
MAX_COEFFICIENT = 100.0
DIALS = ("fixed", "level", "flux")  # what P may follow from hop to hop
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def _require_version(version: object) -> None:
    known = version in range(1, FORMAT_VERSION + 1) and not isinstance(version, bool)
    newer = isinstance(version, int) and version > FORMAT_VERSION
    hint = "; a newer wheesht may be needed" if newer else ""
    require(known, "format_version", version, f"1 to {FORMAT_VERSION}{hint}")


def _require_width(where: str, value: int) -> None:
    require(1 <= value <= MAX_WIDTH, where, value, f"1 to {MAX_WIDTH}")


def _require_name(where: str, value: str) -> None:
    require(
        bool(NAME_PATTERN.fullmatch(value)), where, value, "a lower-case letter, then a-z 0-9 _ -"
    )


@dataclass(frozen=True)
class FrontEnd:
    """Short-time Fourier transform, sqrt-Hann analysis and synthesis, half overlap.

    `win_length`, `hop_length` and `n_fft` are in samples; the window is periodic, so that its
    square sums to one over two frames and a mask of ones reconstructs the input.
    """

    win_length: int
    hop_length: int
    n_fft: int
    window: Literal["sqrt_hann"] = "sqrt_hann"

    def __post_init__(self) -> None:
        require(self.n_fft in FFT_SIZES, "n_fft", self.n_fft, f"one of {FFT_SIZES}")
        require(
            self.win_length == self.n_fft, "win_length", self.win_length, f"n_fft = {self.n_fft}"
        )
        require(
            2 * self.hop_length == self.win_length,
            "hop_length",
            self.hop_length,
            f"half of win_length = {self.win_length}",
        )

    @property
    def n_bins(self) -> int:
        """Bins of the one-sided spectrum, F."""
        return self.n_fft // 2 + 1


@dataclass(frozen=True)
class Features:
    """Normalised log power of `n_bins` bins from `first_bin` on.

    ``(log(|Y|^2 + floor) - mean) * scale`` with tensors ``features.mean`` and
    ``features.scale``; `floor` is a power (linear, full scale 1.0, unnormalised FFT).
    """

    first_bin: int
    n_bins: int
    floor: float
    kind: Literal["log_power"] = "log_power"

    def __post_init__(self) -> None:
        require(self.first_bin >= 0, "first_bin", self.first_bin, "0 or more")
        _require_width("n_bins", self.n_bins)
        require(1e-20 <= self.floor <= 1.0, "floor", self.floor, "1e-20 to 1 (a power)")


@dataclass(frozen=True)
class Linear:
    """Fully connected layer ``activation(weight x + bias)``."""

    name: str
    input_size: int
    output_size: int
    activation: Literal["none", "relu", "prelu", "sigmoid", "tanh"]
    dtype: Literal["f32"] = "f32"
    type: Literal["linear"] = "linear"

    def __post_init__(self) -> None:
        _require_name("name", self.name)
        _require_width("input_size", self.input_size)
        _require_width("output_size", self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight`` (out, in), ``bias`` (out,), ``slope`` (1,)."""
        shapes: dict[str, tuple[int, ...]] = {
            "weight": (self.output_size, self.input_size),
            "bias": (self.output_size,),
        }
        if self.activation == "prelu":
            shapes["slope"] = (1,)
        return shapes


@dataclass(frozen=True)
class GRU:
    """Gated recurrent unit, reset after the product, gates stacked r, z, c, z = 1 replaces.

    `gate` says which units a step recomputes: ``top_a`` the A with the largest update gate
    (D-GRU, A set by the update percentage), ``threshold`` those whose update gate exceeds the
    tensor ``threshold``, ``none`` all. `scan` is the axis that the recurrence runs along.
    """

    name: str
    input_size: int
    hidden_size: int
    gate: Literal["none", "top_a", "threshold"]
    scan: Literal["time"] = "time"
    dtype: Literal["f32"] = "f32"
    type: Literal["gru"] = "gru"

    def __post_init__(self) -> None:
        _require_name("name", self.name)
        _require_width("input_size", self.input_size)
        _require_width("hidden_size", self.hidden_size)

    @property
    def output_size(self) -> int:
        """What the next layer sees: the hidden state."""
        return self.hidden_size

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``w_x`` (3H, I), ``w_h`` (3H, H), ``b_x``, ``b_h`` (3H,)."""
        rows = 3 * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "w_x": (rows, self.input_size),
            "w_h": (rows, self.hidden_size),
            "b_x": (rows,),
            "b_h": (rows,),
        }
        if self.gate == "threshold":
            shapes["threshold"] = (self.hidden_size,)
        return shapes


@dataclass(frozen=True)
class Mask:
    """Real factor 0..1 on the magnitudes of `n_bins` bins from `first_bin` on, noisy phase.

    Bins outside that range take the value of the nearest bin inside it.
    """

    first_bin: int
    n_bins: int
    kind: Literal["magnitude"] = "magnitude"

    def __post_init__(self) -> None:
        require(self.first_bin >= 0, "first_bin", self.first_bin, "0 or more")
        _require_width("n_bins", self.n_bins)

    @property
    def output_size(self) -> int:
        """What the last layer gives: one factor per bin."""
        return self.n_bins

    @property
    def activation(self) -> Literal["sigmoid"]:
        """Activation of the last layer."""
        return "sigmoid"


@dataclass(frozen=True)
class DeepFilter:
    """Gains as of a `Mask`, plus a complex filter over frames on the lowest of its bins.

    The last layer is linear without activation. Its first `n_bins` outputs give the gains by a
    sigmoid; the others are the real and imaginary parts of `order` coefficients for each of the
    `filter_bins` bins from `first_bin` on, laid out (order, 2, filter_bins). Coefficient k
    multiplies the noisy spectrum k frames ago, and the products are added to the gained spectrum
    (equation M5 of docs/equations.md).
    """

    first_bin: int
    n_bins: int
    filter_bins: int
    order: int
    kind: Literal["deep_filter"] = "deep_filter"

    def __post_init__(self) -> None:
        require(self.first_bin >= 0, "first_bin", self.first_bin, "0 or more")
        _require_width("n_bins", self.n_bins)
        limit = f"1 to {MAX_FILTER_ORDER} frames"
        require(1 <= self.order <= MAX_FILTER_ORDER, "order", self.order, limit)
        most = min(self.n_bins, (MAX_WIDTH - self.n_bins) // (2 * self.order))
        needed = f"1 to {most} (n_bins, and n_bins + 2 order filter_bins at most {MAX_WIDTH})"
        require(1 <= self.filter_bins <= most, "filter_bins", self.filter_bins, needed)

    @property
    def output_size(self) -> int:
        """What the last layer gives: gains, then real and imaginary parts of coefficients."""
        return self.n_bins + 2 * self.order * self.filter_bins

    @property
    def activation(self) -> Literal["none"]:
        """Activation of the last layer."""
        return "none"


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


Layer = Linear | GRU
AnyMask = Mask | DeepFilter


@dataclass(frozen=True)
class ModelSpec:
    """What a model is: front end, features, layers in order, mask, dial and origin.

    `lookahead` is in frames. `provenance` is free JSON: training data, recipe, licence.
    Raises `SpecError` naming the field when the parts do not fit each other.
    """

    name: str
    host: str
    sample_rate: int
    front_end: FrontEnd
    features: Features
    layers: tuple[Layer, ...]
    mask: AnyMask
    update_percent: UpdatePercent
    lookahead: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _require_version(self.format_version)
        if isinstance(self.mask, DeepFilter):
            needed = "2 or more, for a deep_filter"
            require(self.format_version >= 2, "format_version", self.format_version, needed)
        _require_name("name", self.name)
        _require_name("host", self.host)
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
        width = self.features.n_bins
        for i, layer in enumerate(self.layers):
            where = f"layers[{i}].input_size"
            needed = f"{width}, what the stage before it gives"
            require(layer.input_size == width, where, layer.input_size, needed)
            width = layer.output_size
        last, where = self.layers[-1], f"layers[{len(self.layers) - 1}]"
        needed = "a linear layer, whose output is the mask"
        require(isinstance(last, Linear), f"{where}.type", last.type, needed)
        if isinstance(last, Linear):
            needed = f"{self.mask.activation} in the last layer, whose output is the mask"
            fits = last.activation == self.mask.activation
            require(fits, f"{where}.activation", last.activation, needed)
        needed = f"{self.mask.output_size}, what a mask of kind {self.mask.kind} takes"
        require(width == self.mask.output_size, f"{where}.output_size", width, needed)

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

    @property
    def recurrent_layers(self) -> tuple[GRU, ...]:
        """The recurrent layers, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, GRU))

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor that the bundle holds, by name (``gru1.w_x``)."""
        shapes: dict[str, tuple[int, ...]] = {
            "features.mean": (self.features.n_bins,),
            "features.scale": (self.features.n_bins,),
        }
        for layer in self.layers:
            for tensor, shape in layer.tensor_shapes().items():
                shapes[f"{layer.name}.{tensor}"] = shape
        return shapes

    @property
    def params(self) -> int:
        """Trained parameters: all tensors of the layers, feature normalisation excluded."""
        return sum(math.prod(s) for layer in self.layers for s in layer.tensor_shapes().values())

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


def selected_units(update_percent: float, hidden_size: int) -> int:
    """Return A, the units that a top-A gate updates: round half up of P/100 H, at least 1.

    Source: D-GRU (arXiv 2408.12425), section on the select gate; rounding is ours.

    Examples
    --------
    >>> selected_units(50, 320), selected_units(25, 7), selected_units(0.1, 10)
    (160, 2, 1)
    """
    return max(1, math.floor(update_percent * hidden_size / 100.0 + 0.5))
