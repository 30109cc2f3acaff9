"""From samples to the first layer's input: the transform, and what a network sees of it."""

from dataclasses import dataclass
from typing import Literal

from wheesht.spec.document import require
from wheesht.spec.shapes import Shape, require_bins

FFT_SIZES = (320, 512)  # what the engine's FFT factorises and the tests cover
MAX_SAMPLE = 1e6  # a stream limits samples to this size (full scale 1), so powers fit float32
LEVEL_SHARE = 0.01  # of a new hop in the running power: about 1 s
ROOT_FLOOR = 1e-8  # added to powers on the scale of the level before their root is divided by


@dataclass(frozen=True)
class FrontEnd:
    """Short-time Fourier transform, sqrt-Hann analysis and synthesis, half overlap.

    `win_length`, `hop_length` and `n_fft` are in samples; the window is periodic, so that its
    square sums to one over two frames and a mask of ones reconstructs the input.
    """

    win_length: int
    hop_length: int
    n_fft: int
    window: Literal["sqrt_hann"] = "sqrt_hann"

    def __post_init__(self) -> None:
        require(self.n_fft in FFT_SIZES, "n_fft", self.n_fft, f"one of {FFT_SIZES}")
        require(
            self.win_length == self.n_fft, "win_length", self.win_length, f"n_fft = {self.n_fft}"
        )
        require(
            2 * self.hop_length == self.win_length,
            "hop_length",
            self.hop_length,
            f"half of win_length = {self.win_length}",
        )

    @property
    def n_bins(self) -> int:
        """Bins of the one-sided spectrum, F."""
        return self.n_fft // 2 + 1


@dataclass(frozen=True)
class LogPower:
    """Normalised log power of `n_bins` bins from `first_bin` on: one position, a channel a bin.

    ``(log(|Y|^2 + floor) - mean) * scale`` with tensors ``features.mean`` and
    ``features.scale``; `floor` is a power (linear, full scale 1.0, unnormalised FFT).
    """

    first_bin: int
    n_bins: int
    floor: float
    kind: Literal["log_power"] = "log_power"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)
        require(1e-20 <= self.floor <= 1.0, "floor", self.floor, "1e-20 to 1 (a power)")

    @property
    def output_shape(self) -> Shape:
        """What the first layer sees."""
        return Shape(1, self.n_bins)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by tensor name: ``mean`` and ``scale``, (n_bins,)."""
        return {"mean": (self.n_bins,), "scale": (self.n_bins,)}


@dataclass(frozen=True)
class ScaledSpectrum:
    """Real and imaginary part of `n_bins` bins from `first_bin` on: a position a bin, 2 channels.

    The spectrum is divided by its running level, the root of a mean of ``|Y|^2`` over these bins
    and about the last second; `floor` is added to that mean. With `compression` ``root`` every
    value's magnitude is then replaced by its square root (equations F3 to F5).
    """

    first_bin: int
    n_bins: int
    floor: float
    compression: Literal["none", "root"]
    kind: Literal["scaled_spectrum"] = "scaled_spectrum"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)
        require(1e-20 <= self.floor <= 1.0, "floor", self.floor, "1e-20 to 1 (a power)")

    @property
    def output_shape(self) -> Shape:
        """What the first layer sees."""
        return Shape(self.n_bins, 2)

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """No tensors."""
        return {}


Features = LogPower | ScaledSpectrum
