"""Test of equivalence: that the mean difference is smaller than one that matters."""

import math

from numpy.typing import ArrayLike

from wheesht.errors import ParameterError
from wheesht.statistics.checks import pairs_of, scipy_module


def equivalence(a: ArrayLike, b: ArrayLike, margin: float) -> float:
    """Return the p-value of two one-sided paired t tests against ``+-margin``.

    Parameters
    ----------
    a, b : array_like, shape (N,)
        Scores of the same clips in the same order, N >= 2.
    margin : float
        The smallest mean difference that would matter, in the unit of the scores, > 0; chosen
        before looking at them.

    Returns
    -------
    float
        Below 0.05: the mean of ``a - b`` lies within ``+-margin``, at the 5 % level. Above:
        equivalence is not shown, which is not the same as a difference.

    Raises
    ------
    ShapeError
        Not one-dimensional, fewer than two values, or of different lengths.
    ParameterError
        A value is NaN or Inf, or `margin` is not a positive number.
    MissingDependency
        SciPy is not installed.

    Notes
    -----
    Schuirmann, "A comparison of the two one-sided tests procedure and the power approach" (1987):
    p is the larger of the p-values against ``mean(a - b) <= -margin`` and ``>= margin``; p < 0.05
    exactly when the 90 % t interval of the difference lies inside the margin. The t test is used
    because the margin is one of *means*, which is what tables show; signed ranks would speak of
    the middle of the distribution. Means of 26 or more differences are close enough to normal for
    it, see ``benchmarks/false_positive_rates.py``.

    When every difference is the same number d there is no spread to test with, and the limit of a
    vanishing one is taken: 0 where ``|d| < margin``, else 1.

    Examples
    --------
    >>> equivalence([2.5, 2.5, 2.5], [2.5, 2.5, 2.5], margin=0.05)
    0.0
    """
    where = "equivalence"
    a, b = pairs_of(where, a, b, least=2)
    if not (math.isfinite(margin) and margin > 0):
        raise ParameterError(
            f"{where}: got margin {margin}, needs a positive number in the unit of the scores, "
            f"such as 0.05 for PESQ"
        )
    differences = a - b
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if error == 0:
        return 0.0 if abs(mean) < margin else 1.0
    student = scipy_module(where, "special").stdtr  # its distribution function
    freedom = len(differences) - 1
    too_low = student(freedom, -(margin + mean) / error)
    too_high = student(freedom, -(margin - mean) / error)
    return float(max(too_low, too_high))
