"""Correction for many comparisons."""

import numpy as np
from numpy.typing import ArrayLike

from wheesht.errors import ParameterError
from wheesht.statistics.checks import values_of


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values that keep the chance of any false finding at the level they are read at.

    Parameters
    ----------
    p_values : array_like, shape (M,)
        Of all comparisons that were made, each 0 to 1. May be empty.

    Returns
    -------
    ndarray, shape (M,)
        In the same order; never smaller than what came in, at most 1.

    Raises
    ------
    ShapeError
        Not one-dimensional.
    ParameterError
        A value is NaN or outside 0 to 1.

    Notes
    -----
    Holm, "A simple sequentially rejective multiple test procedure" (1979): the k-th smallest of M
    is multiplied by M + 1 - k, and never falls below a smaller one's. It holds however the
    comparisons depend on each other.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    p = values_of("holm", p_values, least=0)
    if np.any((p < 0) | (p > 1)):
        raise ParameterError(f"holm: got {p.min():g} to {p.max():g}, needs p-values from 0 to 1")
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted
