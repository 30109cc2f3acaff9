"""STFT and its inverse in torch, framed exactly as the stream frames.

Frame t covers the samples [(t - 1) R, (t + 1) R): the first frame begins one hop before the
signal, nothing is centred or reflected, so training sees what streaming sees.
"""

import torch
from torch import Tensor
from torch.nn import functional


def analyse(x: Tensor, window: Tensor) -> Tensor:
    """Return the spectrum of a signal, unnormalised.

    Parameters
    ----------
    x : Tensor, shape (..., N)
        Linear, full scale 1.0; padded with zeros to whole hops.
    window : Tensor, shape (2R,)

    Returns
    -------
    Tensor, complex, shape (..., ceil(N / R) + 1, R + 1)
    """
    hop = window.shape[0] // 2
    tail = -x.shape[-1] % hop + hop
    hops = functional.pad(x, (hop, tail)).unflatten(-1, (-1, hop))
    # Not `unfold`: its gradient adds sample by sample, which takes ten times as long.
    frames = torch.cat([hops[..., :-1, :], hops[..., 1:, :]], dim=-1)
    return torch.fft.rfft(frames * window)


def synthesise(spectrum: Tensor, window: Tensor, n_samples: int) -> Tensor:
    """Return the signal of a spectrum by overlap-add; the inverse of `analyse`.

    Parameters
    ----------
    spectrum : Tensor, complex, shape (..., T, R + 1)
    window : Tensor, shape (2R,)
    n_samples : int
        N, at most (T - 1) R.

    Returns
    -------
    Tensor, shape (..., N)
    """
    hop = window.shape[0] // 2
    frames = torch.fft.irfft(spectrum, n=2 * hop) * window
    blocks = frames[..., :-1, hop:] + frames[..., 1:, :hop]
    return blocks.flatten(-2)[..., :n_samples]
