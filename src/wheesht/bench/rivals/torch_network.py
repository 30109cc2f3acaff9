"""The network of a bundle in eager torch, one step at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wheesht.bench.rivals.base import Network, Step
from wheesht.errors import MissingDependency
from wheesht.spec.bundle import Bundle
from wheesht.spec.layers import GRU, Linear


def in_torch(bundle: Bundle) -> Network:
    """Return a bundle's network in torch: `torch.nn.GRU`, one thread, no gradients.

    Raises
    ------
    MissingDependency
        `torch` is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingDependency("torch needs: pip install 'wheesht[train]'") from None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    recurrent = bundle.spec.recurrent_layers
    return Network(
        "torch",
        _torch_step(bundle, bundle.spec.layers),
        _torch_step(bundle, recurrent) if recurrent else None,
        recurrent[0].input_size if recurrent else 0,
        lambda: torch.set_num_threads(threads),
    )


def _torch_step(bundle: Bundle, layers: Sequence[Linear | GRU]) -> Step:
    import torch

    modules: list[Any] = []
    states: dict[int, Any] = {}
    for i, layer in enumerate(layers):
        own = {
            kind: torch.from_numpy(bundle.tensors[f"{layer.name}.{kind}"].copy())
            for kind in layer.tensor_shapes()
        }
        if isinstance(layer, GRU):
            gru = torch.nn.GRU(layer.input_size, layer.hidden_size)
            rows_of_z = slice(layer.hidden_size, 2 * layer.hidden_size)
            with torch.no_grad():
                for ours, theirs in (("w_x", "weight_ih_l0"), ("w_h", "weight_hh_l0")):
                    getattr(gru, theirs).copy_(own[ours])
                for ours, theirs in (("b_x", "bias_ih_l0"), ("b_h", "bias_hh_l0")):
                    getattr(gru, theirs).copy_(own[ours])
                for parameter in gru.parameters():
                    parameter[rows_of_z].neg_()
            modules.append(gru)
            states[i] = torch.zeros(1, 1, layer.hidden_size)
        else:
            modules.append((own["weight"], own["bias"], layer.activation, own.get("slope")))
    functional = torch.nn.functional
    x = torch.zeros(1, 1, layers[0].input_size)

    def step(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x[0, 0] = torch.from_numpy(features[: x.shape[-1]])
            y = x
            for i, module in enumerate(modules):
                if isinstance(module, torch.nn.GRU):
                    y, states[i] = module(y, states[i])
                    continue
                matrix, bias, activation, slope = module
                y = functional.linear(y, matrix, bias)
                if activation == "prelu":
                    y = functional.prelu(y, slope)
                elif activation != "none":
                    y = getattr(torch, activation)(y)
            output: np.ndarray = y.numpy()
            return output

    return step
