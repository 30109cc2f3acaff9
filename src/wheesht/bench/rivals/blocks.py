"""Blocks of a signal that comes and goes hop by hop, for rivals whose host code is numpy."""

from typing import Any

import numpy as np

from wheesht.dsp.stft import sqrt_hann

# numpy's stubs allow results in double precision only; the functions take single too.
rfft: Any = np.fft.rfft
irfft: Any = np.fft.irfft


class Blocks:
    """The last block of input, and overlap-add of the blocks of output.

    Memory and views into it are made once. What goes in comes out ``win_length - hop_length``
    samples later.

    Parameters
    ----------
    win_length, hop_length : int
        Samples; the hop is shorter than the block.
    """

    def __init__(self, win_length: int, hop_length: int) -> None:
        self._input, self._sum = (np.zeros(win_length, np.float32) for _ in range(2))
        kept, self._new = slice(None, -hop_length), slice(-hop_length, None)
        self._kept = kept
        self._input_kept, self._input_moved = self._input[kept], self._input[hop_length:]
        self._input_new = self._input[self._new]
        self._sum_kept, self._sum_moved = self._sum[kept], self._sum[hop_length:]
        self._sum_new, self._sum_done = self._sum[self._new], self._sum[:hop_length]

    def push(self, hop: np.ndarray) -> np.ndarray:
        """Return the block that ends with a hop, (win_length,), valid until the next call."""
        self._input_kept[:] = self._input_moved
        self._input_new[:] = hop
        return self._input

    def add(self, block: np.ndarray) -> np.ndarray:
        """Add a block of output; return the hop that is done with it, until the next call."""
        np.add(self._sum_moved, block[self._kept], out=self._sum_kept)
        self._sum_new[:] = block[self._new]
        return self._sum_done


class WindowedBlocks:
    """The same with a square-root Hann window before the transform and after the inverse.

    Hop and block are as for `Blocks`; the hop is half a block.
    """

    def __init__(self, win_length: int, hop_length: int) -> None:
        self._blocks = Blocks(win_length, hop_length)
        self._window = sqrt_hann(win_length).astype(np.float32)
        self._windowed = np.zeros(win_length, np.float32)

    def push(self, hop: np.ndarray, spectrum: np.ndarray) -> None:
        """Write the spectrum of the block that ends with a hop, complex64, (bins,)."""
        np.multiply(self._blocks.push(hop), self._window, out=self._windowed)
        rfft(self._windowed, out=spectrum)

    def add(self, spectrum: np.ndarray) -> np.ndarray:
        """Add a block of output by its spectrum; return the hop that is done with it."""
        irfft(spectrum, out=self._windowed)
        np.multiply(self._windowed, self._window, out=self._windowed)
        return self._blocks.add(self._windowed)
