"""The network of a bundle in eager torch, one step at a time."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from wheesht.bench.rivals.bands import analysis_matrix, synthesis_matrices
from wheesht.bench.rivals.base import Network, RecurrentStep, Step
from wheesht.errors import MissingDependency
from wheesht.spec.bundle import Bundle, dequantized
from wheesht.spec.layers import (
    GRU,
    NORM_EPSILON,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor

    Function = Callable[[Tensor], Tensor]  # (positions, channels) to the same of the next layer


def in_torch(bundle: Bundle) -> Network:
    """Return a bundle's network in torch: `torch.nn.GRU`, one thread, no gradients.

    Of integers it has the weights that they stand for, as floats.

    Raises
    ------
    MissingDependency
        `torch` is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingDependency("torch needs: pip install 'wheesht[train]'") from None
    bundle, threads = dequantized(bundle), torch.get_num_threads()
    torch.set_num_threads(1)
    alone = _recurrent_step(bundle) if bundle.spec.recurrent_layers else None
    return Network("torch", _whole_step(bundle), alone, lambda: torch.set_num_threads(threads))


def _whole_step(bundle: Bundle) -> Step:
    import torch

    functions = _functions(bundle)
    sources = {layer.name: layer.source for layer, *_ in functions if isinstance(layer, Residual)}
    kept = set(sources.values())

    def step(features: np.ndarray) -> np.ndarray:
        given: dict[str, Tensor] = {}
        with torch.inference_mode():
            y = torch.from_numpy(features)
            for layer, _, function in functions:
                y = y + given[sources[layer.name]] if layer.name in sources else function(y)
                if layer.name in kept:
                    given[layer.name] = y
            output: np.ndarray = y.numpy()
            return output

    return step


def _recurrent_step(bundle: Bundle) -> RecurrentStep:
    import torch

    rng = np.random.default_rng(0)
    grus = []
    for layer, shape, function in _functions(bundle):
        if isinstance(layer, GRU):
            seen = rng.standard_normal((shape.positions, layer.input_size), np.float32)
            grus.append((function, torch.from_numpy(seen)))

    def step() -> None:
        with torch.inference_mode():
            for function, x in grus:
                function(x)

    return step


def _functions(bundle: Bundle) -> "list[tuple[Layer, Shape, Function]]":
    shapes = zip(bundle.spec.layers, bundle.spec.layer_shapes, strict=True)
    return [(layer, shape, _function(layer, shape, bundle.tensors)) for layer, shape in shapes]


def _function(layer: Layer, shape: Shape, tensors: dict[str, np.ndarray]) -> "Function":
    import torch
    from torch.nn import functional

    arrays = {t: tensors[f"{layer.name}.{t}"] for t in layer.tensor_shapes()}
    own = {t: torch.from_numpy(array.copy()) for t, array in arrays.items()}
    match layer:
        case GRU():
            return _gru(layer, shape, own)
        case Linear():
            return _linear(layer, own)
        case Conv():
            weight, half = own["weight"].transpose(1, 2).contiguous(), layer.kernel_size // 2
            return lambda x: functional.conv1d(x.T[None], weight, own["bias"], padding=half)[0].T
        case LayerNorm():
            size, weights = (layer.input_size,), (own.get("weight"), own.get("bias"))
            return lambda x: functional.layer_norm(x, size, *weights, NORM_EPSILON)
        case BandAnalysis():
            whole = torch.from_numpy(analysis_matrix(layer, arrays["weight"]))
            return lambda x: (x @ whole).view(shape)
        case BandSynthesis():
            return _synthesis(layer, shape, arrays)
        case Rectifier():
            return functional.relu
    return lambda x: x  # a residual: its caller adds the source


def _linear(layer: Linear, own: "dict[str, Tensor]") -> "Function":
    import torch
    from torch.nn import functional

    if layer.activation == "none":
        return lambda x: functional.linear(x, own["weight"], own["bias"])
    activation = getattr(torch, layer.activation)
    slope = [own["slope"]] if "slope" in own else []
    return lambda x: activation(functional.linear(x, own["weight"], own["bias"]), *slope)


def _gru(layer: GRU, shape: Shape, own: "dict[str, Tensor]") -> "Function":
    """Over time the positions are its batch; over the positions there is a batch of one."""
    import torch

    gru = torch.nn.GRU(layer.input_size, layer.hidden_size, bidirectional=layer.scan == "both")
    rows_of_z = slice(layer.hidden_size, 2 * layer.hidden_size)
    names = {"w_x": "weight_ih_l0", "w_h": "weight_hh_l0", "b_x": "bias_ih_l0", "b_h": "bias_hh_l0"}
    with torch.no_grad():
        for direction in layer.directions:
            suffix = "_reverse" if direction == "down." else ""
            for ours, theirs in names.items():
                parameter = getattr(gru, theirs + suffix)
                parameter.copy_(own[direction + ours])
                parameter[rows_of_z].neg_()
    if layer.scan == "time":
        state = torch.zeros(1, *shape)

        def over_time(x: "Tensor") -> "Tensor":
            nonlocal state
            y, state = gru(x[None], state)
            return y[0]

        return over_time
    if layer.scan == "down":
        return lambda x: gru(x.flip(0)[:, None])[0][:, 0].flip(0)
    return lambda x: gru(x[:, None])[0][:, 0]


def _synthesis(layer: BandSynthesis, shape: Shape, arrays: dict[str, np.ndarray]) -> "Function":
    import torch

    rows, bias = synthesis_matrices(layer, arrays["weight"], arrays["bias"])
    total = torch.from_numpy(bias)
    parts = [[torch.from_numpy(np.ascontiguousarray(matrix)) for matrix in row] for row in rows]

    def function(x: "Tensor") -> "Tensor":
        sums = []
        for parity, row in enumerate(parts):
            sources = iter(x[parity::2].unbind(0))
            products = [
                next(sources) @ matrix if len(matrix) else x.new_zeros(matrix.shape[1])
                for matrix in row
            ]
            sums.append(torch.cat(products))
        return torch.tanh(sums[0] + sums[1] + total).view(shape)

    return function
