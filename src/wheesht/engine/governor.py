"""The deadline governor: less compute per hop while hops come late, more when there is room."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wheesht.errors import ParameterError

DECREASE = 0.7  # of P, at every late hop: from 100 to 10 in seven hops
INCREASE = 1.0  # points of P per hop: back from 10 to 100 in 0.9 s at hops of 10 ms
CALM_HOPS = 25  # that must have had room before P rises; 0.25 s at hops of 10 ms
HEADROOM = 0.8  # of the deadline: P rises below it and falls above the deadline; hysteresis


@dataclass(frozen=True)
class Governor:
    """Keep the compute time of every hop below a deadline by turning the dial down.

    Given to a `Stream`, which then measures each hop. It only ever lowers the dial: the caller's
    P, or the one that the stream chooses from hop to hop, is cut at a cap. It drops no samples,
    whatever the load: when the cap stands at the model's least P, hops are late.

    Parameters
    ----------
    max_rtf : float
        The deadline as a real-time factor: most that a hop may take, all channels together, over
        its own duration; above 0, at most 1. 0.5 is 5 ms for hops of 10 ms.
    clock : callable
        Monotonic time in nanoseconds.

    Raises
    ------
    ParameterError
        `max_rtf` is outside its range, or `clock` cannot be called.

    Notes
    -----
    Additive increase, multiplicative decrease (Chiu and Jain 1989), of the lag of a hop: its own
    time, plus what hops before it have left over, were they to arrive one after another at the
    rate of the signal (Lindley's recursion). A hop whose lag is over the deadline is late, and
    each late hop multiplies the cap by 0.7. While the last 25 hops have had lags of at most 80 % of
    the deadline, the cap rises by one point a hop. A steady load therefore ends at a steady cap,
    unless a single point of P costs more than the 20 % in between.

    Examples
    --------
    >>> Governor(max_rtf=0.25).max_rtf
    0.25
    """

    max_rtf: float = 0.5
    clock: Callable[[], int] = time.perf_counter_ns

    def __post_init__(self) -> None:
        """Check the deadline and the clock."""
        numbers = int | float | np.integer | np.floating
        number = isinstance(self.max_rtf, numbers) and not isinstance(self.max_rtf, bool)
        if not (number and 0.0 < self.max_rtf <= 1.0):
            raise ParameterError(
                f"Governor: got max_rtf {self.max_rtf!r}, needs above 0, at most 1, the share of "
                f"a hop's duration that computing it may take"
            )
        object.__setattr__(self, "max_rtf", float(self.max_rtf))  # not a float32 of numpy
        if not callable(self.clock):
            raise ParameterError(
                f"Governor: got clock {self.clock!r}, needs a function without arguments that "
                f"returns nanoseconds; leave it out for the machine's own"
            )


class DialCap:
    """The cap of one running stream, from hop to hop.

    Parameters
    ----------
    hop_ns : float
        Duration of a hop, nanoseconds.
    max_rtf : float
        As in `Governor`.
    low, high : float
        Range of the model's dial, percent; the cap starts at `high`.
    """

    def __init__(self, hop_ns: float, max_rtf: float, low: float, high: float) -> None:
        self._hop = hop_ns
        self._deadline = max_rtf * hop_ns
        self._low, self._high = low, high
        self.percent = high
        self.late_hops = 0
        self.longest_ns = 0  # time of a single hop
        self._lag = 0.0
        self._calm = 0  # hops in a row that had room

    def after_hop(self, took_ns: int, percent: float) -> None:
        """Learn how long a hop took in all channels, at which P, and set the cap for the next."""
        self.longest_ns = max(self.longest_ns, took_ns)
        self._lag = max(self._lag - self._hop, 0.0) + took_ns
        if self._lag > self._deadline:
            self.late_hops += 1
            self.percent = max(DECREASE * min(self.percent, percent), self._low)
        self._calm = self._calm + 1 if self._lag <= HEADROOM * self._deadline else 0
        if self._calm >= CALM_HOPS:
            self.percent = min(self.percent + INCREASE, self._high)
