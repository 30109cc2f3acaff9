"""Binomial test: that one of two answers comes up more often than a coin would have it."""

from wheesht.errors import ParameterError
from wheesht.statistics.checks import scipy_module


def binomial(successes: int, trials: int) -> float:
    """Return the two-sided p-value that each answer was as likely as the other.

    Parameters
    ----------
    successes, trials : int
        How often the first answer was given, of how many; 0 <= successes <= trials.

    Returns
    -------
    float
        Exact; 1 for no trials at all.

    Raises
    ------
    ParameterError
        The counts are not in order.
    MissingDependency
        SciPy is not installed.

    Examples
    --------
    >>> binomial(5, 5)
    0.0625
    """
    if not 0 <= successes <= trials:
        raise ParameterError(
            f"binomial: got {successes} of {trials}, needs 0 <= successes <= trials"
        )
    if trials == 0:
        return 1.0
    return float(scipy_module("binomial", "stats").binomtest(successes, trials, 0.5).pvalue)
