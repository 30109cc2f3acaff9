"""Samples as the rest of the package wants them: float32, channels first, finite."""

from collections import deque

import numpy as np

from wheesht.errors import ShapeError

MAX_SAMPLE = 1e6  # linear, full scale 1.0; the power of a window of these stays finite in float32
FULL_SCALE = {"int16": 2.0**15, "int32": 2.0**31}  # integer value that stands for 1.0
TRANSPOSED_CHANNELS = 8  # a last axis this short below a longer first one is (N, C) by mistake


def to_float32(where: str, x: object) -> np.ndarray:
    """Convert an array of samples to float32, full scale 1.0.

    Parameters
    ----------
    where : str
        Begins the error message: the public call that got `x`.
    x : array_like
        Floating point of any width, taken as it is; or int16 or int32, divided by the type's
        full scale. float64 is rounded to float32, and what exceeds its range becomes infinite.

    Returns
    -------
    ndarray of float32
        Same shape; `x` itself when nothing had to be converted.

    Raises
    ------
    ShapeError
        Another element type.
    """
    array = np.asarray(x)
    if array.dtype == np.float32:
        return array
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype.name in FULL_SCALE:
        return (array / FULL_SCALE[array.dtype.name]).astype(np.float32)
    raise ShapeError(
        f"{where}: got elements of type {array.dtype}, needs floating point with full scale 1.0, "
        f"int16 or int32; convert the samples first"
    )


def check_signal_shape(where: str, shape: tuple[int, ...]) -> None:
    """Raise `ShapeError` unless `shape` is (N,) or (C, N) with at least one channel."""
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] == 0):
        raise ShapeError(
            f"{where}: got shape {shape}, needs (samples,) or (channels, samples) with one "
            f"channel or more"
        )
    if len(shape) == 2 and 0 < shape[1] <= TRANSPOSED_CHANNELS < shape[0]:
        raise ShapeError(
            f"{where}: got shape {shape}, which looks like (samples, channels); needs "
            f"(channels, samples): pass x.T"
        )


def without_hostile_samples(x: np.ndarray) -> np.ndarray:
    """Return `x` with non-finite samples set to 0 and the others limited to +-`MAX_SAMPLE`.

    The engine does the same at its own input; this is for what must be clean before it, because
    one NaN in a filter's memory would blot out everything around it.
    """
    if x.size == 0 or float(np.abs(x).max()) <= MAX_SAMPLE:  # the comparison is false for NaN
        return x
    return np.clip(np.where(np.isfinite(x), x, np.float32(0.0)), -MAX_SAMPLE, MAX_SAMPLE)


class SampleQueue:
    """First in, first out, for float32 samples of shape (C, n)."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._parts: deque[np.ndarray] = deque()
        self._length = 0

    def __len__(self) -> int:
        """Return the number of samples per channel that wait."""
        return self._length

    def push(self, x: np.ndarray) -> None:
        """Append samples, shape (C, n); they are kept, not copied."""
        if x.shape[1]:
            self._parts.append(x)
            self._length += x.shape[1]

    def take(self, count: int) -> np.ndarray:
        """Remove and return the oldest `count` samples, shape (C, count); count <= len."""
        taken, missing = [], count
        while missing:
            part = self._parts.popleft()
            if part.shape[1] > missing:
                self._parts.appendleft(part[:, missing:])
                part = part[:, :missing]
            taken.append(part)
            missing -= part.shape[1]
        self._length -= count
        if len(taken) == 1:
            return taken[0]
        empty = np.zeros((self._channels, 0), np.float32)
        return np.concatenate(taken, axis=1) if taken else empty

    def copy(self) -> "SampleQueue":
        """Return an independent queue with the same content."""
        twin = SampleQueue(self._channels)
        twin._parts, twin._length = self._parts.copy(), self._length
        return twin

    def clear(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self._length = 0
