"""The layers of a spec as torch modules; parameters carry the names of the bundle's tensors.

Values are (B, T, K, C): batch, frames, positions, channels.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheesht.cells.base import State
from wheesht.cells.controllers import Everyone, Threshold, TopA
from wheesht.cells.dgru import DGRU
from wheesht.cells.integer_dgru import IntegerDGRU
from wheesht.cells.integers import Ranges, of_input, of_rows
from wheesht.spec import layers as spec
from wheesht.spec.bands import band_bounds
from wheesht.spec.layers import NORM_EPSILON

ACTIVATIONS = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


class Dense(nn.Module):
    """Fully connected layer with its activation; parameters ``weight``, ``bias``, ``slope``."""

    def __init__(self, layer: spec.Linear, ranges: Ranges) -> None:
        super().__init__()
        inner = nn.Linear(layer.input_size, layer.output_size)
        self.weight, self.bias = inner.weight, inner.bias
        self.input_scale, self.weight_scale = _scales(layer, self.weight, ranges)
        self.slope: nn.Parameter | None = None
        self.activation: nn.Module = nn.Identity()
        if layer.activation == "prelu":
            self.slope = nn.Parameter(torch.full((1,), 0.25))
        else:
            self.activation = ACTIVATIONS[layer.activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        y = functional.linear(self.input_scale(x), self.weight_scale(self.weight), self.bias)
        return self.activation(y) if self.slope is None else functional.prelu(y, self.slope)


class FrequencyConv(nn.Module):
    """Convolution along positions (A3); parameters ``weight`` (O, kernel, I), ``bias``."""

    def __init__(self, layer: spec.Conv) -> None:
        super().__init__()
        shapes = layer.tensor_shapes()
        bound = 1.0 / math.sqrt(layer.kernel_size * layer.input_size)
        self.weight = nn.Parameter(torch.empty(shapes["weight"]).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(shapes["bias"]).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, K, I) to (B, T, K, O)."""
        kernel = self.weight.shape[1]
        padded = functional.pad(x, (0, 0, kernel // 2, kernel // 2))
        windows = [padded[:, :, k : k + x.shape[2]] for k in range(kernel)]
        return functional.linear(torch.cat(windows, dim=-1), self.weight.flatten(1), self.bias)


class ChannelNorm(nn.Module):
    """Layer norm over channels (A4); parameters ``weight``, ``bias``, or none."""

    def __init__(self, layer: spec.LayerNorm) -> None:
        super().__init__()
        self.shape = (layer.input_size,)
        self.weight = nn.Parameter(torch.ones(self.shape)) if layer.affine else None
        self.bias = nn.Parameter(torch.zeros(self.shape)) if layer.affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., C)."""
        return functional.layer_norm(x, self.shape, self.weight, self.bias, NORM_EPSILON)


class Compression(nn.Module):
    """From the bins to mel-spaced bands (A5); parameter ``weight`` (O, band rows)."""

    def __init__(self, layer: spec.BandAnalysis) -> None:
        super().__init__()
        bounds = band_bounds(layer.input_size, layer.n_bands)
        self.bands = list(zip(bounds, bounds[2:], strict=False))
        bound = torch.tensor([1.0 / math.sqrt(b - a) for a, b in self.bands for _ in range(b - a)])
        shape = layer.tensor_shapes()["weight"]
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-1.0, 1.0) * bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, 1, F) to (B, T, K, O)."""
        widths = [high - low for low, high in self.bands]
        parts = zip(self.bands, self.weight.split(widths, dim=1), strict=True)
        return torch.cat([functional.linear(x[..., a:b], w) for (a, b), w in parts], dim=2)


class Expansion(nn.Module):
    """From bands back to the bins (A6); parameters ``weight`` (rows, O, I), ``bias`` (rows, O)."""

    share: Tensor

    def __init__(self, layer: spec.BandSynthesis, ranges: Ranges) -> None:
        super().__init__()
        bounds = band_bounds(layer.n_bins, layer.n_bands)
        self.bands = list(zip(bounds, bounds[2:], strict=False))
        share = torch.ones(layer.n_bins, 1)
        share[bounds[1] : bounds[-2]] = 0.5
        self.register_buffer("share", share, persistent=False)
        shapes = layer.tensor_shapes()
        bound = 1.0 / math.sqrt(layer.input_size)
        self.weight = nn.Parameter(torch.empty(shapes["weight"]).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(shapes["bias"]).uniform_(-bound, bound))
        self.input_scale, self.weight_scale = _scales(layer, self.weight, ranges)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, K, I) to (B, T, F, O)."""
        x, weight = self.input_scale(x), self.weight_scale(self.weight)
        widths = [high - low for low, high in self.bands]
        weights, biases = weight.split(widths), self.bias.split(widths)
        # Two neighbours overlap and no others, so even and odd bands are two plain sequences.
        sums = []
        for parity in (0, 1):
            parts = [
                functional.linear(x[:, :, i], weights[i].flatten(0, 1), biases[i].flatten())
                for i in range(parity, len(self.bands), 2)
            ]
            joined = torch.cat(parts, dim=-1).unflatten(-1, (-1, self.bias.shape[1]))
            first, last = self.bands[parity][0], self.bands[len(parts) * 2 - 2 + parity][1]
            sums.append(functional.pad(joined, (0, 0, first, self.share.shape[0] - last)))
        return torch.tanh((sums[0] + sums[1]) * self.share)


def _scales(
    layer: spec.Linear | spec.BandSynthesis, weight: Tensor, ranges: Ranges
) -> tuple[nn.Module, nn.Module]:
    """Return what rounds a layer's input, and what its weights; of floats neither does."""
    if layer.dtype == "f32":
        return nn.Identity(), nn.Identity()
    return of_input(layer.dtype, ranges), of_rows(weight, ranges)


class BothWays(nn.Module):
    """A D-GRU up and one down the positions, with weights of their own; their input is one."""

    def __init__(self, layer: spec.GRU, update_percent: float, ranges: Ranges) -> None:
        super().__init__()
        self.up = _cell(layer, update_percent, ranges)
        self.down = _cell(layer, update_percent, ranges)
        of_floats = layer.dtype == "f32"
        self.input_scale: nn.Module = nn.Identity() if of_floats else of_input("s8", ranges)


def _cell(layer: spec.GRU, update_percent: float, ranges: Ranges) -> DGRU:
    controller: TopA | Threshold | Everyone = Everyone()
    if layer.gate == "top_a":
        controller = TopA(update_percent)
    elif layer.gate == "threshold":
        controller = Threshold(layer.hidden_size)
    sizes = layer.input_size, layer.hidden_size
    if layer.dtype == "f32":
        return DGRU(*sizes, controller)
    return IntegerDGRU(*sizes, controller, ranges, rounds_input=layer.scan != "both")


def scan(
    module: nn.Module, layer: spec.GRU, x: Tensor, state: State | None
) -> tuple[Tensor, State]:
    """Run a recurrent layer.

    Parameters
    ----------
    module : DGRU or BothWays
        From `make_layer`.
    layer : GRU
    x : Tensor, shape (B, T, K, I)
    state : dict, optional
        Of a scan over time, from an earlier call.

    Returns
    -------
    Tensor, shape (B, T, K, O)
    state : dict
        Empty for scans of the frame, which begin anew in each.
    """
    if layer.scan == "time":
        rows = x.transpose(1, 2).flatten(0, 1)  # (B K, T, I)
        h, after = module(rows, state)
        return h.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2), after
    rows = x.flatten(0, 1)  # (B T, K, I)
    if isinstance(module, BothWays):
        rows = module.input_scale(rows)
        h = torch.cat([module.up(rows)[0], _downwards(module.down, rows)], dim=-1)
    else:
        h = _downwards(module, rows) if layer.scan == "down" else module(rows)[0]
    return h.unflatten(0, x.shape[:2]), {}


def _downwards(cell: nn.Module, rows: Tensor) -> Tensor:
    return cell(rows.flip(1))[0].flip(1)


def make_layer(layer: spec.Layer, update_percent: float, ranges: Ranges = "fixed") -> nn.Module:
    """Return the module of a layer with fresh weights.

    Parameters
    ----------
    layer : Layer
    update_percent : float
        P of a top-A gate, percent.
    ranges : {"fixed", "learned"}
        Of integers.
    """
    match layer:
        case spec.Linear():
            return Dense(layer, ranges)
        case spec.Conv():
            return FrequencyConv(layer)
        case spec.LayerNorm():
            return ChannelNorm(layer)
        case spec.BandAnalysis():
            return Compression(layer)
        case spec.BandSynthesis():
            return Expansion(layer, ranges)
        case spec.Rectifier():
            return nn.ReLU()
        case spec.Residual():
            return nn.Identity()  # the network adds the source
    if layer.scan == "both":
        return BothWays(layer, update_percent, ranges)
    return _cell(layer, update_percent, ranges)
