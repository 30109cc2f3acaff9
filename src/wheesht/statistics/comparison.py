"""All that two sets of scores, or several, say about each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics.bootstrap import Interval, paired_interval
from wheesht.statistics.checks import pairs_of
from wheesht.statistics.difference import mann_whitney, wilcoxon
from wheesht.statistics.equivalence import equivalence
from wheesht.statistics.multiple import holm

TESTS = (  # the fields of `Comparison` after the first, in order
    "p_mann_whitney",
    "p_mann_whitney_one_sided",
    "p_wilcoxon",
    "p_equivalence",
)


@dataclass(frozen=True)
class Comparison:
    """What the scores of the same clips under two settings, `a` and `b`, say.

    Attributes
    ----------
    difference : Interval
        Mean of ``a - b`` and its 95 % paired bootstrap interval.
    p_mann_whitney : float
        Two-sided, unpaired.
    p_mann_whitney_one_sided : float
        Unpaired, of "a is higher": near 1 where b is.
    p_wilcoxon : float
        Two-sided, paired.
    p_equivalence : float
        Small where the mean difference is within the margin.
    """

    difference: Interval
    p_mann_whitney: float
    p_mann_whitney_one_sided: float
    p_wilcoxon: float
    p_equivalence: float


@dataclass(frozen=True)
class Comparisons:
    """Every pair of several settings, compared.

    Attributes
    ----------
    names : tuple of str
        The settings, in the order given.
    margin : float
        Of the equivalence test, in the unit of the scores.
    pairs : tuple of (str, str)
        ``(names[i], names[j])`` for all i < j, in order; the first is `a`.
    raw, corrected : tuple of Comparison
        One for each pair; in `corrected` each kind of p-value is Holm's over all pairs.
    """

    names: tuple[str, ...]
    margin: float
    pairs: tuple[tuple[str, str], ...]
    raw: tuple[Comparison, ...]
    corrected: tuple[Comparison, ...]

    def matrix(self, test: str, corrected: bool = False) -> np.ndarray:
        """Return the p-values of one test as a table, shape (K, K).

        Parameters
        ----------
        test : str
            One of `TESTS`.
        corrected : bool
            Whether Holm's correction is applied.

        Returns
        -------
        ndarray
            Row i, column j > i holds the comparison of ``names[i]`` with ``names[j]``; the rest
            is NaN.

        Raises
        ------
        ParameterError
            There is no such test.
        """
        if test not in TESTS:
            raise ParameterError(f"matrix: got {test!r}, needs one of {', '.join(TESTS)}")
        table = np.full((len(self.names), len(self.names)), np.nan)
        rows, columns = np.triu_indices(len(self.names), 1)  # the order of `pairs`
        chosen = self.corrected if corrected else self.raw
        table[rows, columns] = [getattr(comparison, test) for comparison in chosen]
        return table


def compare(a: ArrayLike, b: ArrayLike, margin: float) -> Comparison:
    """Compare two settings on the same clips.

    Parameters
    ----------
    a, b : array_like, shape (N,)
        Scores of the same clips in the same order, N >= 2.
    margin : float
        The smallest mean difference that would matter, in the unit of the scores, > 0.

    Returns
    -------
    Comparison

    Raises
    ------
    ShapeError, ParameterError, MissingDependency
        As `wheesht.statistics.equivalence`.

    Notes
    -----
    The tests that the evaluation reports side by side: Mann-Whitney because the D-GRU paper used
    it, Wilcoxon and the paired interval because the clips are the same, equivalence because "not
    significant" is not "equal".
    """
    a, b = pairs_of("compare", a, b, least=2)
    return Comparison(
        difference=paired_interval(a, b),
        p_mann_whitney=mann_whitney(a, b),
        p_mann_whitney_one_sided=mann_whitney(a, b, "greater"),
        p_wilcoxon=wilcoxon(a, b),
        p_equivalence=equivalence(a, b, margin),
    )


def compare_all(named: Mapping[str, ArrayLike], margin: float) -> Comparisons:
    """Compare every pair of several settings on the same clips, as the D-GRU paper's Table 2.

    Parameters
    ----------
    named : mapping of str to array_like, shape (N,)
        Scores of the same clips in the same order, N >= 2, for two settings or more. In a pair
        the one that comes first is `a`: give the highest update percentage first.
    margin : float
        The smallest mean difference that would matter, in the unit of the scores, > 0.

    Returns
    -------
    Comparisons

    Raises
    ------
    ShapeError
        Fewer than two settings; else as `compare`.
    ParameterError, MissingDependency
        As `compare`.
    """
    if len(named) < 2:
        raise ShapeError(f"compare_all: got {len(named)} setting(s), needs two or more to compare")
    pairs = tuple(combinations(named, 2))
    raw = tuple(compare(named[a], named[b], margin) for a, b in pairs)
    columns = {test: holm([getattr(row, test) for row in raw]) for test in TESTS}
    corrected = tuple(
        Comparison(row.difference, *(float(columns[test][i]) for test in TESTS))
        for i, row in enumerate(raw)
    )
    return Comparisons(tuple(named), margin, pairs, raw, corrected)
