"""Losses between the spectra of an enhanced and a clean signal."""

from typing import Any

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


def spectrum(enhanced: Signal, clean: Signal) -> Tensor:
    """Return the mean squared difference of real and imaginary parts.

    Notes
    -----
    Equation L7 of docs/equations.md; with `magnitude`, one half each, the loss of the D-GRU paper
    for its DPRNN host.
    """
    return torch.view_as_real(enhanced.spectrum - clean.spectrum).square().mean()


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
    return _Compressed.apply(
        enhanced.real / level, enhanced.imag / level, clean.real / level, clean.imag / level
    )


class _Compressed(torch.autograd.Function):
    """L2 of level-normalised spectra, with its gradient for the enhanced one written out.

    Autograd would keep and visit a dozen arrays of the spectra's size, and this is a large part of
    an update's time. With p the power, c the compression and a = S p^((c - 1) / 2):
    d|a_e - a_c|^2 = 2 (p^((c - 1) / 2) (a_e - a_c) + (c - 1) p^((c - 3) / 2) <S, a_e - a_c> S) and
    d(p_e^(c / 2) - p_c^(c / 2))^2 = 2 c (p_e^(c / 2) - p_c^(c / 2)) p_e^(c / 2 - 1) S.
    """

    @staticmethod
    def forward(ctx: Any, re: Tensor, im: Tensor, clean_re: Tensor, clean_im: Tensor) -> Tensor:
        _, magnitude_c, factor_c = _powers(clean_re, clean_im)
        power, magnitude_e, factor = _powers(re, im)
        error_re = re * factor - clean_re * factor_c
        error_im = im * factor - clean_im * factor_c
        difference = magnitude_e - magnitude_c
        with_phase = error_re.square().mean() + error_im.square().mean()
        loss = COMPLEX_SHARE * with_phase + (1 - COMPLEX_SHARE) * difference.square().mean()

        along = (re * error_re).addcmul_(im, error_im).mul_(factor)
        along.mul_(COMPLEX_SHARE * (COMPRESSION - 1))
        along.addcmul_(difference, magnitude_e, value=(1 - COMPLEX_SHARE) * COMPRESSION)
        along.div_(power)
        scale = 2 / power.numel()
        grad_re = error_re.mul_(factor).mul_(COMPLEX_SHARE).addcmul_(along, re).mul_(scale)
        grad_im = error_im.mul_(factor).mul_(COMPLEX_SHARE).addcmul_(along, im).mul_(scale)
        ctx.save_for_backward(grad_re, grad_im)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_re, grad_im = ctx.saved_tensors
        return grad * grad_re, grad * grad_im, None, None


def _powers(re: Tensor, im: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return p = |S|^2 with its floor, p^(c / 2) and p^((c - 1) / 2)."""
    power = (re * re).addcmul_(im, im).add_(POWER_FLOOR)
    logarithm = power.log()  # one logarithm and two exponentials: cheaper than two powers
    magnitude = (logarithm * (COMPRESSION / 2)).exp_()
    return power, magnitude, logarithm.mul_((COMPRESSION - 1) / 2).exp_()


def active_level(spectrum: Tensor) -> Tensor:
    """Return the root mean square bin magnitude over speech-active frames, (B, 1, 1).

    A clip without any power gets the level one.
    """
    energy = (spectrum.real.square() + spectrum.imag.square()).mean(-1)  # (B, T)
    active = (energy > ACTIVE_RANGE * energy.amax(-1, keepdim=True)).to(energy.dtype)
    mean = (energy * active).sum(-1) / active.sum(-1).clamp_min(1.0)
    return torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt()[:, None, None]
