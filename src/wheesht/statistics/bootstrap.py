"""Percentile bootstrap: how far a mean would move had other clips been drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wheesht.errors import ParameterError
from wheesht.statistics.checks import pairs_of, values_of

RESAMPLES = 10_000
DRAWS_AT_ONCE = 2**20  # indices; 8 MiB of them and 8 MiB of values, whatever the set's size


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it, in the unit of the values.

    Attributes
    ----------
    mean, low, high : float
        `low` and `high` are NaN where one value alone says nothing about the spread.
    """

    mean: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean over clips and its percentile bootstrap interval.

    Parameters
    ----------
    values : array_like, shape (N,)
        One score per clip, N >= 1.
    level : float
        Of confidence, between 0 and 1.
    resamples : int
        How many times N clips are drawn with replacement; at least 100.
    seed : int
        Equal seeds give equal intervals, to the last digit.

    Returns
    -------
    Interval
        For N = 1 `low` and `high` are NaN.

    Raises
    ------
    ShapeError
        Not one-dimensional, or empty.
    ParameterError
        A value is NaN or Inf; `level` or `resamples` is out of range.

    Notes
    -----
    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. It makes no
    assumption on the distribution, but is a little narrow for few clips: a spread is taken from
    N values as if they were all there is, which shortens it by the factor sqrt((N - 1) / N).

    Examples
    --------
    >>> interval = mean_interval([1.5, 2.5, 2.0, 3.0])
    >>> interval.mean, interval.low < 2.25 < interval.high
    (2.25, True)
    """
    values = values_of("mean_interval", values, least=1)
    return resampled("mean_interval", values, level, resamples, seed)


def paired_interval(
    a: ArrayLike, b: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean of ``a - b`` over the same clips and its bootstrap interval.

    Parameters
    ----------
    a, b : array_like, shape (N,)
        Scores of the same clips in the same order.
    level, resamples, seed
        As for `mean_interval`.

    Returns
    -------
    Interval
        It excludes 0 where the two differ at ``1 - level``.

    Raises
    ------
    ShapeError, ParameterError
        As `mean_interval`; also when the lengths differ.

    Notes
    -----
    Clips are drawn, not scores, so that what makes a clip hard or easy cancels.
    """
    a, b = pairs_of("paired_interval", a, b, least=1)
    return resampled("paired_interval", a - b, level, resamples, seed)


def check_settings(where: str, level: float, resamples: int) -> None:
    """Raise `ParameterError` when a bootstrap's settings are out of range."""
    if not 0 < level < 1:
        raise ParameterError(f"{where}: got level {level}, needs a share between 0 and 1")
    if resamples < 100:
        raise ParameterError(
            f"{where}: got {resamples} resamples, needs at least 100 to place the ends of an "
            f"interval"
        )


def resampled(where: str, x: np.ndarray, level: float, resamples: int, seed: int) -> Interval:
    """Return the interval of the mean of checked values."""
    check_settings(where, level, resamples)
    n, mean = len(x), float(x.mean())
    if n == 1:
        return Interval(mean, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    block = max(1, DRAWS_AT_ONCE // n)
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        # One stream of numbers, so the result does not depend on the size of a block.
        means[start:stop] = x[rng.integers(0, n, (stop - start, n))].mean(axis=1)
    return ends(mean, means, level)


def ends(mean: float, means: np.ndarray, level: float) -> Interval:
    """Return the interval between the outer quantiles of the resampled means."""
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))
