"""How audible the difference between enhanced and clean speech is: a loss in the manner of PESQ.

Both signals become loudness over half-Bark bands, after the level, the mean spectrum and the
loudness of each frame have been adapted to one another as a listener would; what then differs is
the disturbance, and added sound counts more than missing sound. Unlike PESQ there is no time
alignment, bands and threshold of hearing come from formulas, and nothing is rounded to a score, so
it has a gradient everywhere.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from wheesht.losses.signal import Signal

WINDOW = 512  # samples: 32 ms at 16 kHz, Hann, half overlap
SAMPLE_RATE = 16000
BAND = 0.5  # Bark
N_BANDS = 42  # up to 21 Bark, 7.7 kHz
LISTENING_POWER = 1e7  # mean square that the speech band of both signals is scaled to, P.862
SPEECH_BAND = (325.0, 3250.0)  # Hz
POWER_SCALE = 4.5e-4  # of spectrum power, so that a band power of 1 is 0 dB SPL
LOUDNESS_SCALE = 0.1866
LOUDNESS_EXPONENT = 0.23
AUDIBLE_SPEECH = 1e7  # band power of a frame, 20 dB above threshold, from which it is not silence
SYMMETRIC, ASYMMETRIC = 0.1, 0.0309  # weights of the two disturbances, P.862
NEARLY_ZERO = 1e-18  # under roots, whose slope is infinite at zero
SYLLABLE = 20  # frames, 320 ms, over which the loudest moments dominate


def perceptual(enhanced: Signal, clean: Signal) -> Tensor:
    """Return the disturbance in the units of PESQ before its mapping to MOS, 0 to about 4.

    Signals are at 16 kHz; equal ones give less than 0.001.

    Notes
    -----
    Equation L5 of docs/equations.md. ITU-T P.862 (2001), section 10, and Martin-Donas et al., "A
    deep learning loss function based on the perceptual evaluation of the speech quality", IEEE
    Signal Processing Letters 25 (2018). Bark scale and threshold of hearing: Zwicker and Terhardt
    (1980), Terhardt (1979).
    """
    with torch.no_grad():
        reference = _band_power(clean.waveform)
        speech = (_audible(reference, 100.0) >= AUDIBLE_SPEECH).unsqueeze(-1)
    degraded = _band_power(enhanced.waveform)
    # The listener gets used to a constant filter, and within limits to changes of the gain.
    ratio = (_mean_over(degraded, speech) + 1000) / (_mean_over(reference, speech) + 1000)
    reference = ratio.clamp(0.01, 100.0).unsqueeze(1) * reference
    gain = (_audible(reference, 1.0) + 5e3) / (_audible(degraded, 1.0) + 5e3)
    gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1)
    degraded = gain.clamp(3e-4, 5.0).unsqueeze(-1) * degraded

    louder, softer = _loudness(degraded), _loudness(reference)
    difference = louder - softer
    masked = 0.25 * torch.minimum(louder, softer)
    disturbance = difference.sign() * (difference.abs() - masked).clamp_min(0.0)
    added = ((degraded + 50.0) / (reference + 50.0)) ** 1.2
    added = torch.where(added < 3.0, 0.0, added.clamp_max(12.0))
    width = N_BANDS * BAND
    symmetric = width**0.5 * BAND * (disturbance.square().sum(-1) + NEARLY_ZERO).sqrt()
    asymmetric = BAND * (disturbance * added).abs().sum(-1)
    loud = ((_audible(reference, 1.0) + 1e5) / 1e7) ** 0.04
    total = SYMMETRIC * _over_time(symmetric / loud) + ASYMMETRIC * _over_time(asymmetric / loud)
    return total.mean()


def _over_time(disturbance: Tensor) -> Tensor:
    """Return one number per clip from (B, T): L6 within syllables, L2 over them."""
    length = min(SYLLABLE, disturbance.shape[-1])
    syllables = disturbance.clamp_max(45.0).unfold(-1, length, SYLLABLE // 2)
    loudest = (syllables.pow(6).mean(-1) + NEARLY_ZERO).pow(1.0 / 6.0)
    return loudest.square().mean(-1).sqrt()


def _band_power(x: Tensor) -> Tensor:
    """Return the power in every band and frame, (B, T, bands), at listening level."""
    window, bands, _ = _tables()
    padded = functional.pad(x, (0, max(0, WINDOW - x.shape[-1])))
    frames = padded.unfold(-1, WINDOW, WINDOW // 2) * window.to(x)
    spectrum = torch.fft.rfft(frames)
    power = spectrum.real.square() + spectrum.imag.square()
    first, last = (round(f * WINDOW / SAMPLE_RATE) for f in SPEECH_BAND)
    level = power[..., first:last].sum((-1, -2)) / (x.shape[-1] * WINDOW * 0.375)
    return (power @ bands.to(x)) * (LISTENING_POWER / level.clamp_min(1e-9))[:, None, None]


def _audible(power: Tensor, factor: float) -> Tensor:
    """Return the total power of the bands that exceed `factor` times the threshold, (B, T)."""
    threshold = _tables()[2].to(power)
    return (power * (power > factor * threshold)).sum(-1)


def _mean_over(power: Tensor, speech: Tensor) -> Tensor:
    """Return the mean over speech frames of what is clearly audible, (B, bands)."""
    threshold = _tables()[2].to(power)
    return (power * (power > 100.0 * threshold) * speech).mean(1)


def _loudness(power: Tensor) -> Tensor:
    """Return Zwicker's specific loudness of band powers."""
    threshold = _tables()[2].to(power)
    growth = (0.5 + 0.5 * power / threshold) ** LOUDNESS_EXPONENT - 1.0
    loudness = LOUDNESS_SCALE * (2.0 * threshold) ** LOUDNESS_EXPONENT * growth
    return torch.where(power <= threshold, 0.0, loudness)


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Return the window, the weights of the bins in the bands (F, bands), and the thresholds."""
    hertz = SAMPLE_RATE / WINDOW
    bins = torch.arange(WINDOW // 2 + 1, dtype=torch.float64)
    lower, upper = _bark((bins - 0.5).clamp_min(0.0) * hertz), _bark((bins + 0.5) * hertz)
    edges = BAND * torch.arange(N_BANDS + 1, dtype=torch.float64)
    overlap = torch.minimum(upper[:, None], edges[1:]) - torch.maximum(lower[:, None], edges[:-1])
    bands = POWER_SCALE * overlap.clamp_min(0.0) / (upper - lower)[:, None]
    bands[0] = 0.0  # a constant is not heard
    centre = torch.stack([bins * hertz, _bark(bins * hertz)])
    middle = edges[:-1] + BAND / 2
    khz = torch.stack([centre[0][(centre[1] - m).abs().argmin()] for m in middle]) / 1000.0
    threshold = (
        3.64 * khz.clamp_min(0.05) ** -0.8
        - 6.5 * torch.exp(-0.6 * (khz - 3.3).square())
        + 1e-3 * khz**4
    )
    return torch.hann_window(WINDOW), bands.float(), (10 ** (threshold / 10)).float()


def _bark(hertz: Tensor) -> Tensor:
    return 13.0 * torch.atan(7.6e-4 * hertz) + 3.5 * torch.atan((hertz / 7500.0).square())
