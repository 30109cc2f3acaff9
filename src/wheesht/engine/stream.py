"""The stream: samples in, enhanced samples out, in chunks of any length, at any sample rate."""

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np

from wheesht.audio.rates import check_rate
from wheesht.audio.samples import to_float32
from wheesht.engine.governor import Governor
from wheesht.engine.hops import HopEngine
from wheesht.engine.loading import load_model
from wheesht.engine.rate_bridge import RateBridge, gain_band, stream_lags
from wheesht.engine.settings import check_strength_db, check_update_percent, min_gain
from wheesht.errors import ParameterError, ShapeError, StateError
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import DIALS, ModelSpec, UpdatePercent

MAX_CHANNELS = 64  # a guard against swapped axes
PIECE_SECONDS = 1  # longer chunks are cut, so that working memory does not grow with them


class Stream:
    """One running enhancer with its state; use it as a context manager or call `close`.

    Parameters
    ----------
    model : str, path or Bundle
        Name of a shipped model, ``default``, or a bundle file.
    sample_rate : int
        Of input and output, Hz, 8000 to 192000. At the model's own rate (16000) nothing is
        resampled; at others, what the model cannot hear is turned down like the bands nearest
        below it.
    channels : int
        Channels, 1 to 64, each enhanced on its own.
    update_percent : float, optional
        The dial: share of the units that each step recomputes, in percent, within the model's
        range; None takes the model's default.
    strength_db : float, optional
        Most that any frequency may be attenuated, dB, 0 or more; None sets no limit.
    isa : str, optional
        Instruction set of the engine; None or empty takes the fastest this machine has.
    dial : str
        ``fixed``: every hop has that P. Or what P follows from hop to hop, `update_percent` being
        its mean: ``level``, the mean log power; ``flux``, its change (equations G7 to G9). P moves
        as far down as up, so at a limit of the model's range it stands still.
    governor : Governor, optional
        Turns the dial further down while hops come late; None never measures and never does.

    Raises
    ------
    BundleError
        The model is unknown or damaged.
    ParameterError
        A setting is out of range or of the wrong type.

    Notes
    -----
    Different streams are independent. Of one stream, `update_percent` and `strength_db` may be
    set and read, and its other properties be read, from any thread at any time: a slider may move
    while another thread processes. `process`, `flush`, `reset` and `clone` are refused while
    another of them runs; `stats` belongs to the thread that calls them.

    NaN and infinite samples count as silence, and samples are limited to +-1e6.

    Examples
    --------
    >>> with Stream(sample_rate=48000, update_percent=25) as stream:
    ...     parts = [stream.process(np.zeros(480)) for _ in range(100)]
    ...     parts.append(stream.flush())
    >>> sum(len(part) for part in parts)
    48000
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Bundle = "default",
        sample_rate: int = 16000,
        channels: int = 1,
        update_percent: float | None = None,
        strength_db: float | None = None,
        isa: str | None = None,
        dial: str = "fixed",
        governor: Governor | None = None,
    ) -> None:
        loaded = load_model(model)
        self._spec = loaded.spec
        self._rate = check_rate("Stream", _as_whole(sample_rate))
        self._channels = _check_channels(channels)
        _check_dial(self._spec.update_percent, dial, governor)
        self._engine = HopEngine(loaded, self._channels, "" if isa is None else isa, dial, governor)
        self._bridge = None
        if self._rate != self._spec.sample_rate:
            self._bridge = RateBridge(self._spec, self._rate, self._channels)
            self._engine.set_gain_band(*gain_band(self._spec, self._rate))
        default = self._spec.update_percent.default
        self.update_percent = default if update_percent is None else update_percent
        self.strength_db = strength_db
        self._closed = False
        self._lock = threading.Lock()  # held inside the calls that touch the state
        self._start()

    def _start(self) -> None:
        self._fed = self._given = 0  # samples per channel
        self._nanoseconds = 0
        self._flat = self._channels == 1  # whether the last chunk was (n,)
        self._flushed = False

    def __enter__(self) -> Self:
        """Return the stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the stream; flush it before, inside the context."""
        self.close()

    def close(self) -> None:
        """End the stream; what was not flushed is lost. May be called again."""
        self._closed = True

    @property
    def spec(self) -> ModelSpec:
        """Description of the model."""
        return self._spec

    @property
    def sample_rate(self) -> int:
        """Rate of input and output, Hz."""
        return self._rate

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    @property
    def isa(self) -> str:
        """Instruction set that the engine uses."""
        return self._engine.isa

    @property
    def delay(self) -> int:
        """Least number of samples by which the output stays behind the input.

        Once output has begun, and after any number n of samples was fed, at most ``n - delay``
        have come out. In samples at the stream's rate; 256 (16 ms) at 16 kHz with the default
        model.
        """
        return stream_lags(self._spec, self._rate)[0]

    @property
    def latency_samples(self) -> int:
        """Samples to feed, counted from a sample on, until that sample has come out.

        After n samples at least ``n - latency_samples`` have come out, for every n and however
        they were chunked. In samples at the stream's rate, compute time excluded; 512 (32 ms) at
        16 kHz with the default model, and exact there. Other rates add the resamplers' latency,
        measured on the resamplers themselves when it is first asked for, which takes some tenths of
        a second once per rate and process.
        """
        return stream_lags(self._spec, self._rate)[1]

    @property
    def update_percent(self) -> float:
        """The dial P in percent, as set last: of every hop, or the mean that `dial` keeps.

        May be set at any time from any thread. It holds for all channels alike, from the next
        call of `process` or `flush` on; in a chunk of more than a second, from its next second.
        """
        return self._update_percent

    @update_percent.setter
    def update_percent(self, value: float) -> None:
        self._update_percent = check_update_percent(self._spec.update_percent, value)

    @property
    def strength_db(self) -> float | None:
        """Limit of the attenuation in dB, or None; set and applied like `update_percent`."""
        return self._strength_db

    @strength_db.setter
    def strength_db(self, value: float | None) -> None:
        self._strength_db = check_strength_db(value)

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """Take the next samples and return those that are ready.

        Parameters
        ----------
        chunk : ndarray, shape (n,) for one channel, or (channels, n)
            Any length, 0 included; floating point with full scale 1.0, int16 or int32. Not
            modified, and free to be reused afterwards.

        Returns
        -------
        ndarray of float32, shape (m,) or (channels, m) as `chunk`
            All returned samples in order, with those of `flush`, line up with the input.

        Raises
        ------
        ShapeError
            Wrong number of dimensions or channels, or wrong element type.
        StateError
            After `flush` or `close`, or while another thread is inside a call of this stream.
        """
        x = to_float32("Stream.process", chunk)
        flat = x.ndim == 1
        if flat:
            x = x[None]
        if x.ndim != 2 or x.shape[0] != self._channels:
            raise ShapeError(
                f"Stream.process: got shape {np.shape(chunk)}, needs "
                f"{'(samples,) or ' if self._channels == 1 else ''}({self._channels}, samples); "
                f"transpose the chunk, or make the stream with as many channels"
            )
        with self._alone("process"):
            self._check_running("process")
            self._flat = flat
            y = self._feed(x)
        return y[0] if flat else y

    def _feed(self, x: np.ndarray) -> np.ndarray:
        started = time.perf_counter_ns()
        piece = PIECE_SECONDS * self._rate
        # Copies, because what does not fill a hop is kept and the caller may reuse the chunk.
        ready = [
            self._advance(x[:, i : i + piece].copy()) for i in range(0, max(x.shape[1], 1), piece)
        ]
        self._fed += x.shape[1]
        y = ready[0] if len(ready) == 1 else np.concatenate(ready, axis=1)
        self._given += y.shape[1]
        self._nanoseconds += time.perf_counter_ns() - started
        return y

    def flush(self) -> np.ndarray:
        """Return the rest, so that as many samples came out as went in; ends the signal.

        Returns
        -------
        ndarray of float32, shape (m,) or (channels, m) as the last chunk

        Raises
        ------
        StateError
            After another `flush` or `close`, or while another thread is inside a call of this
            stream.
        """
        with self._alone("flush"):
            self._check_running("flush")
            rest = self._drain()
            return rest[0] if self._flat else rest

    def _drain(self) -> np.ndarray:
        started = time.perf_counter_ns()
        silence = np.zeros((self._channels, math.ceil(self._rate / 100)), np.float32)
        ready = [silence[:, :0]]
        missing = self._fed - self._given
        while missing > 0:
            y = self._advance(silence)[:, :missing]
            ready.append(y)
            missing -= y.shape[1]
        self._given = self._fed
        self._flushed = True
        self._nanoseconds += time.perf_counter_ns() - started
        return np.concatenate(ready, axis=1)

    def reset(self) -> None:
        """Start a new signal: forget state and counts, keep the settings.

        Raises
        ------
        StateError
            After `close`, or while another thread is inside a call of this stream.
        """
        with self._alone("reset"):
            if self._closed:
                raise StateError("Stream.reset: the stream is closed; make a new one")
            self._engine.reset()
            if self._bridge is not None:
                self._bridge.reset()
            self._start()

    def clone(self) -> "Stream":
        """Return an independent stream in the same state, to try two continuations.

        Raises
        ------
        ParameterError
            The stream resamples: the state of a resampler cannot be copied.
        StateError
            After `flush` or `close`, or while another thread is inside a call of this stream.
        """
        with self._alone("clone"):
            self._check_running("clone")
            if self._bridge is not None:
                raise ParameterError(
                    f"Stream.clone: the stream runs at {self._rate} Hz, needs "
                    f"{self._spec.sample_rate} Hz because a resampler's state cannot be copied; "
                    f"resample outside the stream"
                )
            twin = object.__new__(Stream)
            twin.__dict__.update(self.__dict__)
            twin._engine = self._engine.copy()
        twin._lock = threading.Lock()
        return twin

    def stats(self) -> dict[str, float]:
        """Return what was executed since the stream began or was reset.

        Returns
        -------
        dict
            ``hops`` per channel; ``update_fraction`` 0 to 1, measured; MACs really executed per
            second of audio and channel, ``executed_macs_per_second``; mean time of the engine per
            hop and channel, ``us_per_hop``; ``rtf``, all time spent in `process`
            and `flush` over the duration of the audio, all channels together; P of the hops as
            ``update_percent_mean``, ``_min``, ``_max`` and ``_last``, over all channels. With a
            governor also its cap on P, ``update_percent_cap``, the number of ``late_hops``, and
            the time of the longest hop in all channels, ``longest_hop_us``.
        """
        counts = self._engine.counts()
        seconds = self._fed / self._rate
        counts["rtf"] = self._nanoseconds / 1e9 / seconds if seconds else 0.0
        return counts

    def dial_positions(self) -> np.ndarray:
        """Return P of every hop of the last minute.

        Returns
        -------
        ndarray of float64, shape (channels, n)
            Percent, in order; n is the number of hops so far, at most those of a minute: 6000 of
            10 ms (``gru``), 3750 of 16 ms (``default``).
        """
        return self._engine.dial_positions()

    def _advance(self, x: np.ndarray) -> np.ndarray:
        """Enhance samples at the stream's rate, shape (C, n), that nobody else will write to."""
        # Read here and nowhere else, so that all channels get the same setting.
        self._engine.apply(self._update_percent, min_gain(self._strength_db))
        if self._bridge is None:
            return self._engine.process(x)[0]
        return self._bridge.process(x, self._engine)

    @contextmanager
    def _alone(self, call: str) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise StateError(
                f"Stream.{call}: another thread is inside a call of this stream; wait for it, or "
                f"give each thread a stream of its own"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _check_running(self, call: str) -> None:
        if self._closed:
            raise StateError(f"Stream.{call}: the stream is closed; make a new one")
        if self._flushed:
            raise StateError(
                f"Stream.{call}: the stream was flushed, so this signal has ended; call reset() "
                f"to begin another"
            )


def _check_channels(channels: object) -> int:
    is_whole = isinstance(channels, int | np.integer) and not isinstance(channels, bool)
    if not (is_whole and 1 <= int(channels) <= MAX_CHANNELS):  # type: ignore[call-overload]
        raise ParameterError(f"Stream: got {channels!r} channels, needs 1 to {MAX_CHANNELS}")
    return int(channels)  # type: ignore[call-overload]


def _check_dial(limits: UpdatePercent, dial: object, governor: object) -> None:
    if dial not in DIALS:
        raise ParameterError(f"dial: got {dial!r}, needs one of {', '.join(DIALS)}")
    if governor is not None and not isinstance(governor, Governor):
        raise ParameterError(f"governor: got {governor!r}, needs a Governor or None")
    if (dial != "fixed" or governor is not None) and limits.min == limits.max:
        raise ParameterError(
            f"dial, governor: the dial of this model stands at {limits.max:g} percent and cannot "
            f"be turned; leave them out"
        )


def _as_whole(value: object) -> object:
    """Return an integral float as an int, and anything else as it is."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return int(value) if whole else value  # type: ignore[call-overload]
