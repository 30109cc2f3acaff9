"""What a metric is, and the clip that it is taken of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.errors import WheeshtError

Measure = Callable[[Any, np.ndarray, int], Any]  # (clean, enhanced, sample_rate) -> value


class Signals:
    """One clip, about which nothing is worked out twice.

    Parameters
    ----------
    clean : ndarray, shape (N,), or None
        None for metrics that need none.
    enhanced : ndarray, shape (N,)
        Full scale 1.0.
    sample_rate : int
        In Hz.
    """

    def __init__(
        self, clean: np.ndarray | None, enhanced: np.ndarray, sample_rate: int = 16000
    ) -> None:
        self.clean, self.enhanced, self.sample_rate = clean, enhanced, sample_rate
        self._values: dict[Measure, Any] = {}
        self._errors: dict[Measure, WheeshtError] = {}

    def once(self, measure: Measure) -> Any:
        """Return ``measure(clean, enhanced, sample_rate)``, computed at the first call.

        Raises
        ------
        WheeshtError
            What `measure` raised, again at every call.
        """
        if measure in self._errors:
            raise self._errors[measure]
        if measure not in self._values:
            try:
                self._values[measure] = measure(self.clean, self.enhanced, self.sample_rate)
            except WheeshtError as error:
                self._errors[measure] = error
                raise
        return self._values[measure]


@dataclass(frozen=True)
class Metric:
    """One measure: what it is called, what its numbers mean, and how it is taken.

    Parameters
    ----------
    name : str
        Key in `METRICS` and column in tables.
    label : str
        For people.
    unit : str
        ``dB``, ``MOS`` and so on; empty when it has none.
    low, high : float
        Ends of the scale. (E)STOI of unrelated signals falls just below.
    better : str
        ``higher``, or empty when it says nothing about quality.
    needs_clean : bool
        Whether it compares with a clean signal.
    source : str
        Standard or paper.
    measure : callable
        Takes `Signals`, returns the value.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    better: str
    needs_clean: bool
    source: str
    measure: Callable[[Signals], float]

    def __call__(
        self, clean: np.ndarray | None, enhanced: np.ndarray, sample_rate: int = 16000
    ) -> float:
        """Score one clip.

        Parameters
        ----------
        clean : ndarray, shape (N,), or None
            Ignored unless `needs_clean`.
        enhanced : ndarray, shape (N,)
            Aligned with `clean`, full scale 1.0.
        sample_rate : int
            In Hz.

        Raises
        ------
        WheeshtError
            One of its kinds, when there is no score; the metric's own file says which.
        """
        return self.measure(Signals(clean, enhanced, sample_rate))
