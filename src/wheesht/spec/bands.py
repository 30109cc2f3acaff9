"""Mel-spaced overlapping bands of the bins of a spectrum from 0 to 8 kHz."""

import math
from functools import lru_cache

NYQUIST_HZ = 8000.0


@lru_cache(maxsize=16)
def band_bounds(n_bins: int, n_bands: int) -> tuple[int, ...]:
    """Return the bounds b_0..b_{n_bands+1}: band i covers the bins b_i to b_{i+2} - 1.

    b_i is the first bin above the i-th of the points that divide 0 to 8 kHz evenly in mel.

    Parameters
    ----------
    n_bins : int
        F, from 0 Hz to 8 kHz inclusive, 2 or more.
    n_bands : int
        1 or more.

    Notes
    -----
    HTK's mel scale, ``2595 lg(1 + f / 700)``; the bands of the public frequency compression of
    the MPT host's authors (tencent-ailab/UltraDualPathCompression). Equation A5 of
    docs/equations.md.

    Examples
    --------
    >>> band_bounds(161, 26)[:6], band_bounds(161, 26)[-3:]
    ((0, 2, 3, 5, 7, 9), (131, 145, 161))
    """
    step = _mel(NYQUIST_HZ) / (n_bands + 1)
    inner = []
    for i in range(1, n_bands + 1):
        edge = 700.0 * (10.0 ** (step * i / 2595.0) - 1.0) / NYQUIST_HZ * (n_bins - 1)
        inner.append(math.floor(edge) + 1)
    return (0, *inner, n_bins)


def band_rows(n_bins: int, n_bands: int) -> int:
    """Return the sum of the bands' widths: bins counted once for each band that has them.

    Examples
    --------
    >>> band_rows(161, 26)
    304
    """
    bounds = band_bounds(n_bins, n_bands)
    return sum(bounds[i + 2] - bounds[i] for i in range(n_bands))


def _mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)
