"""What scores of the same clips can and cannot tell: intervals and tests.

numpy in, floats out; SciPy, for the distributions, is loaded when a test is called.
"""

from wheesht.statistics.bootstrap import Interval, mean_interval, paired_interval
from wheesht.statistics.comparison import Comparison, Comparisons, compare, compare_all
from wheesht.statistics.crossed import crossed_interval
from wheesht.statistics.difference import mann_whitney, wilcoxon
from wheesht.statistics.equivalence import equivalence
from wheesht.statistics.multiple import holm
from wheesht.statistics.preference import binomial

__all__ = [
    "Comparison",
    "Comparisons",
    "Interval",
    "binomial",
    "compare",
    "compare_all",
    "crossed_interval",
    "equivalence",
    "holm",
    "mann_whitney",
    "mean_interval",
    "paired_interval",
    "wilcoxon",
]
