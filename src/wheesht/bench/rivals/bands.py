"""The band layers as plain matrices, for runtimes that know no bands."""

import numpy as np

from wheesht.spec.bands import band_bounds
from wheesht.spec.layers import BandAnalysis, BandSynthesis


def analysis_matrix(layer: BandAnalysis, weight: np.ndarray) -> np.ndarray:
    """Return all bands as one matrix, (bins, bands * channels), zero outside the bands (A5)."""
    bounds = band_bounds(layer.input_size, layer.n_bands)
    whole = np.zeros((layer.input_size, layer.n_bands, layer.output_size), np.float32)
    start = 0
    for i, (low, high) in enumerate(zip(bounds, bounds[2:], strict=False)):
        whole[low:high, i] = weight[:, start : start + high - low].T
        start += high - low
    return whole.reshape(layer.input_size, -1)


def synthesis_matrices(
    layer: BandSynthesis, weight: np.ndarray, bias: np.ndarray
) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Return two rows of matrices that lie side by side, and the bias of their sum (A6).

    The first row holds every other band and the second those between, which overlap with none of
    their own row: matrices (I, width * D), the halving in them. A gap before the first and behind
    the last is a matrix with no rows, (0, width * D). The bias is (bins * D,).
    """
    bounds = band_bounds(layer.n_bins, layer.n_bands)
    share = np.ones((layer.n_bins, 1), np.float32)
    share[bounds[1] : bounds[-2]] = 0.5
    total = np.zeros((layer.n_bins, layer.output_size), np.float32)
    matrices, start = [], 0
    for low, high in zip(bounds, bounds[2:], strict=False):
        rows = slice(start, start + high - low)
        halved = weight[rows] * share[low:high, :, None]
        matrices.append(halved.reshape(-1, layer.input_size).T)
        total[low:high] += bias[rows] * share[low:high]
        start = rows.stop

    def gap(n_bins: int) -> list[np.ndarray]:
        return [np.zeros((0, n_bins * layer.output_size), np.float32)] if n_bins else []

    rows_of = []
    for parity in (0, 1):
        own = matrices[parity::2]
        first, last = bounds[parity], bounds[2 * len(own) + parity]
        rows_of.append([*gap(first), *own, *gap(layer.n_bins - last)])
    return rows_of, total.ravel()
