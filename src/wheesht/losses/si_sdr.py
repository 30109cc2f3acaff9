"""Negative scale-invariant SDR, bounded at both ends and brought to the range 0 to 1."""

import math

import torch
from torch import Tensor

from wheesht.losses.signal import Signal

LOWEST_DB, HIGHEST_DB = -30.0, 40.0
# Energy over a clip, full scale 1.0: keeps silence finite, a thousandth of one 16-bit step.
ENERGY_FLOOR = 1e-12


def si_sdr(enhanced: Signal, clean: Signal) -> Tensor:
    """Return 0 for a perfect signal to 1 for one that holds none of the clean speech.

    Notes
    -----
    Equation L4 of docs/equations.md. Le Roux et al. (arXiv 1811.02508), equation 5, means kept; a
    dB is 1/70. The ends are reached smoothly, as the remains of speech or of error fall below them.
    """
    estimate, target = enhanced.waveform, clean.waveform
    scale = (estimate * target).sum(-1) / (target.square().sum(-1) + ENERGY_FLOOR)
    projection = scale.unsqueeze(-1) * target
    signal = projection.square().sum(-1)
    error = (estimate - projection).square().sum(-1)
    least, most = 10 ** (LOWEST_DB / 10), 10 ** (HIGHEST_DB / 10)
    top = signal + least * error + ENERGY_FLOOR
    bottom = error + signal / most + ENERGY_FLOOR / most
    ratio_db = 10 / math.log(10) * (torch.log(top) - torch.log(bottom))
    return ((HIGHEST_DB - ratio_db) / (HIGHEST_DB - LOWEST_DB)).mean()
