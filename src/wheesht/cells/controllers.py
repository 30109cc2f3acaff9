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
    update_percent : float, or Tensor of shape (B,)
        P in percent, above 0 and at most 100; A is P/100 H, rounded half up, at least 1. One for
        all rows of a batch or one for each row. May be changed between calls.

    Notes
    -----
    D-GRU paper (arXiv 2408.12425): constant work per step.
    """

    def __init__(self, update_percent: float | Tensor = 100.0) -> None:
        super().__init__()
        self.update_percent = update_percent

    @property
    def update_percent(self) -> float | Tensor:
        """P in percent: one number, or one for each row of the batch, shape (B,)."""
        return self._update_percent

    @update_percent.setter
    def update_percent(self, value: float | Tensor) -> None:
        if isinstance(value, Tensor) and value.dim() != 1:
            raise ParameterError(
                f"update_percent: got a tensor of shape {tuple(value.shape)}, needs one number or "
                f"(B,), one for each row of the batch"
            )
        for percent in value.tolist() if isinstance(value, Tensor) else [value]:
            if not 0.0 < percent <= 100.0:
                raise ParameterError(
                    f"update_percent: got {percent!r}, needs above 0 to 100 percent"
                )
        self._update_percent = value if isinstance(value, Tensor) else float(value)

    def selected(self, batch: int, hidden_size: int) -> Tensor:
        """Return A for every row of a batch, (B,) int32, of H units.

        A batch that is a multiple of the P given has so many rows in a row of each: the positions
        or frames of a clip.
        """
        percent = self._update_percent
        if isinstance(percent, float):
            return torch.full((batch,), selected_units(percent, hidden_size), dtype=torch.int32)
        if percent.numel() == 0 or batch % percent.numel():
            raise ParameterError(
                f"update_percent: got shape {tuple(percent.shape)}, needs one number or "
                f"({batch},), one for each row of the batch"
            )
        counts = [selected_units(p, hidden_size) for p in percent.tolist()]
        each = torch.tensor(counts, dtype=torch.int32)
        return each.repeat_interleave(batch // percent.numel())

    @torch.no_grad()
    def forward(self, scores: Tensor) -> Tensor:
        """Return a mask with exactly A ones in each row of (B, H)."""
        batch, hidden_size = scores.shape
        count = self.selected(batch, hidden_size).to(scores.device)
        order = torch.sort(scores, dim=-1, descending=True, stable=True).indices
        among = torch.arange(hidden_size, device=scores.device) < count[:, None]
        return torch.zeros_like(scores).scatter_(-1, order, among.to(scores.dtype))


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
