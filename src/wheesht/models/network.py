"""Any `ModelSpec` as a trainable torch network; its tensors carry the bundle's names."""

import numpy as np
import torch
from torch import Tensor, nn

from wheesht.cells.base import State
from wheesht.cells.controllers import TopA
from wheesht.cells.integers import Ranges, Scale
from wheesht.dsp.stft import sqrt_hann
from wheesht.errors import ParameterError
from wheesht.models.features import make_features
from wheesht.models.heads import enhanced_spectrum, start_without_filter
from wheesht.models.layers import Dense, make_layer, scan
from wheesht.models.spectrum import analyse, synthesise
from wheesht.spec.bundle import Bundle, dequantized
from wheesht.spec.integers import SCALE, has_integers, is_scale
from wheesht.spec.layers import GRU, Residual
from wheesht.spec.model_spec import ModelSpec

# Of the states that features and heads carry; no layer's name has a dot.
LEVEL, PAST = "features.level", "mask.past"


class Network(nn.Module):
    """A denoiser built from its spec.

    Parameters
    ----------
    spec : ModelSpec
        Every GRU becomes a `DGRU` with the controller that its gate names, or one for each of two
        directions. Layers of integers round their weights and inputs as the engine does; what is
        trained are the numbers before rounding.
    ranges : {"fixed", "learned"}
        Whether the scales of integers stay as they are, or are parameters.
    """

    window: Tensor

    def __init__(self, spec: ModelSpec, ranges: Ranges = "fixed") -> None:
        super().__init__()
        self.spec = spec
        self.features = make_features(spec.features)
        for layer in spec.layers:
            self.add_module(layer.name, make_layer(layer, spec.update_percent.default, ranges))
        last = self.get_submodule(spec.layers[-1].name)
        if isinstance(last, Dense):
            start_without_filter(last.weight, last.bias, spec.mask)
        self._clips: int | None = None  # for which there is a P each; None: one P for all
        self._sources = {la.source for la in spec.layers if isinstance(la, Residual)}
        window = torch.from_numpy(sqrt_hann(spec.front_end.win_length))
        self.register_buffer("window", window.to(torch.get_default_dtype()), persistent=False)

    @classmethod
    def from_bundle(cls, bundle: Bundle, ranges: Ranges = "fixed") -> "Network":
        """Build a network with the weights of a bundle, or with those that its integers stand for.

        Until it is trained, `bundle_tensors` are those of the bundle, bit for bit.
        """
        network = cls(bundle.spec, ranges)
        own = network._named()
        with torch.no_grad():
            for name, array in dequantized(bundle).tensors.items():
                own[name].copy_(torch.from_numpy(np.array(array)))
        for name, array in bundle.tensors.items():
            if is_scale(name):
                network._scale(name).set(torch.from_numpy(np.array(array)))
        return network

    def bundle_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that a bundle stores, by their names there.

        Those of floats are views, not copies; matrices of integers are int8.
        """
        shapes, own = self.spec.tensor_shapes(), self._named()
        tensors = {}
        for name in shapes:
            if is_scale(name):
                tensors[name] = self._scale(name).value().detach()
            elif has_integers(name, shapes):
                tensors[name] = self._scale(f"{name}{SCALE}").integers(own[name])
            else:
                tensors[name] = own[name].detach()
        return tensors

    def _named(self) -> dict[str, Tensor]:
        """Return parameters and buffers, by what a bundle calls those that it has too."""
        named = dict(self.named_parameters()) | dict(self.named_buffers())
        return {name.replace(".controller.", "."): tensor for name, tensor in named.items()}

    def _scale(self, name: str) -> Scale:
        scale = self.get_submodule(name)
        assert isinstance(scale, Scale)
        return scale

    def set_update_percent(self, update_percent: float | Tensor) -> None:
        """Set P of every top-A layer, in percent, above 0 and at most 100; (B,) one per clip."""
        self._clips = len(update_percent) if isinstance(update_percent, Tensor) else None
        for module in self.modules():
            if isinstance(module, TopA):
                module.update_percent = update_percent

    def enhance_spectrum(
        self, spectrum: Tensor, states: dict[str, State] | None = None
    ) -> tuple[Tensor, dict[str, State]]:
        """Enhance a noisy spectrum.

        Parameters
        ----------
        spectrum : Tensor, complex, shape (B, T, F)
        states : dict by name, optional
            From an earlier call, to go on where it ended.

        Returns
        -------
        enhanced : Tensor, complex, shape (B, T, F)
        states : dict by name
            Of every recurrent layer, and what features and head remember.

        Raises
        ------
        ParameterError
            There is a P for each clip, but of another number of clips.
        """
        if self._clips not in (None, spectrum.shape[0]):
            raise ParameterError(
                f"update_percent: got {self._clips} for {spectrum.shape[0]} clips, needs one for "
                f"all or one for each"
            )
        before = states or {}
        x, level, seen = self.features(spectrum, before.get(LEVEL))
        after: dict[str, State] = {LEVEL: seen}
        sources: dict[str, Tensor] = {}
        for layer in self.spec.layers:
            module = self.get_submodule(layer.name)
            if isinstance(layer, GRU):
                x, after[layer.name] = scan(module, layer, x, before.get(layer.name))
            else:
                x = module(x)
            if isinstance(layer, Residual):
                x = x + sources[layer.source]
            if layer.name in self._sources:
                sources[layer.name] = x
        output = x.to(spectrum.real.dtype)  # autocast ends here: what follows is no product
        enhanced, after[PAST] = enhanced_spectrum(
            output, self.spec.mask, spectrum, level, self.spec.features, before.get(PAST, {})
        )
        return enhanced, after

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
