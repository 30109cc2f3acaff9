"""What training minimises: a weighted sum of terms; `LOSSES` lists them by name.

Every term is a function of an enhanced and a clean `Signal`, and a mean over the clips of a batch.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from wheesht.losses.intelligibility import intelligibility
from wheesht.losses.perceptual import perceptual
from wheesht.losses.si_sdr import si_sdr
from wheesht.losses.signal import Signal
from wheesht.losses.spectral import compressed_spectral, magnitude, multi_resolution, spectrum

LOSSES: dict[str, Callable[[Signal, Signal], Tensor]] = {
    "magnitude": magnitude,
    "spectrum": spectrum,
    "compressed_spectral": compressed_spectral,
    "multi_resolution": multi_resolution,
    "si_sdr": si_sdr,
    "perceptual": perceptual,
    "intelligibility": intelligibility,
}

__all__ = [
    "LOSSES",
    "Signal",
    "compressed_spectral",
    "intelligibility",
    "loss_terms",
    "magnitude",
    "multi_resolution",
    "perceptual",
    "si_sdr",
    "spectrum",
]


def loss_terms(
    weights: Mapping[str, float], enhanced: Signal, clean: Signal
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum of terms, and each term without its weight.

    Parameters
    ----------
    weights : mapping
        Names of `LOSSES` to factors; at least one.
    enhanced, clean : Signal
        Of the same shape.

    Returns
    -------
    loss : Tensor, a number
    terms : dict by name
    """
    terms = {name: LOSSES[name](enhanced, clean) for name in weights}
    weighted = [weights[name] * term for name, term in terms.items()]
    return sum(weighted[1:], weighted[0]), terms
