"""Any `ModelSpec` as a trainable torch network; its tensors carry the bundle's names."""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wheesht.cells.base import State
from wheesht.cells.controllers import Everyone, Threshold, TopA
from wheesht.cells.dgru import DGRU
from wheesht.dsp.stft import sqrt_hann
from wheesht.errors import ParameterError
from wheesht.models.heads import apply_filter, past_frames, spread_gains, start_without_filter
from wheesht.models.spectrum import analyse, synthesise
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import GRU, DeepFilter, Linear, ModelSpec

PAST = "past.spectrum"  # of the state that a deep filter carries; no layer's name has a dot
ACTIVATIONS = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


class Dense(nn.Module):
    """Fully connected layer with its activation; parameters ``weight``, ``bias``, ``slope``."""

    def __init__(self, spec: Linear) -> None:
        super().__init__()
        inner = nn.Linear(spec.input_size, spec.output_size)
        self.weight, self.bias = inner.weight, inner.bias
        self.slope: nn.Parameter | None = None
        self.activation: nn.Module = nn.Identity()
        if spec.activation == "prelu":
            self.slope = nn.Parameter(torch.full((1,), 0.25))
        else:
            self.activation = ACTIVATIONS[spec.activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        y = functional.linear(x, self.weight, self.bias)
        return self.activation(y) if self.slope is None else functional.prelu(y, self.slope)


def _controller(spec: GRU, update_percent: float) -> TopA | Threshold | Everyone:
    if spec.gate == "top_a":
        return TopA(update_percent)
    return Threshold(spec.hidden_size) if spec.gate == "threshold" else Everyone()


class FeatureScale(nn.Module):
    """Mean and scale per bin of the log-power features; measured on data, not trained."""

    mean: Tensor
    scale: Tensor

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bins))
        self.register_buffer("scale", torch.ones(n_bins))

    def forward(self, log_power: Tensor) -> Tensor:
        """Normalise (..., K)."""
        return (log_power - self.mean) * self.scale


class Network(nn.Module):
    """A denoiser built from its spec.

    Parameters
    ----------
    spec : ModelSpec
        Every recurrent layer becomes a `DGRU` with the controller that its gate names.
    """

    window: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.features = FeatureScale(spec.features.n_bins)
        for layer in spec.layers:
            if isinstance(layer, Linear):
                module: nn.Module = Dense(layer)
            else:
                controller = _controller(layer, spec.update_percent.default)
                module = DGRU(layer.input_size, layer.hidden_size, controller)
            self.add_module(layer.name, module)
            if layer is spec.layers[-1] and isinstance(module, Dense):
                start_without_filter(module.weight, module.bias, spec.mask)
        window = torch.from_numpy(sqrt_hann(spec.front_end.win_length))
        self.register_buffer("window", window.to(torch.get_default_dtype()), persistent=False)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Network":
        """Build a network with the weights of a bundle."""
        network = cls(bundle.spec)
        own = network.bundle_tensors()
        with torch.no_grad():
            for name, array in bundle.tensors.items():
                own[name].copy_(torch.from_numpy(np.array(array)))
        return network

    def bundle_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that a bundle stores, by their names there; views, not copies."""
        named = dict(self.named_parameters()) | dict(self.named_buffers())
        found = {name.replace(".controller.", "."): tensor for name, tensor in named.items()}
        return {name: found[name].detach() for name in self.spec.tensor_shapes()}

    def set_update_percent(self, update_percent: float | Tensor) -> None:
        """Set P of every top-A layer, in percent, above 0 and at most 100; (B,) one per row."""
        for module in self.modules():
            if isinstance(module, TopA):
                module.update_percent = update_percent

    def log_power(self, spectrum: Tensor) -> Tensor:
        """Return the features before normalisation, (..., T, F) complex to (..., T, K)."""
        part = self.spec.features
        bins = spectrum[..., part.first_bin : part.first_bin + part.n_bins]
        return torch.log(bins.real.square() + bins.imag.square() + part.floor)

    def mask(
        self, spectrum: Tensor, states: dict[str, State] | None = None
    ) -> tuple[Tensor, dict[str, State]]:
        """Estimate the mask of a noisy spectrum; of a deep filter, the gains alone.

        Parameters
        ----------
        spectrum : Tensor, complex, shape (B, T, F)
        states : dict by name, optional
            From an earlier call of this or `enhance_spectrum`, to go on where it ended.

        Returns
        -------
        mask : Tensor, shape (B, T, F), 0 to 1
        states : dict by name
        """
        output, after = self._run_layers(spectrum, states or {})
        return spread_gains(output, self.spec.mask, spectrum.shape[-1]), after

    def enhance_spectrum(
        self, spectrum: Tensor, states: dict[str, State] | None = None
    ) -> tuple[Tensor, dict[str, State]]:
        """Enhance a noisy spectrum.

        Parameters
        ----------
        spectrum : Tensor, complex, shape (B, T, F)
        states : dict by name, optional
            From an earlier call of this or `mask`, to go on where it ended.

        Returns
        -------
        enhanced : Tensor, complex, shape (B, T, F)
        states : dict by name
            Of every recurrent layer, and of a deep filter the past frames.
        """
        before, head = states or {}, self.spec.mask
        output, after = self._run_layers(spectrum, before)
        enhanced = spread_gains(output, head, spectrum.shape[-1]) * spectrum
        if isinstance(head, DeepFilter):
            past = before[PAST]["frames"] if PAST in before else None
            enhanced = enhanced + apply_filter(output, head, spectrum, past)
        return enhanced, after

    def _run_layers(
        self, spectrum: Tensor, states: dict[str, State]
    ) -> tuple[Tensor, dict[str, State]]:
        """Return what the last layer gives for (B, T, F), (B, T, O), and the states after it."""
        x = self.features(self.log_power(spectrum))
        after: dict[str, State] = {}
        for layer in self.spec.layers:
            module = self.get_submodule(layer.name)
            if isinstance(layer, GRU):
                x, after[layer.name] = cast(DGRU, module)(x, states.get(layer.name))
            else:
                x = module(x)
        if isinstance(self.spec.mask, DeepFilter):
            past = states[PAST]["frames"] if PAST in states else None
            after[PAST] = {"frames": past_frames(spectrum, self.spec.mask, past)}
        return x.to(spectrum.real.dtype), after  # autocast ends here: what follows is no product

    def forward(self, noisy: Tensor) -> Tensor:
        """Return the enhanced spectrum (B, T, F) of waveforms (B, N)."""
        return self.enhance_spectrum(self.spectrum(noisy))[0]

    def spectrum(self, x: Tensor) -> Tensor:
        """Return the spectrum (B, T, F) of waveforms (B, N)."""
        return analyse(x, self.window)

    def enhance(self, noisy: Tensor) -> Tensor:
        """Return enhanced waveforms (B, N), aligned with the noisy ones."""
        if noisy.ndim != 2:
            raise ParameterError(f"Network.enhance: got shape {tuple(noisy.shape)}, needs (B, N)")
        return synthesise(self(noisy), self.window, noisy.shape[-1])
