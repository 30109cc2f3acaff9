"""The field: contestants that have passed the gate, and what was found there."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from wheesht.bench import contestants
from wheesht.bench.contestants import Contestant
from wheesht.bench.gate import Found, check_engine
from wheesht.bench.gate_rivals import check_denoiser, check_network, seen_by
from wheesht.bench.rivals import DENOISERS, NETWORKS
from wheesht.bench.signals import speech_like
from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.spec.bundle import Bundle

TEST_SECONDS = 6.0  # of the signal that denoisers of others must turn down


class Field:
    """Contestants in the order in which they entered; use it as a context manager.

    Parameters
    ----------
    x : ndarray, shape (N,)
        The signal that they are timed on, 16 kHz.
    clock : callable
        Nanoseconds of wall time.
    rival_files : Path, optional
        The folder with files of rivals that no package brings.

    Attributes
    ----------
    contestants : list of Contestant
    gated : list of dict
        What was compared and how close it came.
    skipped : list of str
        A sentence for each rival that is not there.
    """

    def __init__(
        self, x: np.ndarray, clock: Callable[[], int], rival_files: Path | None = None
    ) -> None:
        self.contestants: list[Contestant] = []
        self.gated: list[Found] = []
        self.skipped: list[str] = []
        self._x = x
        self._clock = clock
        self._rival_files = rival_files
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> "Field":
        """Return the field itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Undo what rivals changed in this process."""
        self._undo.close()

    @property
    def names(self) -> list[str]:
        """A name for each contestant that tells it from the others."""
        return [
            " ".join(filter(None, (f.backend, f.model, f.isa))) + f" at P = {f.update_percent:g}"
            if f.backend == "wheesht"
            else " ".join(filter(None, (f.backend, f.model)))
            for f in (who.facts for who in self.contestants)
        ]

    def enter_engine(
        self, name: str, bundle: Bundle, percents: Sequence[float], isas: Sequence[str]
    ) -> None:
        """Let the engine in at each instruction set and setting of the dial.

        Raises
        ------
        GateError
            It does not compute what the judge computes.
        """
        model = pack(bundle)
        streams = []
        for isa in isas:
            for percent in percents:
                stream = _ext.Stream(model, isa)
                stream.set_update_percent(percent)
                streams.append((percent, stream))
        plain = _ext.Stream(model, "scalar")
        self.gated += check_engine(name, bundle, streams, plain, self._x)
        self.contestants += [
            contestants.engine(name, bundle, stream, percent, self._x)
            for percent, stream in streams
        ]

    def enter_rival(self, rival: str, models: Mapping[str, Bundle]) -> None:
        """Let a rival in, another runtime once per model, or say why it is left out.

        Raises
        ------
        GateError
            It does not do what it should.
        """
        try:
            if rival in DENOISERS:
                denoiser = DENOISERS[rival](self._rival_files)
                self.gated.append(check_denoiser(denoiser, speech_like(TEST_SECONDS)))
                self.contestants.append(contestants.denoiser(denoiser, self._x, self._clock))
                return
            for name, bundle in models.items():
                network = NETWORKS[rival](bundle)
                self._undo.callback(network.close)
                self.gated.append(check_network(name, bundle, network, self._x))
                seen = seen_by(bundle, self._x)
                self.contestants.append(
                    contestants.network(name, bundle, network, seen, self._clock)
                )
        except ImportError as missing:
            self.skipped.append(str(missing))
