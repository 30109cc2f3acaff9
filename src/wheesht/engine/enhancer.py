"""Whole signals: one call from a noisy array to an enhanced one."""

import os

import numpy as np

from wheesht.audio.samples import check_signal_shape, to_float32
from wheesht.engine.stream import Stream
from wheesht.spec.bundle import Bundle


class Enhancer:
    """Enhances whole signals of any rate and length with one model and setting.

    Parameters
    ----------
    model, update_percent, strength_db, dial
        As for `Stream`.

    Examples
    --------
    >>> noisy = np.zeros((2, 48000), np.float32)
    >>> Enhancer(update_percent=25).enhance(noisy, 48000).shape
    (2, 48000)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Bundle = "default",
        update_percent: float | None = None,
        strength_db: float | None = None,
        dial: str = "fixed",
    ) -> None:
        self._model = model
        self._update_percent = update_percent
        self._strength_db = strength_db
        self._dial = dial
        self._stream(16000, 1).close()  # checks

    def enhance(self, noisy: np.ndarray, sample_rate: int) -> np.ndarray:
        """Enhance a whole signal.

        Parameters
        ----------
        noisy : array_like, shape (N,) or (C, N)
            Floating point with full scale 1.0, int16 or int32; channels first. N may be 0.
        sample_rate : int
            Hz, 8000 to 192000.

        Returns
        -------
        ndarray of float32, same shape
            Lines up with `noisy` sample by sample; full scale 1.0, also for integer input and
            for float64. Not limited to full scale.

        Raises
        ------
        ShapeError
            Not one or two dimensions, no channel, or (N, C) instead of (C, N).
        ParameterError
            A sample rate outside the range, or more than 64 channels.
        """
        x = to_float32("enhance", noisy)
        check_signal_shape("enhance", x.shape)
        channels = x.shape[0] if x.ndim == 2 else 1
        with self._stream(sample_rate, channels) as stream:
            return np.concatenate([stream.process(x), stream.flush()], axis=-1)

    def _stream(self, sample_rate: int, channels: int) -> Stream:
        settings = (self._update_percent, self._strength_db)
        return Stream(self._model, sample_rate, channels, *settings, dial=self._dial)


def enhance(
    noisy: np.ndarray,
    sample_rate: int,
    model: str | os.PathLike[str] | Bundle = "default",
    update_percent: float | None = None,
    strength_db: float | None = None,
    dial: str = "fixed",
) -> np.ndarray:
    """Enhance a whole signal: `Enhancer` and its `enhance` in one call.

    Parameters
    ----------
    noisy : array_like, shape (N,) or (C, N)
        Floating point with full scale 1.0, int16 or int32; channels first. N may be 0.
    sample_rate : int
        Hz, 8000 to 192000; it has no default because a wrong one damages the result silently.
    model, update_percent, strength_db, dial
        As for `Stream`. A model is read once per process, however often it is used.

    Returns
    -------
    ndarray of float32, same shape

    Raises
    ------
    ShapeError, ParameterError, BundleError
        As for `Enhancer.enhance` and `Stream`.

    Examples
    --------
    >>> enhance(np.zeros(8000), sample_rate=8000).dtype
    dtype('float32')
    """
    return Enhancer(model, update_percent, strength_db, dial).enhance(noisy, sample_rate)
