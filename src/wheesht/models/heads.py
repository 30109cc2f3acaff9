"""From the last layer's output to the enhanced spectrum: gains, filters, or a mapping."""

import torch
from torch import Tensor
from torch.nn import functional

from wheesht.cells.base import State
from wheesht.spec.front_end import ROOT_FLOOR, Features, ScaledSpectrum
from wheesht.spec.heads import MAX_COEFFICIENT, DeepFilter, Head, MagnitudeFilter, Mapping, Mask


def start_without_filter(weight: Tensor, bias: Tensor, head: Head) -> None:
    """Let a fresh last layer's filter do nothing, so that training starts as a mask.

    Parameters
    ----------
    weight, bias : Tensor, shapes (O, I) and (O,)
        Of the last layer; changed in place.
    head : Head
        Without a filter, nothing changes.
    """
    with torch.no_grad():
        if isinstance(head, DeepFilter):
            weight[head.n_bins :] = 0.0
            bias[head.n_bins :] = 0.0
        elif isinstance(head, MagnitudeFilter):
            weight[1:] = 0.0
            bias[1:] = 0.0
            bias[1 + head.width // 2] = 1.0  # this frame, this bin


def enhanced_spectrum(
    output: Tensor, head: Head, spectrum: Tensor, level: Tensor, features: Features, past: State
) -> tuple[Tensor, State]:
    """Make the enhanced spectrum.

    Parameters
    ----------
    output : Tensor, shape (B, T, K, C)
        Of the last layer, ``head.input_shape``.
    head : Head
    spectrum : Tensor, complex, shape (B, T, F)
        Noisy.
    level : Tensor, shape (B, T, 1)
        Of a `ScaledSpectrum`, for a `Mapping`.
    features : Features
    past : dict
        From an earlier call, to go on where it ended; empty at the start.

    Returns
    -------
    enhanced : Tensor, complex, shape (B, T, F)
    past : dict

    Notes
    -----
    Equations M1, M3 and M5 to M7 of docs/equations.md.
    """
    if isinstance(head, Mapping):
        return _mapped(output, head, spectrum, level, features), {}
    if isinstance(head, MagnitudeFilter):
        return _filtered_magnitudes(output, head, spectrum, past)
    values = output[:, :, 0]
    enhanced = spread_gains(values, head, spectrum.shape[-1]) * spectrum
    if not isinstance(head, DeepFilter):
        return enhanced, {}
    frames = past.get("frames")
    return enhanced + apply_filter(values, head, spectrum, frames), {
        "frames": past_frames(spectrum, head, frames)
    }


def _mapped(
    output: Tensor, head: Mapping, spectrum: Tensor, level: Tensor, features: Features
) -> Tensor:
    values = output.clamp(-MAX_COEFFICIENT, MAX_COEFFICIENT)
    if isinstance(features, ScaledSpectrum) and features.compression == "root":
        values = values * (values.square().sum(-1, keepdim=True) + ROOT_FLOOR).sqrt()
    mapped = level[..., None] * values
    bins = spectrum[..., head.first_bin : head.first_bin + head.n_bins]
    limited = _limited(mapped, torch.view_as_real(bins).square().sum(-1))
    return _among_all(torch.view_as_complex(limited.contiguous()), head, spectrum.shape[-1])


def _limited(values: Tensor, power: Tensor) -> Tensor:
    """Return complex values (..., 2) with the power of each limited."""
    own = values.square().sum(-1)
    above = own > power
    size = torch.where(above, own, 1.0).sqrt()  # two roots: the gradient stays finite at 0
    return values * torch.where(above, power.sqrt() / size, 1.0)[..., None]


def _filtered_magnitudes(
    output: Tensor, head: MagnitudeFilter, spectrum: Tensor, past: State
) -> tuple[Tensor, State]:
    bins = spectrum[..., head.first_bin : head.first_bin + head.n_bins]
    size = bins.abs()
    gained = torch.sigmoid(output[..., 0]) * size  # (B, T, F)
    before = past.get("frames")
    if before is None:
        before = gained.new_zeros(gained.shape[0], head.order - 1, head.n_bins)
    frames = torch.cat([before, gained], dim=1)
    side = head.width // 2
    padded = functional.pad(frames, (side, side))
    taps = output[..., 1:].clamp(-MAX_COEFFICIENT, MAX_COEFFICIENT)
    total = torch.zeros_like(gained)
    n_frames = gained.shape[1]
    for i in range(head.order):
        at = head.order - 1 - i
        for k in range(head.width):
            seen = padded[:, at : at + n_frames, k : k + head.n_bins]
            total = total + taps[..., i * head.width + k] * seen
    direction = torch.where(size > 0, bins / size.clamp_min(1e-30), 0.0)
    enhanced = _among_all(total.abs() * direction, head, spectrum.shape[-1])
    return enhanced, {"frames": frames[:, frames.shape[1] - (head.order - 1) :]}


def _among_all(bins: Tensor, head: MagnitudeFilter | Mapping, n_bins: int) -> Tensor:
    """Return the spectrum with silence in the bins that the head does not cover."""
    return functional.pad(bins, (head.first_bin, n_bins - head.first_bin - head.n_bins))


def spread_gains(output: Tensor, mask: Mask | DeepFilter, n_bins: int) -> Tensor:
    """Return one gain per bin of the spectrum; bins outside the mask take the nearest one's.

    Parameters
    ----------
    output : Tensor, shape (..., C)
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
    output : Tensor, shape (B, T, C)
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
