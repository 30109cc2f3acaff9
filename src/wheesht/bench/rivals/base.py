"""What a rival must offer to be timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[np.ndarray], np.ndarray]  # one frame in, output of the last layer out
RecurrentStep = Callable[[], None]


@dataclass(frozen=True)
class Network:
    """The network of a bundle in another runtime, without transform, features and overlap-add.

    Attributes
    ----------
    name : str
        Of the runtime.
    step : callable
        Features (positions, channels) to what the last layer gives, in the same form; every call
        goes on from the state of the last.
    recurrent_step : callable or None
        The recurrent layers alone, each with a state and a fixed input of its own; None without
        any.
    close : callable
        Undoes what the runtime changed in this process.
    """

    name: str
    step: Step
    recurrent_step: RecurrentStep | None
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Denoiser:
    """Somebody else's denoiser, samples in, samples out, mono.

    Attributes
    ----------
    name, dtype : str
        For its row; `dtype` is that of the samples it takes.
    sample_rate : int
        Of input and output, Hz.
    hop_length : int or None
        Samples that a call takes and returns; None for a denoiser of whole signals.
    timed : str
        What the timed call holds, and what is left out.
    prepare : callable
        float32 samples to what `step` takes; not timed.
    step : callable
        The timed call.
    finish : callable
        What `step` returned to float32 samples; not timed.
    network_step : callable, optional
        Runs its networks once more on what they were given last, without transforms and the like.
    """

    name: str
    dtype: str
    sample_rate: int
    hop_length: int | None
    timed: str
    prepare: Callable[[np.ndarray], Any]
    step: Callable[[Any], Any]
    finish: Callable[[Any], np.ndarray]
    network_step: Callable[[], object] | None = None


def float32_denoiser(
    name: str,
    hop_length: int,
    timed: str,
    step: Callable[[np.ndarray], np.ndarray],
    network_step: Callable[[], object],
) -> Denoiser:
    """Return a denoiser at 16 kHz whose samples come and go as they are."""
    return Denoiser(
        name=name,
        dtype="f32",
        sample_rate=16000,
        hop_length=hop_length,
        timed=timed,
        prepare=lambda hop: np.ascontiguousarray(hop, np.float32),
        step=step,
        finish=lambda y: y,
        network_step=network_step,
    )


FULL_SCALE = 32768  # of a 16-bit sample


def to_pcm16(x: np.ndarray) -> np.ndarray:
    """Return samples as 16-bit integers, rounded and clipped."""
    return np.clip(np.rint(x * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm16(x: np.ndarray) -> np.ndarray:
    """Return 16-bit integers as float32 samples, full scale 1."""
    return np.asarray(x, np.float32) / FULL_SCALE
