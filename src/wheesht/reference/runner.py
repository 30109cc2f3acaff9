"""A stream of the judge: a bundle run hop by hop, every choice on record."""

import copy
from typing import Self

import numpy as np

from wheesht.dsp.features import log_power, normalise
from wheesht.dsp.stft import sqrt_hann
from wheesht.errors import ParameterError, ShapeError
from wheesht.reference import ops
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import DIALS, GRU, DeepFilter, Linear, selected_units


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
    ) -> None:
        if dial not in DIALS:
            raise ParameterError(f"dial: got {dial!r}, needs one of {', '.join(DIALS)}")
        self._dial = dial
        self.spec = bundle.spec
        self._tensors = {name: t.astype(np.float64) for name, t in bundle.tensors.items()}
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
        self._states = {la.name: np.zeros(la.hidden_size) for la in self.spec.recurrent_layers}
        self._last_hop = np.zeros(hop)
        self._overlap = np.zeros(hop)
        self._past: list[np.ndarray] = []  # noisy spectra of earlier frames, the last one first
        self._update_masks: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        self._coefficients: list[np.ndarray] = []
        self._executed_macs = [0] * len(self.spec.layers)
        self._dial_state = ops.DialState()
        self._earlier: np.ndarray | None = None  # features of the last hop
        self._hop_percents: list[float] = []

    def clone(self) -> Self:
        """Return an independent stream in the same state, records included."""
        twin = copy.copy(self)
        twin._states = dict(self._states)  # arrays are replaced, never written to
        twin._update_masks = list(self._update_masks)
        twin._masks = list(self._masks)
        twin._coefficients = list(self._coefficients)
        twin._executed_macs = list(self._executed_macs)
        twin._dial_state = copy.copy(self._dial_state)
        twin._hop_percents = list(self._hop_percents)
        return twin

    @property
    def hops(self) -> int:
        """Hops since the last reset."""
        return len(self._masks)

    @property
    def hidden(self) -> np.ndarray:
        """Hidden states, (sum of H,), layers in order."""
        return np.concatenate([np.zeros(0), *self._states.values()])

    @property
    def masks(self) -> np.ndarray:
        """Mask of the model per hop since the last reset, (hops, mask bins), `min_gain` applied."""
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
        """Which units were updated per hop since the last reset, (hops, sum of H), bool."""
        return np.reshape(np.array(self._update_masks, dtype=bool), (self.hops, self._n_units))

    @property
    def hop_percents(self) -> list[float]:
        """P of every hop since the last reset, percent."""
        return list(self._hop_percents)

    @property
    def executed_macs(self) -> list[int]:
        """MACs carried out per layer since the last reset: elements of the rows multiplied."""
        return list(self._executed_macs)

    @property
    def updated_units(self) -> list[int]:
        """Units updated per recurrent layer since the last reset."""
        counts = self.update_masks.sum(axis=0)
        edges = np.cumsum([layer.hidden_size for layer in self.spec.recurrent_layers])
        return [int(part.sum()) for part in np.split(counts, edges)[:-1]]

    def process(self, x: np.ndarray, update_masks: np.ndarray | None = None) -> np.ndarray:
        """Enhance whole hops.

        Parameters
        ----------
        x : ndarray, shape (n * hop,)
            Linear amplitude at 16 kHz; anything non-finite counts as 0.
        update_masks : ndarray, shape (n, sum of H), optional
            Units to update instead of those that the gates would choose.

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
        given = [None] * n if update_masks is None else list(update_masks)
        blocks = [self._hop(x[t * hop : (t + 1) * hop], given[t]) for t in range(n)]
        return np.concatenate([np.zeros(0), *blocks])

    def process_hop(self, x: np.ndarray, update_mask: np.ndarray | None = None) -> np.ndarray:
        """Enhance one hop; `process` with n = 1 and one row of masks."""
        return self.process(x, None if update_mask is None else update_mask[np.newaxis])

    @property
    def _n_units(self) -> int:
        return sum(layer.hidden_size for layer in self.spec.recurrent_layers)

    def _hop(self, x: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        """One pass through equations S0 to S3 with the model between S2 and S3."""
        hop, n_bins = self.spec.front_end.hop_length, self.spec.front_end.n_bins
        this_hop = ops.sanitise(x)
        spectrum = np.fft.rfft(np.concatenate([self._last_hop, this_hop]) * self._window)
        gains, coefficients = ops.split_head(self._model(spectrum, given), self.spec.mask)
        mask = np.maximum(gains, self.min_gain)
        enhanced = spectrum * ops.spread_mask(mask, self.spec.mask.first_bin, n_bins)
        coefficients = coefficients * (1.0 - self.min_gain)
        self._add_filtered(enhanced, spectrum, coefficients)
        frame = np.fft.irfft(enhanced, n=2 * hop) * self._window
        finished = self._overlap + frame[:hop]
        self._last_hop, self._overlap = this_hop, frame[hop:]
        self._masks.append(mask)
        self._coefficients.append(coefficients)
        return finished

    def _add_filtered(
        self, enhanced: np.ndarray, spectrum: np.ndarray, coefficients: np.ndarray
    ) -> None:
        """Add what the deep filter makes of this and the last spectra to `enhanced` (M5)."""
        if not isinstance(self.spec.mask, DeepFilter):
            return
        first, count = self.spec.mask.first_bin, self.spec.mask.filter_bins
        self._past = [spectrum, *self._past][: self.spec.mask.order]
        for c, past in zip(coefficients, self._past, strict=False):  # fewer at the start
            enhanced[first : first + count] += c * past[first : first + count]
        self._executed_macs[-1] += 4 * coefficients.size  # real ones of the complex products

    def _model(self, spectrum: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        """From a spectrum to the mask: features, then every layer in order."""
        bins = self.spec.features
        seen = log_power(spectrum[bins.first_bin : bins.first_bin + bins.n_bins], bins.floor)
        x = normalise(seen, self._tensors["features.mean"], self._tensors["features.scale"])
        self._hop_percents.append(self._turn_dial(x))
        chosen, start = [np.zeros(0, dtype=bool)], 0
        for i, layer in enumerate(self.spec.layers):
            if isinstance(layer, Linear):
                x = self._linear(i, layer, x)
                continue
            own = None if given is None else given[start : start + layer.hidden_size].astype(bool)
            x, update_mask = self._gru(i, layer, x, own)
            chosen.append(update_mask)
            start += layer.hidden_size
        self._update_masks.append(np.concatenate(chosen))
        return x

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

    def _linear(self, i: int, layer: Linear, x: np.ndarray) -> np.ndarray:
        weight, bias = (self._tensors[f"{layer.name}.{t}"] for t in ("weight", "bias"))
        slope = self._tensors.get(f"{layer.name}.slope", np.ones(1))[0]
        self._executed_macs[i] += weight.size
        return ops.activate(ops.times(weight, x) + bias, layer.activation, slope)

    def _gru(
        self, i: int, layer: GRU, x: np.ndarray, given: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        names = ("w_x", "w_h", "b_x", "b_h")
        weights = ops.GRUWeights(*(self._tensors[f"{layer.name}.{t}"] for t in names))
        h = self._states[layer.name]
        z_pre = ops.update_gate(x, h, weights)
        update_mask = self._select(layer, z_pre) if given is None else given
        self._states[layer.name] = ops.gru_update(x, h, weights, z_pre, update_mask)
        rows = layer.hidden_size + 2 * int(update_mask.sum())  # all of z; r and c of the chosen
        self._executed_macs[i] += rows * (layer.input_size + layer.hidden_size)
        return self._states[layer.name], update_mask

    def _select(self, layer: GRU, z_pre: np.ndarray) -> np.ndarray:
        if layer.gate == "top_a":
            return ops.select_top_a(
                z_pre, selected_units(self._hop_percents[-1], layer.hidden_size)
            )
        if layer.gate == "threshold":
            return ops.select_above(z_pre, self._tensors[f"{layer.name}.threshold"])
        return np.ones(layer.hidden_size, dtype=bool)
