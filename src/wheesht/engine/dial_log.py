"""Where the dial stood: the last minute hop by hop, and a summary of all hops."""

import math
from collections import deque

import numpy as np

KEPT_SECONDS = 60  # of hops, per channel


class DialLog:
    """Record of P per hop, percent, for every channel of a stream.

    Parameters
    ----------
    channels : int
        C.
    frames_per_second : float
        Hops in a second of audio.
    """

    def __init__(self, channels: int, frames_per_second: float) -> None:
        self._channels = channels
        self._kept_hops = round(KEPT_SECONDS * frames_per_second)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._kept: deque[tuple[float, ...]] = deque(maxlen=self._kept_hops)
        self._sum = 0.0
        self._count = 0
        self._low, self._high = math.inf, 0.0

    def push(self, percents: list[tuple[float, ...]]) -> None:
        """Append hops, each with P of every channel."""
        for hop in percents:
            self._sum += sum(hop)
            self._low, self._high = min(self._low, *hop), max(self._high, *hop)
        self._count += len(percents) * self._channels
        self._kept.extend(percents)

    @property
    def last(self) -> tuple[float, ...]:
        """P of the last hop, percent, one for each channel; there must have been one."""
        return self._kept[-1]

    def positions(self) -> np.ndarray:
        """Return P of the hops of the last minute, percent, shape (C, n)."""
        return np.array(self._kept, np.float64).reshape(-1, self._channels).T.copy()

    def summary(self) -> dict[str, float]:
        """Return mean, least, largest and last P, over channels and hops; zeros before a hop."""
        if not self._count:
            keys = ("mean", "min", "max", "last")
            return {f"update_percent_{key}": 0.0 for key in keys}
        return {
            "update_percent_mean": self._sum / self._count,
            "update_percent_min": self._low,
            "update_percent_max": self._high,
            "update_percent_last": sum(self._kept[-1]) / self._channels,
        }

    def copy(self) -> "DialLog":
        """Return an independent copy."""
        twin = object.__new__(DialLog)
        twin.__dict__.update(self.__dict__)
        twin._kept = self._kept.copy()
        return twin
