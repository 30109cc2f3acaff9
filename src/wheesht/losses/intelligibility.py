"""How much of the speech can be understood: ESTOI as a loss."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from wheesht.losses.signal import Signal

SAMPLE_RATE = 16000
WINDOW = 410  # samples, Hann, half overlap: 25.6 ms as 256 samples at the 10 kHz of the measure
N_FFT = 1024  # bins of 15.6 Hz, near the 19.5 Hz of the measure
SEGMENT = 30  # frames, 384 ms
STEP = 4  # frames from segment to segment; the measure takes 1, which tells hardly more
LOWEST_BAND, N_BANDS = 150.0, 15  # centre in Hz of the first of the third-octave bands
SILENT_RANGE = 1e-4  # frames 40 dB below the loudest are no speech
NEARLY_ZERO = 1e-9  # beside norms of segments, whose bands have levels of about 1


def intelligibility(enhanced: Signal, clean: Signal) -> Tensor:
    """Return one minus ESTOI, 0 to about 1; signals at 16 kHz.

    Notes
    -----
    Equation L6 of docs/equations.md. Jensen and Taal, "An algorithm for predicting the
    intelligibility of speech masked by modulated noise maskers", IEEE/ACM TASLP 24 (2016). At 16
    kHz instead of 10; silent frames weigh nothing instead of being cut out.
    """
    with torch.no_grad():
        frames = _frames(clean.waveform)
        reference = _bands(frames)
        energy = frames.square().sum(-1)  # (B, T)
        loudest = energy.amax(-1, keepdim=True)
        speech = ((energy > SILENT_RANGE * loudest) & (loudest > 0)).to(energy)
        level = (reference.square().mean((-1, -2), keepdim=True) + 1e-12).sqrt()
    estimate = _bands(_frames(enhanced.waveform))
    correlation = (_normalised(estimate / level) * _normalised(reference / level)).sum((-1, -2))
    length = min(SEGMENT, speech.shape[-1])
    weight = speech.unfold(-1, length, STEP).mean(-1)  # (B, segments)
    mean = (weight * correlation / length).sum(-1) / weight.sum(-1).clamp_min(1e-6)
    return torch.where(weight.sum(-1) > 0, 1.0 - mean, 0.0).mean()


def _frames(x: Tensor) -> Tensor:
    """Return windowed frames, (B, T, WINDOW)."""
    padded = functional.pad(x, (0, max(0, WINDOW - x.shape[-1])))
    hop = WINDOW // 2
    hops = padded[..., : padded.shape[-1] // hop * hop].unflatten(-1, (-1, hop))
    frames = torch.cat([hops[..., :-1, :], hops[..., 1:, :]], dim=-1)
    return frames * torch.hann_window(WINDOW).to(x)


def _bands(frames: Tensor) -> Tensor:
    """Return the magnitude in third-octave bands, (B, T, bands)."""
    spectrum = torch.fft.rfft(frames, n=N_FFT)
    power = spectrum.real.square() + spectrum.imag.square()
    return (power @ _third_octaves().to(power) + 1e-12).sqrt()


def _normalised(bands: Tensor) -> Tensor:
    """Return segments (B, S, bands, frames), normalised along time, then along bands."""
    segments = bands.unfold(1, min(SEGMENT, bands.shape[1]), STEP)
    rows = _unit(segments, -1)
    return _unit(rows, -2)


def _unit(x: Tensor, dim: int) -> Tensor:
    centred = x - x.mean(dim, keepdim=True)
    return centred / (centred.square().sum(dim, keepdim=True) + NEARLY_ZERO).sqrt()


@cache
def _third_octaves() -> Tensor:
    """Return zeros and ones, (F, bands): which bins a band holds."""
    bins = torch.arange(N_FFT // 2 + 1, dtype=torch.float64) * (SAMPLE_RATE / N_FFT)
    centre = LOWEST_BAND * 2.0 ** (torch.arange(N_BANDS, dtype=torch.float64) / 3)
    lower, upper = centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)
    return ((bins[:, None] >= lower) & (bins[:, None] < upper)).float()
