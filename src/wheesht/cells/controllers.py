"""Who is updated: from a score per unit to an update mask of zeros and ones.

A controller sees scores ``(B, H)`` and gives a detached mask of the same shape. Selecting by the
update gate needs no sigmoid, because the sigmoid is monotonic: scores are pre-activations.
"""

import torch
from torch import Tensor, nn

from wheesht.errors import ParameterError
from wheesht.spec.model_spec import selected_units


class Everyone(nn.Module):
    """Recompute every unit: the plain cell."""

    def forward(self, scores: Tensor) -> Tensor:
        """Return ones."""
        return torch.ones_like(scores)


class TopA(nn.Module):
    """Recompute exactly the A units with the largest score; ties go to the lowest index.

    Parameters
    ----------
    update_percent : float
        P in percent, above 0 and at most 100; A is P/100 H, rounded half up, at least 1. May be
        changed between calls.

    Notes
    -----
    D-GRU paper (arXiv 2408.12425): constant work per step.
    """

    def __init__(self, update_percent: float = 100.0) -> None:
        super().__init__()
        self.update_percent = update_percent

    @property
    def update_percent(self) -> float:
        """P in percent."""
        return self._update_percent

    @update_percent.setter
    def update_percent(self, value: float) -> None:
        if not 0.0 < value <= 100.0:
            raise ParameterError(f"update_percent: got {value!r}, needs above 0 to 100 percent")
        self._update_percent = float(value)

    def selected(self, hidden_size: int) -> int:
        """Return A for H units."""
        return selected_units(self.update_percent, hidden_size)

    @torch.no_grad()
    def forward(self, scores: Tensor) -> Tensor:
        """Return a mask with exactly A ones in each row."""
        count = self.selected(scores.shape[-1])
        order = torch.sort(scores, dim=-1, descending=True, stable=True).indices
        return torch.zeros_like(scores).scatter_(-1, order[..., :count], 1.0)


class Threshold(nn.Module):
    """Recompute the units whose gate exceeds their threshold; work varies from step to step.

    Parameters
    ----------
    hidden_size : int
        H.
    threshold : float
        Start value of every unit's threshold, a gate value between 0 and 1, exclusive.

    Attributes
    ----------
    threshold : buffer, shape (H,)
    """

    threshold: Tensor

    def __init__(self, hidden_size: int, threshold: float = 0.5) -> None:
        super().__init__()
        if not 0.0 < threshold < 1.0:
            raise ParameterError(f"threshold: got {threshold!r}, needs between 0 and 1, exclusive")
        self.register_buffer("threshold", torch.full((hidden_size,), float(threshold)))

    def limit(self) -> Tensor:
        """Return the threshold on the pre-activation, ``logit(threshold)``, shape (H,)."""
        return torch.logit(self.threshold)

    @torch.no_grad()
    def forward(self, scores: Tensor) -> Tensor:
        """Return a mask that is one where the score is above the limit."""
        return (scores > self.limit()).to(scores.dtype)

    @torch.no_grad()
    def calibrate(self, scores: Tensor, update_percent: float) -> None:
        """Set each unit's threshold so that it is exceeded P percent of the time.

        Parameters
        ----------
        scores : Tensor, shape (N, H)
            Pre-activations seen on data.
        update_percent : float
            P, above 0 and below 100.
        """
        if not 0.0 < update_percent < 100.0:
            raise ParameterError(
                f"calibrate: got update_percent {update_percent!r}, needs between 0 and 100"
            )
        quantile = torch.quantile(scores, 1.0 - update_percent / 100.0, dim=0)
        # A float32 sigmoid saturates: keep the threshold where its logit stays finite.
        self.threshold.copy_(torch.sigmoid(quantile).clamp(1e-6, 1.0 - 1e-6))
