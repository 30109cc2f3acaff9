"""What can be scored: the unprocessed input, a model at a setting, a folder of enhanced files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from wheesht.audio.mono import read_mono
from wheesht.data.testset import RATE
from wheesht.errors import CorpusError
from wheesht.evaluation.study import NOISY
from wheesht.evaluation.systems.alignment import fit
from wheesht.evaluation.systems.backends import BACKENDS, Enhanced, bundle_with

SHORT = 12  # hexadecimal digits of a checksum that stand in a row


class System(Protocol):
    """What every system offers; `sha256` and `backend` are empty where no model runs."""

    @property
    def name(self) -> str:
        """Name in the tables."""
        ...

    @property
    def update_percent(self) -> float | None:
        """The dial, percent."""
        ...

    @property
    def backend(self) -> str:
        """Key of `BACKENDS`."""
        ...

    @property
    def sha256(self) -> str:
        """First digits of the model's checksum."""
        ...

    def enhance(self, noisy: np.ndarray) -> Enhanced:
        """Enhance a clip, float32, shape (N,), 16 kHz."""
        ...


@dataclass(frozen=True)
class Unprocessed:
    """The input itself."""

    name: str = NOISY
    update_percent: None = None
    backend: str = ""
    sha256: str = ""

    def enhance(self, noisy: np.ndarray) -> Enhanced:
        """Return the clip as it is."""
        return Enhanced(noisy)


@dataclass(frozen=True)
class Model:
    """A bundle at one setting of the dial; `path` is a shipped name or a file."""

    name: str
    path: str
    update_percent: float
    backend: str
    sha256: str

    def enhance(self, noisy: np.ndarray) -> Enhanced:
        """Run the model.

        Raises
        ------
        BundleError
            The file has been replaced since.
        """
        bundle = bundle_with(self.path, self.sha256)
        return BACKENDS[self.backend](bundle, self.update_percent, noisy)


@dataclass(frozen=True)
class EnhancedFile:
    """The output of an unknown system for one clip; `path` is None when there is no such file.

    `folder` is where it was looked for; the file is taken to be late by `lag` samples.
    """

    name: str
    folder: Path
    path: Path | None
    lag: int = 0
    update_percent: None = None
    backend: str = ""
    sha256: str = ""

    def enhance(self, noisy: np.ndarray) -> Enhanced:
        """Read the file.

        Raises
        ------
        CorpusError, AudioFileError, ShapeError
            It is missing, cannot be read, or has another length than the clip.
        """
        if self.path is None:
            raise CorpusError(f"{self.folder}: holds no file of this clip's name")
        samples = read_mono(self.path, RATE)
        return Enhanced(fit(str(self.path), samples, len(noisy), self.lag))
