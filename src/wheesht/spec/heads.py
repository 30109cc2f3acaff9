"""The heads: what the last layer's output stands for, and how it makes the enhanced spectrum."""

from dataclasses import dataclass
from typing import Literal

from wheesht.spec.document import require
from wheesht.spec.shapes import MAX_WIDTH, Shape, require_bins

MAX_FILTER_ORDER = 8  # frames; at hops of 10 to 16 ms more reach beyond what speech correlates
MAX_FILTER_WIDTH = 7  # bins of a magnitude filter; its neighbours in frequency
# Largest size of a filter coefficient's real and imaginary part, and of a mapped value, to which
# streams limit them. Those of trained models are near 1; behind the limit no model and no input
# can overflow the spectrum.
MAX_COEFFICIENT = 100.0


@dataclass(frozen=True)
class Mask:
    """Real factor 0..1 on the magnitudes of `n_bins` bins from `first_bin` on, noisy phase.

    Bins outside that range take the value of the nearest bin inside it.
    """

    first_bin: int
    n_bins: int
    kind: Literal["magnitude"] = "magnitude"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)

    @property
    def input_shape(self) -> Shape:
        """What the last layer gives: one factor per bin."""
        return Shape(1, self.n_bins)

    @property
    def activation(self) -> Literal["sigmoid"]:
        """Activation of the last layer."""
        return "sigmoid"


@dataclass(frozen=True)
class DeepFilter:
    """Gains as of a `Mask`, plus a complex filter over frames on the lowest of its bins.

    The last layer is linear without activation. Its first `n_bins` outputs give the gains by a
    sigmoid; the others are the real and imaginary parts of `order` coefficients for each of the
    `filter_bins` bins from `first_bin` on, laid out (order, 2, filter_bins). Coefficient k
    multiplies the noisy spectrum k frames ago, and the products are added to the gained spectrum
    (equation M5 of docs/equations.md).
    """

    first_bin: int
    n_bins: int
    filter_bins: int
    order: int
    kind: Literal["deep_filter"] = "deep_filter"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)
        limit = f"1 to {MAX_FILTER_ORDER} frames"
        require(1 <= self.order <= MAX_FILTER_ORDER, "order", self.order, limit)
        most = min(self.n_bins, (MAX_WIDTH - self.n_bins) // (2 * self.order))
        needed = f"1 to {most} (n_bins, and n_bins + 2 order filter_bins at most {MAX_WIDTH})"
        require(1 <= self.filter_bins <= most, "filter_bins", self.filter_bins, needed)

    @property
    def input_shape(self) -> Shape:
        """What the last layer gives: gains, then real and imaginary parts of coefficients."""
        return Shape(1, self.n_bins + 2 * self.order * self.filter_bins)

    @property
    def activation(self) -> Literal["none"]:
        """Activation of the last layer."""
        return "none"


@dataclass(frozen=True)
class MagnitudeFilter:
    """Gains, and a real filter over frames and bins on the gained magnitudes; noisy phase.

    The last layer gives, for each of `n_bins` bins from `first_bin` on, the gain before its
    sigmoid and then ``order * width`` coefficients, laid out (order, width). The coefficient
    (i, k) of bin f multiplies the gained magnitude of bin ``f + k - width // 2`` i frames ago; the
    size of the sum is the enhanced magnitude (equation M6). Bins outside are silent.
    """

    first_bin: int
    n_bins: int
    order: int
    width: int
    kind: Literal["magnitude_filter"] = "magnitude_filter"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)
        limit = f"1 to {MAX_FILTER_ORDER} frames"
        require(1 <= self.order <= MAX_FILTER_ORDER, "order", self.order, limit)
        odd = 1 <= self.width <= MAX_FILTER_WIDTH and self.width % 2 == 1
        require(odd, "width", self.width, f"an odd number of bins, 1 to {MAX_FILTER_WIDTH}")

    @property
    def input_shape(self) -> Shape:
        """What the last layer gives: for every bin a gain and its coefficients."""
        return Shape(self.n_bins, 1 + self.order * self.width)

    @property
    def activation(self) -> Literal["none"]:
        """Activation of the last layer."""
        return "none"


@dataclass(frozen=True)
class Mapping:
    """The enhanced spectrum itself, on the scale of the features, which are a `ScaledSpectrum`.

    The last layer gives real and imaginary part of each of `n_bins` bins from `first_bin` on
    (equation M7). Bins outside are silent.
    """

    first_bin: int
    n_bins: int
    kind: Literal["mapping"] = "mapping"

    def __post_init__(self) -> None:
        require_bins(self.first_bin, self.n_bins)

    @property
    def input_shape(self) -> Shape:
        """What the last layer gives: two values for every bin."""
        return Shape(self.n_bins, 2)

    @property
    def activation(self) -> Literal["none"]:
        """Activation of the last layer."""
        return "none"


Head = Mask | DeepFilter | MagnitudeFilter | Mapping
