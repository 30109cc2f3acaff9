"""The stream: samples in, enhanced samples out, in chunks of any length, at any sample rate."""

import math
import os
import time
from functools import lru_cache
from types import TracebackType
from typing import Self

import numpy as np

from wheesht.audio.rates import RateConverter, check_rate
from wheesht.audio.samples import SampleQueue, to_float32, without_hostile_samples
from wheesht.engine.high_band import HighBand
from wheesht.engine.hops import HopEngine
from wheesht.engine.loading import load_model
from wheesht.errors import ParameterError, ShapeError, StateError
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import ModelSpec, UpdatePercent

MAX_CHANNELS = 64  # a guard against swapped axes
BLOCKS_PER_SECOND = 200  # in which other rates go to the resampler: 5 ms each
PIECE_SECONDS = 1  # longer chunks are cut, so that working memory does not grow with them
LATENCY_PROBE_SECONDS = 4  # after which the lag of a resampler has shown its extremes


class Stream:
    """One running enhancer with its state; use it as a context manager or call `close`.

    Parameters
    ----------
    model : str, path or Bundle
        Name of a shipped model, ``default``, or a bundle file.
    sample_rate : int
        Of input and output, Hz, 8000 to 192000. At the model's own rate (16000) nothing is
        resampled; above it, what the model cannot hear is turned down like its highest bands.
    channels : int
        Channels, 1 to 64, each enhanced on its own.
    update_percent : float, optional
        The dial: share of the units that each step recomputes, in percent, within the model's
        range; None takes the model's default.
    strength_db : float, optional
        Most that any frequency may be attenuated, dB, 0 or more; None sets no limit.
    isa : str
        Instruction set of the engine; empty takes the fastest this machine has.

    Raises
    ------
    BundleError
        The model is unknown or damaged.
    ParameterError
        A setting is out of range.

    Notes
    -----
    One stream belongs to one thread at a time; different streams are independent. A chunk with
    NaN or infinite samples counts as silence there, and samples are limited to +-1e6.

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
        isa: str = "",
    ) -> None:
        loaded = load_model(model)
        self._spec = loaded.spec
        self._rate = check_rate("Stream", sample_rate)
        self._channels = _check_channels(channels)
        self._engine = HopEngine(loaded, self._channels, isa)
        self._bridge = None
        if self._rate != self._spec.sample_rate:
            self._bridge = _RateBridge(self._spec, self._rate, self._channels)
        self.update_percent = (
            self._spec.update_percent.default if update_percent is None else (update_percent)
        )
        self.strength_db = strength_db
        self._closed = False
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
        have come out. In samples at the stream's rate; 160 (10 ms) at 16 kHz.
        """
        return _lags(self._spec, self._rate)[0]

    @property
    def latency_samples(self) -> int:
        """Samples to feed, counted from a sample on, until that sample has come out.

        After n samples at least ``n - latency_samples`` have come out, for every n and however
        they were chunked. In samples at the stream's rate, compute time excluded; 320 (20 ms)
        at 16 kHz, where it is exact. Other rates add the resamplers' latency, measured on the
        resamplers themselves, plus one block of 5 ms for safety.
        """
        return _lags(self._spec, self._rate)[1]

    @property
    def update_percent(self) -> float:
        """The dial P in percent; may be set while running and holds from the next hop on."""
        return self._update_percent

    @update_percent.setter
    def update_percent(self, value: float) -> None:
        self._update_percent = _check_update_percent(self._spec.update_percent, value)
        self._engine.set_update_percent(self._update_percent)

    @property
    def strength_db(self) -> float | None:
        """Limit of the attenuation in dB, or None; may be set while running."""
        return self._strength_db

    @strength_db.setter
    def strength_db(self, value: float | None) -> None:
        self._engine.set_min_gain(_min_gain(value))
        self._strength_db = None if value is None else float(value)

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
            After `flush` or `close`.
        """
        self._check_running("process")
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
        self._flat = flat
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
        return y[0] if flat else y

    def flush(self) -> np.ndarray:
        """Return the rest, so that as many samples came out as went in; ends the signal.

        Returns
        -------
        ndarray of float32, shape (m,) or (channels, m) as the last chunk

        Raises
        ------
        StateError
            After another `flush`, or after `close`.
        """
        self._check_running("flush")
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
        rest = np.concatenate(ready, axis=1)
        return rest[0] if self._flat else rest

    def reset(self) -> None:
        """Start a new signal: forget state and counts, keep the settings."""
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
        """
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
        return twin

    def stats(self) -> dict[str, float]:
        """Return what was executed since the stream began or was reset.

        Returns
        -------
        dict
            ``hops`` per channel; ``update_fraction`` 0 to 1, measured; MACs really executed per
            second of audio and channel, ``executed_macs_per_second``; mean time of the engine per
            hop and channel, ``us_per_hop``; ``rtf``, all time spent in `process`
            and `flush` over the duration of the audio, all channels together.
        """
        counts = self._engine.counts()
        seconds = self._fed / self._rate
        counts["rtf"] = self._nanoseconds / 1e9 / seconds if seconds else 0.0
        return counts

    def _advance(self, x: np.ndarray) -> np.ndarray:
        """Enhance samples at the stream's rate, shape (C, n), that nobody else will write to."""
        if self._bridge is None:
            return self._engine.process(x)[0]
        return self._bridge.process(x, self._engine)

    def _check_running(self, call: str) -> None:
        if self._closed:
            raise StateError(f"Stream.{call}: the stream is closed; make a new one")
        if self._flushed:
            raise StateError(
                f"Stream.{call}: the stream was flushed, so this signal has ended; call reset() "
                f"to begin another"
            )


class _RateBridge:
    """Takes a signal at another rate to the engine and back."""

    def __init__(self, spec: ModelSpec, sample_rate: int, channels: int) -> None:
        self._channels = channels
        block = math.ceil(sample_rate / BLOCKS_PER_SECOND)
        self._down = RateConverter(sample_rate, spec.sample_rate, channels, block)
        self._at_model_rate = SampleQueue(channels)
        self._high = None
        hop = spec.front_end.hop_length
        if sample_rate > spec.sample_rate:
            self._high = HighBand(sample_rate, spec.sample_rate, hop, channels)
        back = channels if self._high is None else 2 * channels
        self._up = RateConverter(spec.sample_rate, sample_rate, back, hop)

    def process(self, x: np.ndarray, engine: HopEngine) -> np.ndarray:
        x = without_hostile_samples(x)
        low = self._down.process(x)
        y, top_gain = engine.process(low)
        if self._high is None:
            return self._up.process(y)
        self._high.push(x)
        self._high.push_gains(top_gain)
        self._at_model_rate.push(low)
        pair = np.concatenate([y, self._at_model_rate.take(y.shape[1])])  # (2C, m)
        back = self._up.process(pair)
        return back[: self._channels] + self._high.take(back[self._channels :])

    def reset(self) -> None:
        self._down.reset()
        self._up.reset()
        self._at_model_rate.clear()
        if self._high is not None:
            self._high.reset()


def _lags(spec: ModelSpec, sample_rate: int) -> tuple[int, int]:
    """Return `delay` and `latency_samples` of a stream, in samples at its rate."""
    if sample_rate == spec.sample_rate:
        return spec.delay, spec.latency_samples
    return _resampled_lags(spec.sample_rate, spec.front_end.hop_length, spec.delay, sample_rate)


@lru_cache(maxsize=16)
def _resampled_lags(
    model_rate: int, hop_length: int, delay: int, sample_rate: int
) -> tuple[int, int]:
    """Feed silence through the two resamplers and count what comes out and when."""
    block = math.ceil(sample_rate / BLOCKS_PER_SECOND)
    down = RateConverter(sample_rate, model_rate, 1, block)
    up = RateConverter(model_rate, sample_rate, 1, hop_length)
    silence = np.zeros((1, block), np.float32)
    arrived = passed = given = 0  # at the engine; through it; out of the stream
    lags = []
    for blocks in range(1, LATENCY_PROBE_SECONDS * BLOCKS_PER_SECOND + 1):
        arrived += down.process(silence).shape[1]
        ready = max(arrived // hop_length * hop_length - delay, 0)
        given += up.process(np.zeros((1, ready - passed), np.float32)).shape[1]
        passed = ready
        if given:
            lags.append(blocks * block - given)
    # Output comes only when a block is full, so up to block - 1 further samples wait. One more
    # block for block sizes that do not fit each other and drift for minutes.
    return max(min(lags) - block, 0), max(lags) + 2 * block


def _check_channels(channels: object) -> int:
    is_whole = isinstance(channels, int | np.integer) and not isinstance(channels, bool)
    if not (is_whole and 1 <= int(channels) <= MAX_CHANNELS):  # type: ignore[call-overload]
        raise ParameterError(f"Stream: got {channels!r} channels, needs 1 to {MAX_CHANNELS}")
    return int(channels)  # type: ignore[call-overload]


def _check_update_percent(limits: UpdatePercent, value: object) -> float:
    number = _number(value)
    if number is None or not limits.min <= number <= limits.max:
        raise ParameterError(
            f"update_percent: got {value!r}, needs {limits.min:g} to {limits.max:g} percent for "
            f"this model"
        )
    return number


def _min_gain(strength_db: object) -> float:
    """Return the linear gain that a limit in dB stands for; 0 for None."""
    if strength_db is None:
        return 0.0
    number = _number(strength_db)
    if number is None or not number >= 0.0:
        raise ParameterError(
            f"strength_db: got {strength_db!r}, needs 0 dB (nothing is attenuated) or more; "
            f"leave it out for no limit"
        )
    return 10.0 ** (-number / 20.0)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    return float(value)
