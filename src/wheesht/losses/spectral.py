"""Losses between the spectra of an enhanced and a clean signal."""

import torch
from torch import Tensor

from wheesht.losses.signal import Signal

COMPRESSION = 0.3  # exponent c of the magnitudes
COMPLEX_SHARE = 0.3  # weight of the term that also sees the phase
POWER_FLOOR = 1e-6  # of a level-normalised bin, about -60 dB: bounds the slope of |S|^c at zero
ACTIVE_RANGE = 1e-4  # frames within 40 dB of the loudest count as speech
WIN_LENGTHS = (256, 512, 1024)  # samples: 16 to 64 ms at 16 kHz


def magnitude(enhanced: Signal, clean: Signal) -> Tensor:
    """Return the mean squared difference of the magnitudes.

    Notes
    -----
    Equation L1 of docs/equations.md; the loss of the D-GRU paper (arXiv 2408.12425) for its GRU
    host.
    """
    return (enhanced.spectrum.abs() - clean.spectrum.abs()).square().mean()


def compressed_spectral(enhanced: Signal, clean: Signal) -> Tensor:
    """Return the power-law compressed spectral loss, complex and magnitude terms mixed.

    Both spectra are divided by the level of the clean speech, so that quiet clips count as much
    as loud ones.

    Notes
    -----
    Equation L2 of docs/equations.md; Braun and Tashev (arXiv 2008.06412), equation 7, with
    c = 0.3 and a = 0.3.
    """
    return _compressed(enhanced.spectrum, clean.spectrum)


def multi_resolution(enhanced: Signal, clean: Signal) -> Tensor:
    """Return the mean of `compressed_spectral` over windows of 256, 512 and 1024 samples.

    It sees the signal that is made of the network's output, so parts of the output that no signal
    could have count for nothing.

    Notes
    -----
    Equation L3 of docs/equations.md.
    """
    terms = [_compressed(enhanced.spectrum_at(w), clean.spectrum_at(w)) for w in WIN_LENGTHS]
    return torch.stack(terms).mean()


def _compressed(enhanced: Tensor, clean: Tensor) -> Tensor:
    level = active_level(clean)
    enhanced, clean = enhanced / level, clean / level
    power_e = enhanced.real.square() + enhanced.imag.square() + POWER_FLOOR
    power_c = clean.real.square() + clean.imag.square() + POWER_FLOOR
    # |S|^c e^{j phase} = S |S|^(c - 1)
    complex_e = torch.view_as_real(enhanced) * power_e.pow((COMPRESSION - 1) / 2).unsqueeze(-1)
    complex_c = torch.view_as_real(clean) * power_c.pow((COMPRESSION - 1) / 2).unsqueeze(-1)
    with_phase = (complex_e - complex_c).square().sum(-1).mean()
    magnitudes = (power_e.pow(COMPRESSION / 2) - power_c.pow(COMPRESSION / 2)).square().mean()
    return COMPLEX_SHARE * with_phase + (1 - COMPLEX_SHARE) * magnitudes


def active_level(spectrum: Tensor) -> Tensor:
    """Return the root mean square bin magnitude over speech-active frames, (B, 1, 1).

    A clip without any power gets the level one.
    """
    energy = (spectrum.real.square() + spectrum.imag.square()).mean(-1)  # (B, T)
    active = (energy > ACTIVE_RANGE * energy.amax(-1, keepdim=True)).to(energy.dtype)
    mean = (energy * active).sum(-1) / active.sum(-1).clamp_min(1.0)
    return torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt()[:, None, None]
