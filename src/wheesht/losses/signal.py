"""A batch of signals as the terms of a loss see it: waveform, or spectrum with any window."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from wheesht.dsp.stft import sqrt_hann
from wheesht.models.spectrum import analyse, synthesise


@dataclass(frozen=True)
class Signal:
    """Signals that are given as a spectrum or as waveforms; the other is made when asked for.

    Attributes
    ----------
    window : Tensor, shape (W,)
        Of the network's own spectrum.
    n_samples : int
        N of the waveforms.
    """

    window: Tensor
    n_samples: int
    _spectrum: Tensor | None = None
    _waveform: Tensor | None = None

    @classmethod
    def from_spectrum(cls, spectrum: Tensor, window: Tensor, n_samples: int) -> "Signal":
        """Take the spectra (B, T, F) of signals of N samples, perhaps of none at all.

        A network's output seldom is the spectrum of a signal; its waveform is what overlap-add
        makes of it, and other windows see that.
        """
        return cls(window, n_samples, _spectrum=spectrum)

    @classmethod
    def from_waveform(cls, waveform: Tensor, window: Tensor) -> "Signal":
        """Take waveforms (B, N)."""
        return cls(window, waveform.shape[-1], _waveform=waveform)

    @cached_property
    def spectrum(self) -> Tensor:
        """Spectra with the network's window, (B, T, F) complex."""
        if self._spectrum is not None:
            return self._spectrum
        return analyse(self.waveform, self.window)

    @cached_property
    def waveform(self) -> Tensor:
        """Waveforms (B, N)."""
        if self._waveform is not None:
            return self._waveform
        return synthesise(self.spectrum, self.window, self.n_samples)

    def spectrum_at(self, win_length: int) -> Tensor:
        """Return spectra with a square-root Hann window and half overlap, (B, T, F) complex."""
        return analyse(self.waveform, torch.from_numpy(sqrt_hann(win_length)).to(self.waveform))
