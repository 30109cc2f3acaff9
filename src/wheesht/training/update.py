"""One update of the weights: dial position, forward pass, loss, gradient, step, weight average."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wheesht.errors import StateError
from wheesht.losses import Signal, loss_terms
from wheesht.models import Network
from wheesht.training.config import OptimConfig, Recipe
from wheesht.training.optimiser import Optimiser
from wheesht.training.parallel import Ranks

MAX_SKIPPED = 100  # updates in a row; a single spike is over sooner
DIAL_STREAM = 1  # of random numbers, apart from those that mix pairs


class Updater:
    """Changes a network by batches.

    Parameters
    ----------
    network, averaged : Network
        The one that is trained, and the running average of its weights.
    optimiser : Optimiser
        Of the network's parameters.
    recipe : Recipe
    ranks : Ranks
        Among which every batch is shared out; all make the same update.
    """

    def __init__(
        self,
        network: Network,
        averaged: Network,
        optimiser: Optimiser,
        recipe: Recipe,
        ranks: Ranks,
    ) -> None:
        self.network = network
        self.averaged = averaged
        self.optimiser = optimiser
        self.recipe = recipe
        self.ranks = ranks
        self.wrapped = ranks.wrapped(network)
        self.skipped_in_a_row = 0

    def update(self, step: int, noisy: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Make the update number `step`, counted from 0.

        Parameters
        ----------
        noisy, clean : Tensor, shape (B / ranks, N)
            This rank's part of the batch, on any device.

        Returns
        -------
        dict of numbers on this rank's device
            ``loss``, ``gradient_norm`` before clipping, and ``loss_<term>`` where there are
            several. Losses are those of this rank's part. Nothing when the gradient is not finite:
            then all ranks leave the weights as they are.

        Raises
        ------
        StateError
            The last 100 gradients were not finite.
        """
        recipe, optimiser = self.recipe, self.optimiser
        device = self.ranks.device
        noisy, clean = noisy.to(device), clean.to(device)
        optimiser.set_learning_rate(learning_rate(step, recipe.optim))
        self._set_update_percent(step)
        with torch.autocast(
            device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"
        ):  # products only: transforms in the network keep float32, as the loss does
            spectrum = self.wrapped(noisy)
        window = self.network.window
        enhanced = Signal.from_spectrum(spectrum, window, noisy.shape[-1])
        loss, terms = loss_terms(recipe.loss, enhanced, Signal.from_waveform(clean, window))
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optim.gradient_norm)
        finite = bool(torch.isfinite(norm))
        if finite:
            optimiser.step()
        self._average(step)
        self.skipped_in_a_row = 0 if finite else self.skipped_in_a_row + 1
        if self.skipped_in_a_row == MAX_SKIPPED:
            raise StateError(
                f"update {step + 1}: the gradient has not been finite for {MAX_SKIPPED} updates; "
                f"try a lower optim.learning_rate, or precision float32"
            )
        if not finite:
            return {}
        values = {"loss": loss.detach(), "gradient_norm": norm}
        if len(terms) > 1:
            values |= {f"loss_{name}": term.detach() for name, term in terms.items()}
        return values

    def _set_update_percent(self, step: int) -> None:
        drawn = draw_update_percent(self.recipe, step)
        part = len(drawn) // self.ranks.count
        mine = drawn[self.ranks.rank * part :][:part]
        position: Any = float(drawn[0])
        if self.recipe.update_percent.per == "sequence":
            position = torch.tensor(mine, dtype=torch.float32, device=self.ranks.device)
        self.network.set_update_percent(position)

    @torch.no_grad()
    def _average(self, step: int) -> None:
        # A short memory at first, so that the random start is soon forgotten.
        decay = min(self.recipe.optim.average, (1 + step) / (10 + step))
        pairs = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        for average, new in pairs:
            average.lerp_(new, 1.0 - decay)


def draw_update_percent(recipe: Recipe, step: int) -> np.ndarray:
    """Return the dial's position for every clip of a batch, (B,); a function of seed and step."""
    config, size = recipe.update_percent, recipe.optim.batch_size
    choices = np.array(config.choices or (recipe.model.update_percent,))
    rng = np.random.default_rng([recipe.seed, step, DIAL_STREAM])
    if config.per == "batch":
        return np.full(size, rng.choice(choices))
    return rng.choice(choices, size)


def learning_rate(step: int, config: OptimConfig) -> float:
    """Return the learning rate of an update: linear warm-up, then a cosine to the final rate."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    share = (step - config.warm_up) / max(1, config.updates - config.warm_up)
    span = config.learning_rate - config.final_learning_rate
    return config.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
