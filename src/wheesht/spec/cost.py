"""What a model costs, from its spec alone: parameters, bytes, MACs.

A MAC is one multiplication and one addition of a matrix product, a convolution or a filter;
biases, activations, norms, features, gains and the Fourier transform are not counted.
`macs_per_hop` is what the engine's counter must show.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from wheesht.errors import ParameterError
from wheesht.spec.bands import band_rows
from wheesht.spec.front_end import ScaledSpectrum
from wheesht.spec.heads import DeepFilter, MagnitudeFilter
from wheesht.spec.integers import has_integers, is_scale
from wheesht.spec.layers import GRU, BandAnalysis, BandSynthesis, Conv, Layer, LayerNorm, Linear
from wheesht.spec.model_spec import ModelSpec, selected_units
from wheesht.spec.shapes import Shape

FLOAT_BYTES = 4  # of states, and of tensors that do not hold integers, which take one byte
# Element-wise operations per unit and step that the D-GRU paper's table counts as MACs: 6 biases,
# 1 reset product, 3 gate sums, 3 for the blend (what the counting tools thop and ptflops add).
PAPER_EXTRAS = 13
PAPER_NORM = 2  # per value of a layer norm, as the same tools count
# Frames in one second beyond the hops, by host: the table's GRU row counts a centred transform
# (16000 / 160 + 1 frames), its other rows do not.
PAPER_EXTRA_FRAMES = {"gru": 1}
MACS_OF_COMPLEX_PRODUCT = 4
LEVEL_VALUES = 2  # the running mean of a scaled spectrum, and how many hops it has seen


@dataclass(frozen=True)
class MacSplit:
    """MACs per second of audio, rounded: in recurrent layers, in all others, in sum."""

    recurrent: int
    other: int
    total: int


@dataclass(frozen=True)
class Cost:
    """Cost of a model at one setting of the dial.

    `params` counts trained parameters; `weight_bytes` all tensors, feature normalisation
    included; `state_bytes` what one stream carries from hop to hop: hidden states over time, the
    last hop of input, the open half of the overlap-add, the past frames of a filter and the level
    of a scaled spectrum. `strict`
    counts what is executed, `paper` follows the table of the D-GRU paper (`paper_macs`).
    """

    update_percent: float
    params: int
    weight_bytes: int
    state_bytes: int
    strict: MacSplit
    paper: MacSplit

    def to_dict(self) -> dict[str, Any]:
        """Return the row that ``wheesht cost --json`` prints."""
        return asdict(self)


def model_cost(spec: ModelSpec, update_percent: float | None = None) -> Cost:
    """Return what a model costs at a setting of the dial.

    Parameters
    ----------
    spec : ModelSpec
        Of any model; no weights are needed.
    update_percent : float, optional
        P in percent within the range of the spec; its default when left out.

    Raises
    ------
    ParameterError
        P is outside the range of the spec.
    """
    dial = spec.update_percent
    percent = dial.default if update_percent is None else update_percent
    if not dial.min <= percent <= dial.max:
        raise ParameterError(
            f"update_percent: got {percent:g}, needs {dial.min:g} to {dial.max:g}, the range of "
            f"model {spec.name!r}"
        )
    return Cost(
        update_percent=float(percent),
        params=spec.params,
        weight_bytes=weight_bytes(spec),
        state_bytes=state_bytes(spec),
        strict=strict_macs(spec, percent),
        paper=paper_macs(spec, percent),
    )


def weight_bytes(spec: ModelSpec) -> int:
    """Return the bytes of all tensors: 1 for an integer, 4 for anything else."""
    return _bytes(spec.features.tensor_shapes()) + sum(layer_bytes(spec).values())


def layer_bytes(spec: ModelSpec) -> dict[str, int]:
    """Return the bytes of each layer's tensors by its name, scales of integers included."""
    return {layer.name: _bytes(layer.tensor_shapes()) for layer in spec.layers}


def _bytes(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(
        math.prod(shape) * (1 if has_integers(name, shapes) else FLOAT_BYTES)
        for name, shape in shapes.items()
    )


def weight_bytes_per_hop(spec: ModelSpec, update_percent: float) -> int:
    """Return the bytes of the matrices that one hop needs at least once.

    Of a top-A layer with one position all rows of z, and r and c of the units it updates; at many
    positions other units are chosen at each, and all rows count.
    """
    total = 0
    for layer, shape in zip(spec.layers, spec.layer_shapes, strict=True):
        size = FLOAT_BYTES if getattr(layer, "dtype", "f32") == "f32" else 1
        if isinstance(layer, GRU) and layer.gate == "top_a" and shape.positions == 1:
            rows = layer.hidden_size + 2 * selected_units(update_percent, layer.hidden_size)
            total += size * rows * (layer.input_size + layer.hidden_size)
            continue
        for name, dimensions in layer.tensor_shapes().items():
            matrix = len(dimensions) > 1 and not is_scale(name)
            total += size * math.prod(dimensions) if matrix and "bias" not in name else 0
    return total


def state_bytes(spec: ModelSpec) -> int:
    """Return the bytes that one stream carries from hop to hop, as float32.

    Working memory of a hop and the alignment of an implementation come on top.
    """
    front = spec.front_end
    overlap = front.win_length - front.hop_length
    shapes = zip(spec.layers, spec.layer_shapes, strict=True)
    units = sum(s.size for la, s in shapes if isinstance(la, GRU) and la.scan == "time")
    past = 0
    if isinstance(spec.mask, DeepFilter):
        past = 2 * (spec.mask.order - 1) * spec.mask.filter_bins
    elif isinstance(spec.mask, MagnitudeFilter):
        past = (spec.mask.order - 1) * spec.mask.n_bins
    level = LEVEL_VALUES if isinstance(spec.features, ScaledSpectrum) else 0
    return FLOAT_BYTES * (units + 2 * overlap + past + level)


def filter_macs(spec: ModelSpec) -> int:
    """Return the MACs of the head's filter for one hop, 0 without one (C6 of docs/equations.md)."""
    if isinstance(spec.mask, DeepFilter):
        return MACS_OF_COMPLEX_PRODUCT * spec.mask.order * spec.mask.filter_bins
    if isinstance(spec.mask, MagnitudeFilter):
        return spec.mask.order * spec.mask.width * spec.mask.n_bins
    return 0


def macs_per_hop(spec: ModelSpec, update_percent: float) -> list[int]:
    """Return the MACs of each layer for one hop, layers in order; a filter's in the last.

    Parameters
    ----------
    spec : ModelSpec
        Of any model.
    update_percent : float
        P in percent; it acts on layers with a ``top_a`` gate only.

    Notes
    -----
    Equations C1, C2, C6 and C7 of docs/equations.md. The cost of a ``threshold`` gate depends on
    the signal; what is returned for it is the worst hop, in which every unit is updated.
    """
    macs = [
        _layer_macs(layer, shape, update_percent)
        for layer, shape in zip(spec.layers, spec.layer_shapes, strict=True)
    ]
    macs[-1] += filter_macs(spec)
    return macs


def strict_macs(spec: ModelSpec, update_percent: float) -> MacSplit:
    """Return `macs_per_hop` per second of audio."""
    per_hop = [float(macs) for macs in macs_per_hop(spec, update_percent)]
    return _split(spec, per_hop, spec.frames_per_second)


def paper_macs(spec: ModelSpec, update_percent: float) -> MacSplit:
    """Return MACs per second of audio as the table of the D-GRU paper counts them.

    Parameters
    ----------
    spec : ModelSpec
        Of any model.
    update_percent : float
        P in percent; it acts on layers with a ``top_a`` gate only.

    Notes
    -----
    Equations C3 and C4 of docs/equations.md: a GRU step is 3H(I + H) + 13H, all of it scaled by
    (1 + 2P/100) / 3; other layers without bias, 2 per value of a layer norm; filters as in C6.
    D-GRU paper (arXiv 2408.12425), table 1; the convention is not stated there, it is what
    reproduces the table. For comparison with published numbers, *not* what is executed: see
    `strict_macs`.
    """
    per_step = [
        _layer_paper_macs(layer, shape, update_percent)
        for layer, shape in zip(spec.layers, spec.layer_shapes, strict=True)
    ]
    per_step[-1] += filter_macs(spec)
    steps = spec.frames_per_second + PAPER_EXTRA_FRAMES.get(spec.host, 0)
    return _split(spec, per_step, steps)


def _layer_macs(layer: Layer, shape: Shape, update_percent: float) -> int:
    """Return the MACs of a layer that gives `shape`, for one hop (C1, C2, C7)."""
    match layer:
        case Linear():
            return shape.positions * layer.input_size * layer.output_size
        case Conv():
            return shape.size * layer.kernel_size * layer.input_size
        case GRU():
            units = layer.hidden_size
            updated = selected_units(update_percent, units) if layer.gate == "top_a" else units
            steps = shape.positions * len(layer.directions)
            return steps * (units + 2 * updated) * (layer.input_size + units)
        case BandAnalysis():
            return band_rows(layer.input_size, layer.n_bands) * layer.output_size
        case BandSynthesis():
            rows = band_rows(layer.n_bins, layer.n_bands)
            return rows * layer.output_size * layer.input_size
    return 0


def _layer_paper_macs(layer: Layer, shape: Shape, update_percent: float) -> float:
    if isinstance(layer, LayerNorm):
        return PAPER_NORM * shape.size
    if not isinstance(layer, GRU):
        return _layer_macs(layer, shape, update_percent)
    share = update_percent / 100.0 if layer.gate == "top_a" else 1.0
    dense = 3 * layer.hidden_size * (layer.input_size + layer.hidden_size)
    steps = shape.positions * len(layer.directions)
    return steps * (dense + PAPER_EXTRAS * layer.hidden_size) * (1.0 + 2.0 * share) / 3.0


def _split(spec: ModelSpec, per_step: list[float], steps_per_second: float) -> MacSplit:
    pairs = list(zip(spec.layers, per_step, strict=True))
    recurrent = sum(macs for layer, macs in pairs if isinstance(layer, GRU)) * steps_per_second
    other = sum(macs for layer, macs in pairs if not isinstance(layer, GRU)) * steps_per_second
    return MacSplit(round(recurrent), round(other), round(recurrent) + round(other))
