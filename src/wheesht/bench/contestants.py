"""Who is timed: the engine at its settings, the same network elsewhere, whole denoisers.

Everything that is not part of a hop's work is prepared here, so that the timed call is one call.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from wheesht.bench.rivals.base import Denoiser, Network
from wheesht.bench.signals import SAMPLE_RATE, hops_of
from wheesht.engine import _ext
from wheesht.spec.bundle import Bundle
from wheesht.spec.cost import weight_bytes_per_hop

WHOLE_FILES = 3  # calls per run of a denoiser that takes a whole signal only
SHOWN_HASH = 12  # hexadecimal digits of a bundle's SHA-256, as in a study's scores


@dataclass(frozen=True)
class Facts:
    """What a row says about a contestant apart from its times; fields as in `result.Row`."""

    backend: str
    model: str
    model_sha256: str
    dtype: str
    isa: str
    update_percent: float
    update_fraction: float | None
    executed_macs: int | None
    sample_rate: int
    hop_ms: float | None
    timed: str
    weight_bytes_hop: int | None = None


@dataclass(frozen=True)
class Contestant:
    """One row to be.

    Attributes
    ----------
    facts : Facts
    step : callable
        The timed call; takes an item.
    items : sequence
        What the calls of a run are given, in order: the whole signal, hop by hop.
    seconds : float
        Audio that an item stands for.
    inside : tuple of callable
        Looks into a step, each made at one item after the other before the next look begins, so
        that a look leaves the caches to itself. A look takes an item and returns the nanoseconds
        of parts of the step.
    parts : tuple of Part
        What the looks return, in order.
    is_long : bool
        Whether a call lasts for many milliseconds: nothing is run before it to warm up, and its
        CPU time counts, because its wall time holds what the scheduler gave to others meanwhile.
    """

    facts: Facts
    step: Callable[[Any], Any]
    items: Sequence[Any]
    seconds: float
    inside: tuple[Callable[[Any], Sequence[int]], ...] = ()
    parts: tuple["Part", ...] = ()
    is_long: bool = False


@dataclass(frozen=True)
class Part:
    """A layer, with the MACs that it executes per second of audio, or several together.

    The type is that of the layer, ``recurrent`` for all recurrent layers, ``network`` for all
    layers, ``hop`` for the whole.
    """

    name: str
    type: str
    executed_macs: int = 0

    @property
    def is_recurrent(self) -> bool:
        """Whether its time counts as that of recurrent layers."""
        return self.type in ("gru", "recurrent")

    @property
    def is_network(self) -> bool:
        """Whether its time counts as that of the network."""
        return self.type not in ("recurrent", "read", "hop")


def engine(
    name: str, bundle: Bundle, stream: _ext.Stream, percent: float, x: np.ndarray
) -> Contestant:
    """Return the engine at one setting, samples to samples.

    Parameters
    ----------
    name : str
        Of the model, for the row.
    bundle : Bundle
    stream : _ext.Stream
        Made from the bundle, set to `percent`; it is reset.
    percent : float
        The dial.
    x : ndarray, shape (N,)
        The signal, 16 kHz. MACs and update fraction are those executed on it.
    """
    spec = bundle.spec
    hops = hops_of(x, spec.front_end.hop_length)
    stream.reset()
    stream.process(hops.ravel())
    per_second = [macs / len(hops) * spec.frames_per_second for macs in stream.executed_macs()]
    units = sum(spec.unit_counts)
    updated = sum(stream.updated_units()) / len(hops)
    stream.reset()
    facts = Facts(
        backend="wheesht",
        model=name,
        model_sha256=bundle.sha256[:SHOWN_HASH],
        dtype=spec.dtype,
        isa=stream.isa,
        update_percent=percent,
        update_fraction=round(updated / units, 4) if units else None,
        executed_macs=round(sum(per_second)),
        sample_rate=spec.sample_rate,
        hop_ms=1e3 / spec.frames_per_second,
        timed="samples to samples",
        weight_bytes_hop=weight_bytes_per_hop(spec, percent),
    )
    parts = [
        Part(layer.name, layer.type, round(macs))
        for layer, macs in zip(spec.layers, per_second, strict=True)
    ]

    selected: deque[np.ndarray] = deque(maxlen=len(hops))

    def layers(hop: np.ndarray) -> list[int]:
        stream.set_profiling(True)
        before = [*stream.layer_nanoseconds(), stream.total_nanoseconds()]
        stream.process(hop)
        after = [*stream.layer_nanoseconds(), stream.total_nanoseconds()]
        stream.set_profiling(False)
        selected.append(stream.selected())
        return [b - a for a, b in zip(before, after, strict=True)]

    def read(_: np.ndarray) -> list[int]:
        return [stream.read_weights(selected.popleft())[1]]

    seconds = 1 / spec.frames_per_second
    return Contestant(
        facts,
        stream.process,
        list(hops),
        seconds,
        (layers, read),
        (*parts, Part("hop", "hop"), Part("plain read", "read")),
    )


def network(
    name: str, bundle: Bundle, rival: Network, seen: np.ndarray, clock: Callable[[], int]
) -> Contestant:
    """Return another runtime on the same weights, all layers of the network, every unit.

    Parameters
    ----------
    name : str
        Of the model.
    bundle : Bundle
    rival : Network
    seen : ndarray of float32, shape (n, positions, channels)
        Features of the signal.
    clock : callable
        Nanoseconds; for the recurrent layers alone.
    """
    spec = bundle.spec
    facts = Facts(
        backend=rival.name,
        model=name,
        model_sha256=bundle.sha256[:SHOWN_HASH],
        dtype="f32",
        isa="",
        update_percent=100.0,
        update_fraction=1.0,
        executed_macs=None,
        sample_rate=spec.sample_rate,
        hop_ms=1e3 / spec.frames_per_second,
        timed="network alone, features to the last layer, every unit",
    )
    seconds, step = 1 / spec.frames_per_second, rival.recurrent_step
    if step is None:
        return Contestant(facts, rival.step, list(seen), seconds)

    def inside(_: np.ndarray) -> list[int]:
        started = clock()
        step()
        return [clock() - started]

    parts = (Part("recurrent", "recurrent"),)
    return Contestant(facts, rival.step, list(seen), seconds, (inside,), parts)


def denoiser(rival: Denoiser, x: np.ndarray, clock: Callable[[], int]) -> Contestant:
    """Return a whole denoiser of others; what is and is not timed stands in its `timed`.

    Parameters
    ----------
    rival : Denoiser
    x : ndarray, shape (N,)
        The signal, 16 kHz; resampled here to the rate that the rival takes.
    clock : callable
        Nanoseconds; for the network alone.
    """
    x = at_rate(x, rival.sample_rate)
    whole = rival.hop_length is None
    if rival.hop_length is None:
        items: list[Any] = WHOLE_FILES * [rival.prepare(x)]
    else:
        items = [rival.prepare(hop) for hop in hops_of(x, rival.hop_length)]
    samples = len(x) if rival.hop_length is None else rival.hop_length
    facts = Facts(
        backend=rival.name,
        model="",
        model_sha256="",
        dtype=rival.dtype,
        isa="",
        update_percent=100.0,
        update_fraction=None,
        executed_macs=None,
        sample_rate=rival.sample_rate,
        hop_ms=None if whole else 1e3 * samples / rival.sample_rate,
        timed=rival.timed,
    )
    seconds, alone = samples / rival.sample_rate, rival.network_step
    if alone is None:
        return Contestant(facts, rival.step, items, seconds, is_long=whole)

    def inside(_: Any) -> list[int]:
        started = clock()
        alone()
        return [clock() - started]

    parts = (Part("network", "network"),)
    return Contestant(facts, rival.step, items, seconds, (inside,), parts, is_long=whole)


def at_rate(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return a 16 kHz signal at another rate, float32, (round(N * sample_rate / 16000),)."""
    if sample_rate == SAMPLE_RATE:
        return x
    resampled: np.ndarray = soxr.resample(x, SAMPLE_RATE, sample_rate)
    return resampled
