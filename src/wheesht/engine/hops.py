"""The engine fed with any number of samples: 16 kHz, one state per channel, delay taken out."""

import copy
import time

import numpy as np

from wheesht.audio.samples import SampleQueue
from wheesht.engine import _ext
from wheesht.engine.dial_log import DialLog
from wheesht.engine.governor import DialCap, Governor
from wheesht.engine.loading import LoadedModel
from wheesht.errors import ParameterError


class HopEngine:
    """Cut a multi-channel signal at the model's rate into hops and enhance them.

    Sample k of the output belongs to sample k of the input: the first `delay` samples, which
    the engine gives before anything real, are dropped. With a governor, every hop is timed.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        channels: int,
        isa: str,
        dial: str = "fixed",
        governor: Governor | None = None,
    ) -> None:
        if isa != "" and isa not in _ext.isa_names():
            raise ParameterError(
                f"isa: got {isa!r}, needs one of {', '.join(_ext.isa_names())}, or '' for the "
                f"fastest of them"
            )
        self._hop = loaded.spec.front_end.hop_length
        self._delay = loaded.spec.delay
        self._frames_per_second = loaded.spec.frames_per_second
        self._units = sum(loaded.spec.unit_counts)
        self._engines = [_ext.Stream(loaded.packed, isa) for _ in range(channels)]
        self._limits = loaded.spec.update_percent
        for engine in self._engines:
            engine.set_dial(dial, self._limits.min, self._limits.max)
        self._governor = governor
        self._log = DialLog(channels, self._frames_per_second)
        self._settings: tuple[float, float] | None = None  # in force in every engine
        self._waiting = SampleQueue(channels)
        self._to_drop = self._delay
        self._nanoseconds = 0
        self._cap = self._new_cap()

    @property
    def isa(self) -> str:
        """Name of the instruction set in use."""
        return self._engines[0].isa

    def process(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Enhance what makes whole hops.

        Parameters
        ----------
        x : ndarray of float32, shape (C, n)
            16 kHz; kept until it is used, so it must not be written to afterwards.

        Returns
        -------
        y : ndarray, shape (C, m)
            Enhanced samples, following on those of the call before.
        band_gain : ndarray, shape (C, k)
            Mean mask over the gain band in each frame completed by this call.
        """
        channels = len(self._engines)
        self._waiting.push(x)
        hops = len(self._waiting) // self._hop
        if not hops:
            empty = np.zeros((channels, 0), np.float32)
            return empty, empty
        whole = np.ascontiguousarray(self._waiting.take(hops * self._hop))
        started = time.perf_counter_ns()
        results = self._enhance(whole) if self._cap is None else self._enhance_in_time(whole)
        self._nanoseconds += time.perf_counter_ns() - started
        dropped = min(self._to_drop, hops * self._hop)
        self._to_drop -= dropped
        if channels == 1:
            y, band_gain = results[0]
            return y[None, dropped:], band_gain[None]
        enhanced = np.stack([y[dropped:] for y, _ in results])
        return enhanced, np.stack([band_gain for _, band_gain in results])

    def _enhance(self, whole: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Enhance whole hops, (C, n): for every channel its samples and band gains."""
        results = [engine.process(row) for engine, row in zip(self._engines, whole, strict=True)]
        percents = [engine.hop_percents() for engine in self._engines]
        self._log.push(list(zip(*percents, strict=True)))
        return results

    def _enhance_in_time(self, whole: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Do the same hop by hop, each at most as long as the governor allows."""
        assert self._cap is not None and self._governor is not None
        clock, hops = self._governor.clock, []
        for start in range(0, whole.shape[1], self._hop):
            began = clock()
            hops.append(self._enhance(whole[:, start : start + self._hop]))
            self._cap.after_hop(clock() - began, max(self._log.last))
            for engine in self._engines:
                engine.set_dial_cap(self._cap.percent)
        return [
            (np.concatenate([y for y, _ in channel]), np.concatenate([gain for _, gain in channel]))
            for channel in zip(*hops, strict=True)
        ]

    def _new_cap(self) -> DialCap | None:
        if self._governor is None:
            return None
        for engine in self._engines:
            engine.set_dial_cap(self._limits.max)
        hop_ns = 1e9 / self._frames_per_second
        return DialCap(hop_ns, self._governor.max_rtf, self._limits.min, self._limits.max)

    def dial_positions(self) -> np.ndarray:
        """Return P of the hops of the last minute, percent, (C, n)."""
        return self._log.positions()

    def apply(self, update_percent: float, min_gain: float) -> None:
        """Use these settings, already checked, in every channel from the next hop on.

        Parameters
        ----------
        update_percent : float
            Share of units that each step recomputes, percent.
        min_gain : float
            Smallest gain that the mask may reach, linear, 0 to 1.
        """
        if (update_percent, min_gain) == self._settings:
            return
        for engine in self._engines:
            engine.set_update_percent(update_percent)
            engine.set_min_gain(min_gain)
        self._settings = (update_percent, min_gain)

    def set_gain_band(self, first: int, count: int) -> None:
        """Set the bins of the mask whose mean `process` returns; at first the highest eighth."""
        for engine in self._engines:
            engine.set_gain_band(first, count)

    def reset(self) -> None:
        """Forget the past and the counts; settings stay."""
        for engine in self._engines:
            engine.reset()
        self._waiting.clear()
        self._to_drop = self._delay
        self._nanoseconds = 0
        self._log.clear()
        self._cap = self._new_cap()

    def copy(self) -> "HopEngine":
        """Return an independent engine in the same state."""
        twin = object.__new__(HopEngine)
        twin.__dict__.update(self.__dict__)
        twin._engines = [engine.clone() for engine in self._engines]
        twin._waiting = self._waiting.copy()
        twin._log = self._log.copy()
        twin._cap = copy.copy(self._cap)
        return twin

    def counts(self) -> dict[str, float]:
        """Return what was executed since the last reset, per channel (a mean over channels)."""
        channels = len(self._engines)
        hops = self._engines[0].hops()
        each = max(hops, 1) * channels
        updated = sum(sum(engine.updated_units()) for engine in self._engines)
        macs = sum(sum(engine.executed_macs()) for engine in self._engines)
        counts = {
            "hops": hops,
            "update_fraction": updated / (each * max(self._units, 1)),
            "executed_macs_per_second": macs / each * self._frames_per_second,
            "us_per_hop": self._nanoseconds / 1e3 / each,
            **self._log.summary(),
        }
        if self._cap is not None:
            counts["update_percent_cap"] = self._cap.percent
            counts["late_hops"] = self._cap.late_hops
            counts["longest_hop_us"] = self._cap.longest_ns / 1e3
        return counts
