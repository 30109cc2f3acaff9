"""The optimisers that a recipe can name, each as one object with one state."""

from typing import Any

import torch
from torch import nn

from wheesht.cells.base import Cell
from wheesht.errors import ConfigError
from wheesht.training.config import OptimConfig


class Optimiser:
    """One or several optimisers of torch, each for its own parameters, stepped together.

    Parameters
    ----------
    parts : dict
        By name; the names are those of the state.
    """

    def __init__(self, parts: dict[str, torch.optim.Optimizer]) -> None:
        self.parts = parts

    def set_learning_rate(self, value: float) -> None:
        """Set the learning rate of all parameters."""
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = value

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for part in self.parts.values():
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        for part in self.parts.values():
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the states by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over states from `state_dict`."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def make_optimiser(network: nn.Module, config: OptimConfig) -> Optimiser:
    """Build the optimiser that a recipe names.

    Raises
    ------
    ConfigError
        This torch does not have it.

    Notes
    -----
    AdamW: Loshchilov and Hutter (arXiv 1711.05101). Muon: Jordan et al. (2024), scaled to the
    update size of AdamW as by Liu et al. (arXiv 2502.16982).
    """
    matrices = _recurrent_matrices(network) if config.name == "muon" else []
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    adamw = torch.optim.AdamW(rest, lr=config.learning_rate, weight_decay=config.weight_decay)
    if config.name == "adamw":
        return Optimiser({"adamw": adamw})
    if not hasattr(torch.optim, "Muon"):
        raise ConfigError(f"optim.name: muon needs torch 2.9 or newer, this is {torch.__version__}")
    muon = torch.optim.Muon(
        matrices,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return Optimiser({"muon": muon, "adamw": adamw})


def _recurrent_matrices(network: nn.Module) -> list[nn.Parameter]:
    cells = [module for module in network.modules() if isinstance(module, Cell)]
    return [p for cell in cells for p in cell.parameters(recurse=False) if p.ndim == 2]
