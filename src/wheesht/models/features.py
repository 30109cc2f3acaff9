"""What a network sees of a spectrum: normalised log powers, or the spectrum on its own scale."""

import torch
from torch import Tensor, nn

from wheesht.cells.base import State
from wheesht.spec.front_end import (
    LEVEL_SHARE,
    ROOT_FLOOR,
    Features,
    LogPower,
    ScaledSpectrum,
)


class LogPowers(nn.Module):
    """Normalised log power (F1, F2); buffers ``mean``, ``scale``, measured and not trained."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: LogPower) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("mean", torch.zeros(features.n_bins))
        self.register_buffer("scale", torch.ones(features.n_bins))

    def measure(self, spectrum: Tensor) -> None:
        """Set mean and scale to those of a spectrum (B, T, F)."""
        log_power = self._log_power(spectrum).flatten(0, -2)
        self.mean.copy_(log_power.mean(0))
        self.scale.copy_(1.0 / log_power.std(0).clamp_min(1e-3))

    def forward(self, spectrum: Tensor, state: State | None) -> tuple[Tensor, Tensor, State]:
        """Return features (B, T, 1, K) of a spectrum (B, T, F), a level of one, and no state."""
        features = (self._log_power(spectrum) - self.mean) * self.scale
        return features[:, :, None], features.new_ones(1), {}

    def _log_power(self, spectrum: Tensor) -> Tensor:
        bins = _bins(spectrum, self.features)
        return torch.log(bins.real.square() + bins.imag.square() + self.features.floor)


class Scaled(nn.Module):
    """The spectrum divided by its running level (F3 to F5)."""

    def __init__(self, features: ScaledSpectrum) -> None:
        super().__init__()
        self.features = features

    def measure(self, spectrum: Tensor) -> None:
        """Do nothing: the scale follows the signal."""

    def forward(self, spectrum: Tensor, state: State | None) -> tuple[Tensor, Tensor, State]:
        """Scale a spectrum.

        Parameters
        ----------
        spectrum : Tensor, complex, shape (B, T, F)
        state : dict, optional
            From an earlier call.

        Returns
        -------
        features : Tensor, shape (B, T, K, 2)
        level : Tensor, shape (B, T, 1)
        state : dict
            ``mean`` (B,) and ``hops`` ().
        """
        bins = _bins(spectrum, self.features)
        power = (bins.real.square() + bins.imag.square()).mean(-1)  # (B, T)
        mean = power.new_zeros(power.shape[0]) if state is None else state["mean"]
        hops = 0 if state is None else int(state["hops"])
        means = []
        for of_frame in power.unbind(1):
            hops += 1
            mean = mean + max(1.0 / hops, LEVEL_SHARE) * (of_frame - mean)
            means.append(mean)
        running = torch.stack(means, dim=1) if means else power
        level = (running + self.features.floor).sqrt()[..., None]
        x = torch.view_as_real((bins / level).contiguous())
        if self.features.compression == "root":
            x = x * (x.square().sum(-1, keepdim=True) + ROOT_FLOOR) ** -0.25
        return x, level, {"mean": mean, "hops": torch.tensor(hops)}


def make_features(features: Features) -> LogPowers | Scaled:
    """Return the module of a spec's features."""
    return LogPowers(features) if isinstance(features, LogPower) else Scaled(features)


def _bins(spectrum: Tensor, features: Features) -> Tensor:
    return spectrum[..., features.first_bin : features.first_bin + features.n_bins]
