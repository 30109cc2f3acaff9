"""A stream of the judge: a bundle run hop by hop, every choice on record."""

import copy
from functools import partial
from typing import Self

import numpy as np

from wheesht.dsp.stft import sqrt_hann
from wheesht.errors import ParameterError, ShapeError
from wheesht.reference import ops
from wheesht.reference.exact import ExactLayers
from wheesht.reference.features import Features
from wheesht.reference.layers import Layers
from wheesht.spec.bundle import Bundle
from wheesht.spec.front_end import ScaledSpectrum
from wheesht.spec.heads import MAX_COEFFICIENT, DeepFilter, MagnitudeFilter, Mapping, Mask
from wheesht.spec.model_spec import DIALS


class ReferenceStream:
    """Run a bundle in float64; slow, obvious, and what every fast path is compared with.

    Parameters
    ----------
    bundle : Bundle
        From `read_bundle`; its tensors are converted to float64.
    update_percent : float, optional
        The dial P, within the range of the spec; its default when left out. May be changed
        between hops through the attribute of the same name.
    min_gain : float
        Smallest mask value, 0 to 1, linear (attenuation limit). A deep filter is weakened with
        it; 1 passes the input through. May be changed like P.
    dial : str
        What P follows from hop to hop, so that it is `update_percent` on average: ``fixed``,
        ``level`` or ``flux``.
    exact : bool
        Let the layers round as the engine does (`ExactLayers`); transform and head stay float64.

    Raises
    ------
    ParameterError
        `update_percent` or `min_gain` is outside its range, or `dial` is another word.
    """

    def __init__(
        self,
        bundle: Bundle,
        update_percent: float | None = None,
        min_gain: float = 0.0,
        dial: str = "fixed",
        exact: bool = False,
    ) -> None:
        if dial not in DIALS:
            raise ParameterError(f"dial: got {dial!r}, needs one of {', '.join(DIALS)}")
        self._dial = dial
        self.spec = bundle.spec
        self._tensors = {name: t.astype(np.float64) for name, t in bundle.tensors.items()}
        self._new_layers = partial(
            ExactLayers if exact else Layers,
            bundle.spec,
            bundle.tensors if exact else self._tensors,
        )
        self._window = sqrt_hann(self.spec.front_end.win_length)
        default = self.spec.update_percent.default
        self.update_percent = default if update_percent is None else update_percent
        self.min_gain = min_gain
        self.reset()

    @property
    def update_percent(self) -> float:
        """The dial P in percent, used from the next hop on."""
        return self._update_percent

    @update_percent.setter
    def update_percent(self, value: float) -> None:
        dial = self.spec.update_percent
        if not dial.min <= value <= dial.max:
            raise ParameterError(
                f"update_percent: got {value}, needs {dial.min:g} to {dial.max:g} percent, "
                f"the range of model {self.spec.name!r}"
            )
        self._update_percent = float(value)

    @property
    def min_gain(self) -> float:
        """The smallest mask value, linear, used from the next hop on."""
        return self._min_gain

    @min_gain.setter
    def min_gain(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise ParameterError(f"min_gain: got {value}, needs 0 to 1 (linear)")
        self._min_gain = float(value)

    def reset(self) -> None:
        """Return to silence: states, overlaps, records and counters to zero."""
        hop = self.spec.front_end.hop_length
        self._layers = self._new_layers()
        self._features = Features(self.spec, self._tensors)
        self._last_hop = np.zeros(hop)
        self._overlap = np.zeros(hop)
        self._past: list[np.ndarray] = []  # what a filter sees of earlier frames, the last first
        self._outputs: list[np.ndarray] = []
        self._update_masks: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        self._coefficients: list[np.ndarray] = []
        self._dial_state = ops.DialState()
        self._earlier: np.ndarray | None = None  # features of the last hop
        self._hop_percents: list[float] = []

    def clone(self) -> Self:
        """Return an independent stream in the same state, records included."""
        twin = copy.copy(self)
        twin._layers = self._new_layers()
        twin._layers.copy_from(self._layers)
        twin._features = Features(self.spec, self._tensors)
        twin._features.copy_from(self._features)
        twin._outputs = list(self._outputs)
        twin._update_masks = list(self._update_masks)
        twin._masks = list(self._masks)
        twin._coefficients = list(self._coefficients)
        twin._dial_state = copy.copy(self._dial_state)
        twin._hop_percents = list(self._hop_percents)
        return twin

    @property
    def hops(self) -> int:
        """Hops since the last reset."""
        return len(self._masks)

    @property
    def hidden(self) -> np.ndarray:
        """Hidden states over time, (sum of units,), layers in order, each position by position."""
        states = zip(self.spec.recurrent_layers, self._layers.states, strict=True)
        return np.concatenate([np.zeros(0), *(h.ravel() for la, h in states if la.scan == "time")])

    @property
    def outputs(self) -> np.ndarray:
        """What the last layer gave per hop since the last reset, (hops, positions, channels)."""
        return np.reshape(self._outputs, (self.hops, *self.spec.mask.input_shape))

    @property
    def masks(self) -> np.ndarray:
        """Mask of the model per hop since the last reset, (hops, mask bins), `min_gain` applied.

        Of heads that are no mask, the share of the input's magnitude that is left (M8).
        """
        return np.reshape(self._masks, (self.hops, self.spec.mask.n_bins))

    @property
    def coefficients(self) -> np.ndarray:
        """Coefficients of a deep filter per hop since the last reset, weakened by `min_gain`.

        Complex, (hops, order, filter_bins); (hops, 0, 0) for a model without one.
        """
        shape = (0, 0)
        if isinstance(self.spec.mask, DeepFilter):
            shape = (self.spec.mask.order, self.spec.mask.filter_bins)
        return np.reshape(np.array(self._coefficients, dtype=complex), (self.hops, *shape))

    @property
    def update_masks(self) -> np.ndarray:
        """Which units were updated per hop since the last reset, (hops, sum of units), bool."""
        return np.reshape(np.array(self._update_masks, dtype=bool), (self.hops, self._n_units))

    @property
    def hop_percents(self) -> list[float]:
        """P of every hop since the last reset, percent."""
        return list(self._hop_percents)

    @property
    def executed_macs(self) -> list[int]:
        """MACs carried out per layer since the last reset: elements of the rows multiplied."""
        return list(self._layers.executed_macs)

    @property
    def updated_units(self) -> list[int]:
        """Units updated per recurrent layer since the last reset."""
        counts = self.update_masks.sum(axis=0)
        edges = np.cumsum(self.spec.unit_counts)
        return [int(part.sum()) for part in np.split(counts, edges)[:-1]]

    def process(
        self,
        x: np.ndarray,
        update_masks: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> np.ndarray:
        """Enhance whole hops.

        Parameters
        ----------
        x : ndarray, shape (n * hop,)
            Linear amplitude at 16 kHz; anything non-finite counts as 0.
        update_masks : ndarray, shape (n, sum of units), optional
            Units to update instead of those that the gates would choose.
        features : ndarray, shape (n, positions, channels), optional
            What the first layer sees, instead of the judge's own features.

        Returns
        -------
        ndarray, shape (n * hop,), float64
            `x` enhanced and delayed by ``spec.delay`` samples.

        Raises
        ------
        ShapeError
            Not a whole number of hops, or masks that do not fit them.
        """
        hop = self.spec.front_end.hop_length
        x = np.asarray(x)
        if x.ndim != 1 or x.size % hop:
            raise ShapeError(f"process: got shape {x.shape}, needs (n * {hop},), whole hops")
        n = x.size // hop
        if update_masks is not None and update_masks.shape != (n, self._n_units):
            raise ShapeError(
                f"process: update_masks are {update_masks.shape}, need ({n}, {self._n_units}): "
                f"hops times recurrent units"
            )
        if features is not None and features.shape != (n, *self.spec.features.output_shape):
            raise ShapeError(
                f"process: features are {features.shape}, need "
                f"{(n, *self.spec.features.output_shape)}"
            )
        given = [None] * n if update_masks is None else list(update_masks)
        seen = [None] * n if features is None else list(features)
        blocks = [self._hop(x[t * hop : (t + 1) * hop], given[t], seen[t]) for t in range(n)]
        return np.concatenate([np.zeros(0), *blocks])

    def process_hop(
        self,
        x: np.ndarray,
        update_mask: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> np.ndarray:
        """Enhance one hop; `process` with n = 1, and one row of masks and of features."""
        masks = None if update_mask is None else update_mask[np.newaxis]
        return self.process(x, masks, None if features is None else features[np.newaxis])

    @property
    def _n_units(self) -> int:
        return sum(self.spec.unit_counts)

    def _hop(self, x: np.ndarray, given: np.ndarray | None, seen: np.ndarray | None) -> np.ndarray:
        """One pass through equations S0 to S3 with the model between S2 and S3."""
        hop = self.spec.front_end.hop_length
        this_hop = ops.sanitise(x)
        spectrum = np.fft.rfft(np.concatenate([self._last_hop, this_hop]) * self._window)
        features, level, log_powers = self._features.see(spectrum)
        self._hop_percents.append(self._turn_dial(log_powers))
        features = features if seen is None else seen
        own = None if given is None else given.astype(bool)
        output, update_mask = self._layers.run(features, self._hop_percents[-1], own)
        self._outputs.append(output)
        self._update_masks.append(update_mask)
        enhanced = self._head(output, spectrum, level)
        frame = np.fft.irfft(enhanced, n=2 * hop) * self._window
        finished = self._overlap + frame[:hop]
        self._last_hop, self._overlap = this_hop, frame[hop:]
        return finished

    def _turn_dial(self, x: np.ndarray) -> float:
        """P of this hop from its features (G7 to G9)."""
        earlier = np.zeros_like(x) if self._earlier is None else self._earlier
        self._earlier = x
        if self._dial == "fixed":
            return self.update_percent
        statistic = np.mean(x) if self._dial == "level" else np.mean(np.abs(x - earlier))
        limits = self.spec.update_percent
        return ops.turn_dial(
            self._dial_state, float(statistic), self.update_percent, limits.min, limits.max
        )

    def _head(self, output: np.ndarray, spectrum: np.ndarray, level: float) -> np.ndarray:
        """From the last layer's output to the enhanced spectrum (M1 to M8)."""
        head = self.spec.mask
        if isinstance(head, Mask | DeepFilter):
            return self._gained(head, output[0], spectrum)
        bins = spectrum[head.first_bin : head.first_bin + head.n_bins]
        if isinstance(head, Mapping):
            made = self._mapped(output, level, np.abs(bins))
        else:
            made = self._filtered(head, output, bins)
        size, made_size = np.abs(bins), np.abs(made)
        ratio = np.divide(made_size, size, out=np.ones(head.n_bins), where=size > 0)
        self._masks.append(self.min_gain + (1.0 - self.min_gain) * np.minimum(1.0, ratio))
        self._coefficients.append(np.zeros((0, 0), complex))
        enhanced = self.min_gain * spectrum
        enhanced[head.first_bin : head.first_bin + head.n_bins] += (1.0 - self.min_gain) * made
        return enhanced

    def _gained(
        self, head: Mask | DeepFilter, output: np.ndarray, spectrum: np.ndarray
    ) -> np.ndarray:
        gains, coefficients = ops.split_head(output, head)
        mask = np.maximum(gains, self.min_gain)
        enhanced = spectrum * ops.spread_mask(mask, head.first_bin, len(spectrum))
        coefficients = coefficients * (1.0 - self.min_gain)
        self._masks.append(mask)
        self._coefficients.append(coefficients)
        if isinstance(head, DeepFilter):
            self._remember(spectrum, head.order)
            part = slice(head.first_bin, head.first_bin + head.filter_bins)
            for c, past in zip(coefficients, self._past, strict=False):  # fewer at the start
                enhanced[part] += c * past[part]
            self._layers.executed_macs[-1] += 4 * coefficients.size  # of the complex products
        return enhanced

    def _mapped(self, output: np.ndarray, level: float, most: np.ndarray) -> np.ndarray:
        values = np.clip(output, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        part = self.spec.features
        if isinstance(part, ScaledSpectrum) and part.compression == "root":
            values = ops.root_expanded(values)
        mapped = level * (values[:, 0] + 1j * values[:, 1])
        size = np.abs(mapped)
        return mapped * np.divide(most, size, out=np.ones_like(size), where=size > most)

    def _filtered(self, head: MagnitudeFilter, output: np.ndarray, bins: np.ndarray) -> np.ndarray:
        size = np.abs(bins)
        self._remember(ops.sigmoid(output[:, 0]) * size, head.order)
        self._layers.executed_macs[-1] += head.n_bins * head.order * head.width
        direction = np.divide(bins, size, out=np.zeros_like(bins), where=size > 0)
        return ops.filtered_magnitudes(output, self._past, head) * direction

    def _remember(self, frame: np.ndarray, order: int) -> None:
        self._past = [frame, *self._past][:order]
