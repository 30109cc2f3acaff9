"""The layers: what each takes and gives, and which tensors it has.

Values pass between layers as positions x channels (`Shape`). Layers act on the channels of every
position alike, with the same weights; a frequency scan, a convolution and the band layers see
several positions at once. Every layer says what it makes of a shape by `output_shape`, which
raises `SpecError` naming its own field.

A layer's `dtype` says how it multiplies: ``f32``, floats; ``s8``, integer weights and inputs of 8
bits; ``s16``, weights of 8 and inputs of 16 bits (`wheesht.spec.integers`). Layers that see the
spectrum itself (`Conv`, `BandAnalysis`) are float.
"""

from dataclasses import dataclass
from typing import Literal

from wheesht.spec.bands import band_bounds, band_rows
from wheesht.spec.document import require
from wheesht.spec.integers import INPUT_SCALE, Dtype, with_scales
from wheesht.spec.shapes import MAX_WIDTH, Shape, require_name, require_width

MAX_KERNEL = 15  # positions that a convolution spans
NORM_EPSILON = 1e-5  # added to the variance by a layer norm
Activation = Literal["none", "relu", "prelu", "sigmoid", "tanh"]


def _require_input(needed: int, shape: Shape) -> None:
    expected = f"{shape.channels}, what the stage before it gives"
    require(needed == shape.channels, "input_size", needed, expected)


@dataclass(frozen=True)
class Linear:
    """Fully connected layer ``activation(weight x + bias)`` at every position."""

    name: str
    input_size: int
    output_size: int
    activation: Activation
    dtype: Dtype = "f32"
    type: Literal["linear"] = "linear"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("input_size", self.input_size)
        require_width("output_size", self.output_size)

    def output_shape(self, shape: Shape) -> Shape:
        """As many positions, `output_size` channels."""
        _require_input(self.input_size, shape)
        return Shape(shape.positions, self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight`` (out, in), ``bias`` (out,), ``slope`` (1,)."""
        shapes: dict[str, tuple[int, ...]] = {
            "weight": (self.output_size, self.input_size),
            "bias": (self.output_size,),
        }
        if self.activation == "prelu":
            shapes["slope"] = (1,)
        return with_scales(self.dtype, shapes, "weight")


@dataclass(frozen=True)
class Conv:
    """Convolution along positions, an odd kernel, zeros outside: as many positions as before.

    ``weight`` is (out, kernel, in), tap by tap from the lowest position on; equation A3.
    """

    name: str
    input_size: int
    output_size: int
    kernel_size: int
    dtype: Literal["f32"] = "f32"
    type: Literal["conv"] = "conv"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("input_size", self.input_size)
        require_width("output_size", self.output_size)
        odd = 1 <= self.kernel_size <= MAX_KERNEL and self.kernel_size % 2 == 1
        require(odd, "kernel_size", self.kernel_size, f"an odd number from 1 to {MAX_KERNEL}")

    def output_shape(self, shape: Shape) -> Shape:
        """As many positions, `output_size` channels."""
        _require_input(self.input_size, shape)
        return Shape(shape.positions, self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight`` (out, kernel, in), ``bias`` (out,)."""
        return {
            "weight": (self.output_size, self.kernel_size, self.input_size),
            "bias": (self.output_size,),
        }


@dataclass(frozen=True)
class GRU:
    """Gated recurrent unit, reset after the product, gates stacked r, z, c, z = 1 replaces.

    `gate` says which units a step recomputes: ``top_a`` the A with the largest update gate
    (D-GRU, A set by the update percentage), ``threshold`` those whose update gate exceeds the
    tensor ``threshold``, ``none`` all. `scan` is the way that the recurrence runs: over ``time``
    at every position, or within the frame from the lowest position ``up``, from the highest
    ``down``, or ``both``, with the hidden states of up and down side by side.
    """

    name: str
    input_size: int
    hidden_size: int
    gate: Literal["none", "top_a", "threshold"]
    scan: Literal["time", "up", "down", "both"] = "time"
    dtype: Literal["f32", "s8"] = "f32"
    type: Literal["gru"] = "gru"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("input_size", self.input_size)
        require_width("hidden_size", self.hidden_size)
        most = MAX_WIDTH // len(self.directions)
        needed = f"at most {most}, because both directions have so many"
        require(self.hidden_size <= most, "hidden_size", self.hidden_size, needed)

    @property
    def directions(self) -> tuple[str, ...]:
        """GRUs in this layer, each with weights of its own: what their tensors' names begin with.

        ``up.`` and ``down.`` for ``both``, nothing otherwise.
        """
        return ("up.", "down.") if self.scan == "both" else ("",)

    @property
    def output_size(self) -> int:
        """Channels that the next layer sees: the hidden states of all directions."""
        return len(self.directions) * self.hidden_size

    def output_shape(self, shape: Shape) -> Shape:
        """As many positions, `output_size` channels."""
        _require_input(self.input_size, shape)
        return Shape(shape.positions, self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``w_x`` (3H, I), ``w_h`` (3H, H), ``b_x``, ``b_h`` (3H,).

        ``threshold`` is (H,). For ``both`` there are two sets: ``up.w_x``, ``down.w_x``, ...;
        of integers with one ``input_scale`` for both.
        """
        rows = 3 * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "w_x": (rows, self.input_size),
            "w_h": (rows, self.hidden_size),
            "b_x": (rows,),
            "b_h": (rows,),
        }
        if self.gate == "threshold":
            shapes["threshold"] = (self.hidden_size,)
        shapes = with_scales(self.dtype, shapes, "w_x", "w_h")
        both_see = {INPUT_SCALE: shapes.pop(INPUT_SCALE)} if INPUT_SCALE in shapes else {}
        own = {d + name: shape for d in self.directions for name, shape in shapes.items()}
        return own | both_see


@dataclass(frozen=True)
class LayerNorm:
    """Channels of every position made to mean 0 and variance 1; equation A4.

    With `affine` then multiplied by ``weight`` and added to ``bias``.
    """

    name: str
    input_size: int
    affine: bool
    type: Literal["layer_norm"] = "layer_norm"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("input_size", self.input_size)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same."""
        _require_input(self.input_size, shape)
        return shape

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight``, ``bias`` (in,), or none."""
        return {t: (self.input_size,) for t in ("weight", "bias")} if self.affine else {}


@dataclass(frozen=True)
class Rectifier:
    """ReLU of every value."""

    name: str
    type: Literal["relu"] = "relu"

    def __post_init__(self) -> None:
        require_name(self.name)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same."""
        return shape

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """No tensors."""
        return {}


@dataclass(frozen=True)
class Residual:
    """What the stage named `source` gave, added to what the stage before gives."""

    name: str
    source: str
    type: Literal["residual"] = "residual"

    def __post_init__(self) -> None:
        require_name(self.name)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the same; that the source has this shape is checked by `ModelSpec`."""
        return shape

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """No tensors."""
        return {}


@dataclass(frozen=True)
class BandAnalysis:
    """Trainable frequency compression: overlapping mel-spaced bands of the bins, mapped each.

    Every band has a matrix of its own and no bias; equation A5. The columns of ``weight`` (out, sum
    of the bands' widths) belong to the bands in order.
    """

    name: str
    input_size: int
    n_bands: int
    output_size: int
    dtype: Literal["f32"] = "f32"
    type: Literal["band_analysis"] = "band_analysis"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("output_size", self.output_size)
        require_width("input_size", self.input_size)
        _require_bands(self.input_size, self.n_bands)

    def output_shape(self, shape: Shape) -> Shape:
        """`n_bands` positions of `output_size` channels."""
        _require_input(self.input_size, shape)
        needed = "one position, a channel for each bin"
        require(shape.positions == 1, "input_size", shape, needed)
        return Shape(self.n_bands, self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight`` (out, band rows)."""
        return {"weight": (self.output_size, band_rows(self.input_size, self.n_bands))}


@dataclass(frozen=True)
class BandSynthesis:
    """From bands back to bins: every band gives channels to its bins, which are overlap-added.

    Bins that two bands reach are halved, then tanh; equation A6. ``weight`` is (band rows, out,
    in) and ``bias`` (band rows, out): the rows of band i are its bins from the lowest on.
    """

    name: str
    input_size: int
    n_bins: int
    n_bands: int
    output_size: int
    dtype: Dtype = "f32"
    type: Literal["band_synthesis"] = "band_synthesis"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_width("input_size", self.input_size)
        require_width("output_size", self.output_size)
        require_width("n_bins", self.n_bins)
        _require_bands(self.n_bins, self.n_bands)

    def output_shape(self, shape: Shape) -> Shape:
        """`n_bins` positions of `output_size` channels."""
        _require_input(self.input_size, shape)
        needed = f"{shape.positions}, the positions that the stage before it gives"
        require(shape.positions == self.n_bands, "n_bands", self.n_bands, needed)
        return Shape(self.n_bins, self.output_size)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``weight`` (band rows, out, in), ``bias`` (band rows, out)."""
        rows = band_rows(self.n_bins, self.n_bands)
        shapes: dict[str, tuple[int, ...]] = {
            "weight": (rows, self.output_size, self.input_size),
            "bias": (rows, self.output_size),
        }
        return with_scales(self.dtype, shapes, "weight")


def _require_bands(n_bins: int, n_bands: int) -> None:
    require(2 <= n_bands <= n_bins // 2, "n_bands", n_bands, f"2 to half of {n_bins} bins")
    bounds = band_bounds(n_bins, n_bands)
    rising = all(low < high for low, high in zip(bounds, bounds[1:], strict=False))
    require(rising, "n_bands", n_bands, f"fewer: some mel bands hold none of the {n_bins} bins")


Layer = Linear | Conv | GRU | LayerNorm | Rectifier | Residual | BandAnalysis | BandSynthesis
