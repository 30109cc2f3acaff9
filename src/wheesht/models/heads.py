"""From the last layer's output to the enhanced spectrum: gains, and a filter over frames."""

import torch
from torch import Tensor

from wheesht.spec.model_spec import MAX_COEFFICIENT, AnyMask, DeepFilter


def start_without_filter(weight: Tensor, bias: Tensor, mask: AnyMask) -> None:
    """Zero a fresh last layer's rows of filter coefficients, so that training starts as a mask.

    Parameters
    ----------
    weight, bias : Tensor, shapes (O, I) and (O,)
        Of the last layer; changed in place.
    mask : Mask or DeepFilter
        A `Mask` has no such rows.
    """
    with torch.no_grad():
        weight[mask.n_bins :] = 0.0
        bias[mask.n_bins :] = 0.0


def spread_gains(output: Tensor, mask: AnyMask, n_bins: int) -> Tensor:
    """Return one gain per bin of the spectrum; bins outside the mask take the nearest one's.

    Parameters
    ----------
    output : Tensor, shape (..., mask.output_size)
        Of the last layer.
    mask : Mask or DeepFilter
    n_bins : int
        F of the spectrum.

    Returns
    -------
    Tensor, shape (..., F), 0 to 1

    Notes
    -----
    Equations M1 and M5 of docs/equations.md.
    """
    gains = output[..., : mask.n_bins]
    if isinstance(mask, DeepFilter):
        gains = torch.sigmoid(gains)
    below, above = mask.first_bin, n_bins - mask.first_bin - mask.n_bins
    first, last = gains[..., :1], gains[..., -1:]
    parts = [first.expand(*first.shape[:-1], below), gains, last.expand(*last.shape[:-1], above)]
    return torch.cat(parts, dim=-1)


def apply_filter(
    output: Tensor, head: DeepFilter, spectrum: Tensor, past: Tensor | None = None
) -> Tensor:
    """Return what a deep filter adds to the gained spectrum.

    Parameters
    ----------
    output : Tensor, shape (B, T, head.output_size)
        Of the last layer.
    head : DeepFilter
    spectrum : Tensor, complex, shape (B, T, F)
        Noisy.
    past : Tensor, complex, shape (B, order - 1, filter_bins), optional
        From `past_frames` of the frames before; zero when left out.

    Returns
    -------
    Tensor, complex, shape (B, T, F)
        Zero outside the filter's bins.

    Notes
    -----
    Equation M5 of docs/equations.md.
    """
    limited = output[..., head.n_bins :].clamp(-MAX_COEFFICIENT, MAX_COEFFICIENT)
    parts = limited.unflatten(-1, (head.order, 2, head.filter_bins))
    coefficients = torch.complex(parts[..., 0, :], parts[..., 1, :])  # (B, T, order, bins)
    frames = _with_past(spectrum, head, past).unfold(1, head.order, 1)  # oldest frame first
    added = (coefficients * frames.flip(-1).transpose(-1, -2)).sum(-2)
    above = spectrum.shape[-1] - head.first_bin - head.filter_bins
    return torch.nn.functional.pad(added, (head.first_bin, above))


def past_frames(spectrum: Tensor, head: DeepFilter, past: Tensor | None = None) -> Tensor:
    """Return the last frames that the next call of `apply_filter` needs.

    Arguments as there; shape (B, order - 1, filter_bins), the latest frame last.
    """
    frames = _with_past(spectrum, head, past)
    return frames[:, frames.shape[1] - (head.order - 1) :]


def _with_past(spectrum: Tensor, head: DeepFilter, past: Tensor | None) -> Tensor:
    """Return the filter's bins of the past frames and of these, (B, order - 1 + T, bins)."""
    bins = spectrum[..., head.first_bin : head.first_bin + head.filter_bins]
    if past is None:
        past = bins.new_zeros(bins.shape[0], head.order - 1, head.filter_bins)
    return torch.cat([past, bins], dim=1)
