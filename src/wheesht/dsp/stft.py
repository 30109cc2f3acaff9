"""Short-time Fourier transform of whole signals, framed exactly as a stream frames them."""

import numpy as np

from wheesht.errors import ShapeError


def sqrt_hann(win_length: int) -> np.ndarray:
    """Return the periodic square-root Hann window.

    Parameters
    ----------
    win_length : int
        Samples, even and at least 2.

    Returns
    -------
    ndarray, shape (win_length,), float64
        0 to 1; the squares of two windows half a window apart sum to one.

    Raises
    ------
    ShapeError
        The length is odd or below 2.

    Notes
    -----
    Equation S1 of docs/equations.md: sqrt((1 - cos(2 pi n / W)) / 2) = sin(pi n / W).

    Examples
    --------
    >>> [round(float(w), 4) for w in sqrt_hann(4)]
    [0.0, 0.7071, 1.0, 0.7071]
    """
    if win_length < 2 or win_length % 2:
        raise ShapeError(f"sqrt_hann: got {win_length} samples, needs an even number from 2 on")
    return np.sin(np.pi * np.arange(win_length) / win_length)


def stft(x: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Transform a signal into the frames that a stream would see, from a state of silence.

    Parameters
    ----------
    x : ndarray, shape (..., N)
        Linear amplitude. N may be any number; the last hop is filled up with zeros.
    window : ndarray, shape (W,)
        Analysis window, W even; frames overlap by half, so the hop is W / 2.

    Returns
    -------
    ndarray, shape (..., T, W // 2 + 1), complex128
        T = ceil(N / hop) + 1 frames, unnormalised. Frame t covers the samples
        [(t - 1) hop, (t + 1) hop); what lies before and after the signal is zero. A stream that
        is given the N samples sees the frames 0 to T - 2; the last frame is the one of a flush.

    Raises
    ------
    ShapeError
        The window is not one-dimensional or has an odd length; x has no axis.

    Notes
    -----
    Equation S2 of docs/equations.md. This is *not* the centred transform of most toolboxes:
    there is no reflection at the edges and frame 0 holds the first hop in its second half.

    Examples
    --------
    >>> stft(np.ones(7), sqrt_hann(4)).shape
    (5, 3)
    """
    hop = _hop_of(window)
    x = np.asarray(x)
    if x.ndim < 1:
        raise ShapeError("stft: got a single number, needs an array of samples (..., N)")
    n_hops = -(-x.shape[-1] // hop)
    edges = [(0, 0)] * (x.ndim - 1) + [(hop, (n_hops + 1) * hop - x.shape[-1])]
    hops = np.pad(x, edges).reshape(*x.shape[:-1], n_hops + 2, hop)
    frames = np.concatenate([hops[..., :-1, :], hops[..., 1:, :]], axis=-1)  # (..., T, W)
    return np.fft.rfft(frames * window, axis=-1)


def istft(spectrum: np.ndarray, window: np.ndarray, n_samples: int) -> np.ndarray:
    """Overlap-add frames to a signal; the inverse of `stft` with the same window.

    Parameters
    ----------
    spectrum : ndarray, shape (..., T, W // 2 + 1)
        As from `stft`, complex.
    window : ndarray, shape (W,)
        Synthesis window. Reconstruction is exact where the product of the analysis and
        synthesis windows sums to one over two frames, as with `sqrt_hann` for both.
    n_samples : int
        Length N of the result, at most (T - 1) hop.

    Returns
    -------
    ndarray, shape (..., N), float64
        Aligned with the input of `stft`: the delay of a stream is not in it.

    Raises
    ------
    ShapeError
        The bins do not fit the window, or there are too few frames for `n_samples`.

    Notes
    -----
    Equation S3 of docs/equations.md.

    Examples
    --------
    >>> x, w = np.arange(5.0), sqrt_hann(4)
    >>> bool(np.allclose(istft(stft(x, w), w, 5), x))
    True
    """
    hop = _hop_of(window)
    spectrum = np.asarray(spectrum)
    if spectrum.ndim < 2 or spectrum.shape[-1] != hop + 1:
        raise ShapeError(
            f"istft: got shape {spectrum.shape}, needs (..., T, {hop + 1}) for a window of "
            f"{len(window)} samples"
        )
    n_frames = spectrum.shape[-2]
    if not 0 <= n_samples <= (n_frames - 1) * hop:
        raise ShapeError(
            f"istft: {n_samples} samples asked of {n_frames} frames, which hold 0 to "
            f"{max(n_frames - 1, 0) * hop}"
        )
    frames = np.fft.irfft(spectrum, n=2 * hop, axis=-1) * window
    blocks = frames[..., :-1, hop:] + frames[..., 1:, :hop]  # (..., T - 1, hop)
    return blocks.reshape(*spectrum.shape[:-2], -1)[..., :n_samples]


def _hop_of(window: np.ndarray) -> int:
    if window.ndim != 1 or len(window) < 2 or len(window) % 2:
        raise ShapeError(f"window: got shape {window.shape}, needs (W,) with W even, from 2 on")
    return len(window) // 2
