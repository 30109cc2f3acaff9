"""What a network sees of the frames of a signal, one after the other."""

import copy

import numpy as np

from wheesht.dsp.features import log_power, normalise
from wheesht.reference import ops
from wheesht.spec.front_end import ROOT_FLOOR, LogPower
from wheesht.spec.model_spec import ModelSpec


class Features:
    """The features of a spec (F1 to F5), which may remember a level.

    Parameters
    ----------
    spec : ModelSpec
    tensors : dict of ndarray
        By their names in the bundle.
    """

    def __init__(self, spec: ModelSpec, tensors: dict[str, np.ndarray]) -> None:
        self._part = spec.features
        self._tensors = tensors
        self._level = ops.Level()

    def copy_from(self, other: "Features") -> None:
        """Take over what the other remembers."""
        self._level = copy.copy(other._level)

    def see(self, spectrum: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Take in the next frame.

        Parameters
        ----------
        spectrum : ndarray, complex, shape (F,)

        Returns
        -------
        features : ndarray, shape (positions, channels)
            For the first layer.
        level : float
            Of F3; 1 where features have none.
        log_powers : ndarray, shape (n_bins,)
            What a dial follows (G7).
        """
        part = self._part
        bins = spectrum[part.first_bin : part.first_bin + part.n_bins]
        if isinstance(part, LogPower):
            seen = log_power(bins, part.floor)
            x = normalise(seen, self._tensors["features.mean"], self._tensors["features.scale"])
            return x[np.newaxis], 1.0, x
        level = ops.follow_level(self._level, bins, part.floor)
        u = np.stack([bins.real, bins.imag], axis=1) / level
        log_powers = np.log(np.sum(u**2, axis=1) + ROOT_FLOOR)
        return ops.root_compressed(u) if part.compression == "root" else u, level, log_powers
