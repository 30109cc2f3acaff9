"""Many streams of one model in one thread: weights are read once for all of them."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from wheesht.audio.samples import SampleQueue, to_float32
from wheesht.engine import _ext
from wheesht.engine.loading import load_model
from wheesht.engine.settings import check_strength_db, check_update_percent, min_gain
from wheesht.errors import ParameterError, ShapeError, StateError
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import ModelSpec

MAX_STREAMS = 4096
ROUND_SAMPLES = 1 << 20  # of all places together, at a time: long chunks need no room for all


class StreamPool:
    """Streams that are stepped together, for a server with many calls at once.

    Every stream gives the very samples that a `Stream` gives alone; only the time differs.

    Parameters
    ----------
    model : str, path or Bundle
        Name of a shipped model, ``default``, or a bundle file.
    size : int
        Number of streams, 1 to 4096; they are known by their places, 0 to size - 1.
    update_percent : float, optional
        The dial of all streams, percent; None takes the model's default. See
        `set_update_percent`.
    strength_db : float, optional
        Most that any frequency may be attenuated, dB, 0 or more; None sets no limit. See
        `set_strength_db`.
    isa : str, optional
        Instruction set of the engine; None or empty takes the fastest this machine has.

    Raises
    ------
    BundleError
        The model is unknown or damaged.
    ParameterError
        A setting is out of range or of the wrong type.

    Notes
    -----
    Samples are mono at the model's own rate, 16000 Hz; resample outside, or use `Stream`, which
    takes any rate. Calls that set or change something are refused while another thread is inside
    one of them: give each thread a pool of its own. NaN and infinite samples count as silence.

    Examples
    --------
    >>> pool = StreamPool(size=3)
    >>> ready = pool.process([np.zeros(1000), None, np.zeros(300)])  # the second call is on hold
    >>> [len(part) for part in ready]
    [512, 0, 0]
    >>> len(pool.flush(0))  # this call has ended: the rest of it
    488
    >>> pool.reset(0)  # the place is free for another call
    """

    __slots__ = ("_engine", "_fed", "_flushed", "_hop", "_lock", "_spec", "_waiting")

    def __init__(
        self,
        model: str | os.PathLike[str] | Bundle = "default",
        size: int = 16,
        update_percent: float | None = None,
        strength_db: float | None = None,
        isa: str | None = None,
    ) -> None:
        loaded = load_model(model)
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if not (whole and 1 <= size <= MAX_STREAMS):
            raise ParameterError(f"StreamPool: size is {size!r}, needs 1 to {MAX_STREAMS} streams")
        if isa and isa not in _ext.isa_names():
            raise ParameterError(
                f"isa: got {isa!r}, needs one of {', '.join(_ext.isa_names())}, or '' for the "
                f"fastest of them"
            )
        self._spec = loaded.spec
        self._engine = _ext.Pool(loaded.packed, int(size), isa or "")
        self._hop = self._spec.front_end.hop_length
        self._waiting = [SampleQueue(1) for _ in range(size)]
        self._fed = [0] * size
        self._flushed = [False] * size
        self._lock = threading.Lock()  # held inside the calls that touch the states
        default = self._spec.update_percent.default
        for k in range(size):
            self.set_update_percent(k, default if update_percent is None else update_percent)
            self.set_strength_db(k, strength_db)

    def __len__(self) -> int:
        """Return the number of streams."""
        return len(self._waiting)

    @property
    def spec(self) -> ModelSpec:
        """Description of the model."""
        return self._spec

    @property
    def isa(self) -> str:
        """Instruction set that the engine uses."""
        return self._engine.isa

    @property
    def bytes(self) -> int:
        """Memory of all streams, without the model's weights."""
        return self._engine.bytes

    def set_update_percent(self, index: int, value: float) -> None:
        """Turn the dial of one stream: P in percent, from its next hop on."""
        k = self._check_index("set_update_percent", index)
        percent = check_update_percent(self._spec.update_percent, value)
        with self._alone("set_update_percent"):
            self._engine.set_update_percent(k, percent)

    def set_strength_db(self, index: int, value: float | None) -> None:
        """Limit the attenuation of one stream in dB, or with None not, from its next hop on."""
        k = self._check_index("set_strength_db", index)
        gain = min_gain(check_strength_db(value))
        with self._alone("set_strength_db"):
            self._engine.set_min_gain(k, gain)

    def process(self, chunks: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """Take the next samples of every stream and return those that are ready.

        Parameters
        ----------
        chunks : sequence of ndarray or None, one for each stream
            Shape (n,), any length, different ones too; floating point with full scale 1.0, int16
            or int32. None, or no samples, for streams that rest.

        Returns
        -------
        list of ndarray of float32, shape (m,)
            Of every stream; all that it returned in order, with `flush`, lines up with its input.

        Raises
        ------
        ShapeError
            Not one chunk for each stream, or one of another shape or element type. Nothing was
            taken in then.
        StateError
            A stream was flushed and is given more samples, or another thread is inside a call.
        """
        with self._alone("process"):
            return self._process(chunks)

    def _process(self, chunks: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        try:
            count = len(chunks)
        except TypeError:
            count = -1
        if count != len(self):
            got = f"{count} chunks" if count >= 0 else type(chunks).__name__
            raise ShapeError(
                f"StreamPool.process: got {got}, needs one for each of the {len(self)} streams, "
                f"None for those that rest"
            )
        taken = [None if chunk is None else self._check_chunk(k, chunk) for k, chunk in
                 enumerate(chunks)]  # fmt: skip
        for k, x in enumerate(taken):
            if x is not None:
                self._waiting[k].push(x[np.newaxis].copy())  # the caller may reuse the chunk
                self._fed[k] += len(x)
        return self._run()

    def flush(self, index: int) -> np.ndarray:
        """Return the rest of one stream, so that as many samples came out as went in.

        Returns
        -------
        ndarray of float32, shape (m,)

        Raises
        ------
        StateError
            It was flushed already, or another thread is inside a call.
        """
        with self._alone("flush"):
            return self._flush(self._check_index("flush", index))

    def _flush(self, k: int) -> np.ndarray:
        self._check_running("flush", k)
        given = max(self._engine.hops(k) * self._hop - self._spec.delay, 0)
        missing, parts = self._fed[k] - given, [np.zeros(0, np.float32)]
        while missing > 0:
            self._waiting[k].push(np.zeros((1, self._hop), np.float32))
            part = self._run(k)[k][:missing]
            parts.append(part)
            missing -= len(part)
        self._flushed[k] = True
        return np.concatenate(parts)

    def reset(self, index: int) -> None:
        """Begin a new signal in one stream: forget its state and counts, keep its settings."""
        k = self._check_index("reset", index)
        with self._alone("reset"):
            self._engine.reset(k)
            self._waiting[k].clear()
            self._fed[k] = 0
            self._flushed[k] = False

    def stats(self, index: int) -> dict[str, float]:
        """Return what one stream executed since it began or was reset.

        Returns
        -------
        dict
            ``hops``; ``update_fraction`` 0 to 1, measured; ``executed_macs_per_second`` of audio.

        Raises
        ------
        StateError
            Another thread is inside a call.
        """
        k = self._check_index("stats", index)
        with self._alone("stats"):
            hops = self._engine.hops(k)
            updated, macs = self._engine.updated_units(k), self._engine.executed_macs(k)
        units = max(sum(self._spec.unit_counts), 1) * max(hops, 1)
        return {
            "hops": hops,
            "update_fraction": sum(updated) / units,
            "executed_macs_per_second": sum(macs) / max(hops, 1) * self._spec.frames_per_second,
        }

    def _run(self, only: int | None = None) -> list[np.ndarray]:
        """Enhance all whole hops that wait, as many streams together as have some."""
        hops = [len(queue) // self._hop for queue in self._waiting]
        left = [n if only in (None, k) else 0 for k, n in enumerate(hops)]
        ready = [np.empty(n * self._hop, np.float32) for n in left]
        # What the engine gives before anything real is dropped.
        early = [self._missing_delay(k) if n else 0 for k, n in enumerate(left)]
        most = max(ROUND_SAMPLES // (len(self) * self._hop), 1)
        while active := [k for k, n in enumerate(left) if n]:
            count = min(most, *(left[k] for k in active))
            x = np.zeros((len(self), count * self._hop), np.float32)
            steps = np.zeros(len(self), np.uint8)
            for k in active:
                x[k], steps[k] = self._waiting[k].take(count * self._hop)[0], 1
            y = self._engine.process(x, steps)
            for k in active:
                done = len(ready[k]) - left[k] * self._hop
                ready[k][done : done + count * self._hop] = y[k]
                left[k] -= count
        return [y[n:] for y, n in zip(ready, early, strict=True)]

    def _missing_delay(self, k: int) -> int:
        """Return how many samples of a stream's delay are still to come."""
        return max(self._spec.delay - self._engine.hops(k) * self._hop, 0)

    @contextmanager
    def _alone(self, call: str) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise StateError(
                f"StreamPool.{call}: another thread is inside a call of this pool; wait for it, or "
                f"give each thread a pool of its own"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _check_index(self, call: str, index: int) -> int:
        whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if not (whole and 0 <= index < len(self)):
            raise ParameterError(
                f"StreamPool.{call}: got stream {index!r}, needs 0 to {len(self) - 1}"
            )
        return int(index)

    def _check_chunk(self, k: int, chunk: np.ndarray) -> np.ndarray:
        x = to_float32(f"StreamPool.process: chunk {k}", chunk)
        if x.ndim != 1:
            raise ShapeError(
                f"StreamPool.process: chunk {k} has shape {x.shape}, needs (samples,); give every "
                f"channel a stream of its own"
            )
        if len(x):
            self._check_running("process", k)
        return x

    def _check_running(self, call: str, k: int) -> None:
        if self._flushed[k]:
            raise StateError(
                f"StreamPool.{call}: stream {k} was flushed, so its signal has ended; call "
                f"reset({k}) to begin another"
            )
