"""Tests of difference between two sets of scores, by SciPy."""

import numpy as np
from numpy.typing import ArrayLike

from wheesht.statistics.checks import check_alternative, pairs_of, scipy_module, values_of


def mann_whitney(a: ArrayLike, b: ArrayLike, alternative: str = "two-sided") -> float:
    """Return the p-value of the Mann-Whitney U test that neither side tends to score higher.

    Parameters
    ----------
    a, b : array_like, shape (N,) and (M,)
        Scores; taken as independent, whether they are of the same clips or not.
    alternative : str
        ``two-sided``, ``greater`` (a tends to be higher) or ``less``.

    Returns
    -------
    float
        Small when the ranks of `a` and `b` differ by more than chance makes likely; 1 when all
        scores are equal.

    Raises
    ------
    ShapeError
        Not one-dimensional, or empty.
    ParameterError
        A value is NaN or Inf, or `alternative` is another word.
    MissingDependency
        SciPy is not installed.

    Notes
    -----
    Mann and Whitney (1947), by `scipy.stats.mannwhitneyu` with its defaults: exact where one side
    has at most 8 values and there are no ties, else the normal approximation with mid-ranks, tie
    correction and continuity correction, which at 150 clips moves p by less than 0.001. It is the
    test of the D-GRU paper. On the same clips it wastes power: the spread between clips, which
    both sides share, counts as noise. A large p is no evidence that two settings are equal; see
    `wheesht.statistics.equivalence`.

    Examples
    --------
    >>> round(mann_whitney([1, 2, 3], [4, 5, 6]), 6)  # 2 of the 20 orders are as extreme
    0.1
    """
    where = "mann_whitney"
    check_alternative(where, alternative)
    a, b = values_of(where, a, least=1), values_of(where, b, least=1)
    stats = scipy_module(where, "stats")
    return float(stats.mannwhitneyu(a, b, alternative=alternative).pvalue)


def wilcoxon(a: ArrayLike, b: ArrayLike, alternative: str = "two-sided") -> float:
    """Return the p-value of the paired Wilcoxon signed-rank test that ``a - b`` centres on 0.

    Parameters
    ----------
    a, b : array_like, shape (N,)
        Scores of the same clips in the same order.
    alternative : str
        ``two-sided``, ``greater`` (a is higher) or ``less``.

    Returns
    -------
    float
        1 when no clip differs.

    Raises
    ------
    ShapeError
        Not one-dimensional, empty, or of different lengths.
    ParameterError
        A value is NaN or Inf, or `alternative` is another word.
    MissingDependency
        SciPy is not installed.

    Notes
    -----
    Wilcoxon (1945), by `scipy.stats.wilcoxon` with its defaults, which are those of SciPy 1.17
    here: clips that do not differ are left out; exact up to 50 clips (with ties or equal clips up
    to 13), else the normal approximation with tie correction and without continuity correction.
    The null hypothesis is that the differences are symmetric around 0.

    Examples
    --------
    >>> wilcoxon([2, 4, 6, 8, 10], [1, 2, 3, 4, 5], "greater")  # 1 of the 2**5 choices of signs
    0.03125
    """
    where = "wilcoxon"
    check_alternative(where, alternative)
    a, b = pairs_of(where, a, b, least=1)
    if not np.any(a - b):
        return 1.0
    stats = scipy_module(where, "stats")
    return float(stats.wilcoxon(a, b, alternative=alternative).pvalue)
