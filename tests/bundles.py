"""Models with random weights, and signals, for tests."""

from collections.abc import Mapping as Dictionary

import numpy as np

from wheesht.spec.bundle import Bundle
from wheesht.spec.front_end import FrontEnd, LogPower, ScaledSpectrum
from wheesht.spec.heads import DeepFilter, Head, MagnitudeFilter, Mapping, Mask
from wheesht.spec.integers import INPUT_LEVELS, INPUT_SCALE, SCALE, has_integers, quantize_rows
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    Layer,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec, UpdatePercent, with_dtypes


def gru_host(
    hidden: tuple[int, ...] = (7, 33),
    gate: str = "top_a",
    n_fft: int = 320,
    activation: str = "prelu",
    n_bins: int | None = None,
    first_bin: int = 1,
    filter_order: int = 0,
) -> ModelSpec:
    """The GRU host in any size: features, linear, one GRU per entry of `hidden`, linear.

    With a `filter_order` a deep filter on three fifths of its bins is its head.
    """
    n_bins = n_fft // 2 if n_bins is None else n_bins
    mask: Head = Mask(first_bin, n_bins)
    if filter_order:
        mask = DeepFilter(first_bin, n_bins, max(1, 3 * n_bins // 5), filter_order)
    widths = (hidden[0], *hidden)
    layers = [Linear("fc_in", n_bins, hidden[0], activation)]  # type: ignore[arg-type]
    for i, size in enumerate(hidden):
        layers.append(GRU(f"gru{i + 1}", widths[i], size, gate))  # type: ignore[arg-type]
    layers.append(Linear("fc_out", hidden[-1], mask.input_shape.channels, mask.activation))
    dial = UpdatePercent(50.0, 1.0) if gate == "top_a" else UpdatePercent(100.0, 100.0)
    return ModelSpec(
        name="random",
        host="gru",
        sample_rate=16000,
        front_end=FrontEnd(n_fft, n_fft // 2, n_fft),
        features=LogPower(first_bin, n_bins, 1e-8),
        layers=tuple(layers),
        mask=mask,
        update_percent=dial,
        provenance={"data": ["none"], "seed": 0},
    )


def band_host(
    scans: tuple[tuple[str, int], ...] = (("both", 4), ("time", 7), ("down", 9), ("up", 3)),
    gate: str = "top_a",
    n_fft: int = 320,
    n_bins: int = 161,
    n_bands: int = 11,
    channels: int = 5,
    affine: bool = False,
    order: int = 3,
    width: int = 3,
) -> ModelSpec:
    """A small relative of the MPT host: bands, a path per (scan, units), a magnitude filter.

    A path is ``LN(x + FC(ReLU(GRU(x))))``; the bins are the lowest `n_bins`.
    """
    layers: list[Layer] = [BandAnalysis("bands", n_bins, n_bands, channels)]
    for i, (scan, units) in enumerate(scans, start=1):
        gru = GRU(f"gru{i}", channels, units, gate, scan)  # type: ignore[arg-type]
        layers += [
            gru,
            Rectifier(f"relu{i}"),
            Linear(f"fc{i}", gru.output_size, channels, "none"),
            Residual(f"sum{i}", f"norm{i - 1}" if i > 1 else "bands"),
            LayerNorm(f"norm{i}", channels, affine),
        ]
    head = MagnitudeFilter(0, n_bins, order, width)
    layers.append(BandSynthesis("bins", channels, n_bins, n_bands, 4))
    layers.append(Linear("fc_out", 4, head.input_shape.channels, head.activation))
    return _scanning("mpt", n_fft, LogPower(0, n_bins, 1e-8), layers, head, gate)


def bin_host(
    scans: tuple[tuple[str, int], ...] = (("both", 5), ("time", 6)),
    gate: str = "top_a",
    n_fft: int = 320,
    n_bins: int = 23,
    first_bin: int = 1,
    channels: int = 6,
    kernel_size: int = 3,
    affine: bool = True,
    compression: str = "root",
) -> ModelSpec:
    """A small relative of the DPRNN host: a convolution, a path per (scan, units), a mapping.

    A path is ``x + LN(FC(GRU(x)))``; bins outside `n_bins` from `first_bin` on are silent.
    """
    layers: list[Layer] = [Conv("conv_in", 2, channels, kernel_size)]
    for i, (scan, units) in enumerate(scans, start=1):
        gru = GRU(f"gru{i}", channels, units, gate, scan)  # type: ignore[arg-type]
        layers += [
            gru,
            Linear(f"fc{i}", gru.output_size, channels, "none"),
            LayerNorm(f"norm{i}", channels, affine),
            Residual(f"sum{i}", f"sum{i - 1}" if i > 1 else "conv_in"),
        ]
    layers.append(Linear("fc_out", channels, 2, "none"))
    features = ScaledSpectrum(first_bin, n_bins, 1e-8, compression)  # type: ignore[arg-type]
    return _scanning("dprnn", n_fft, features, layers, Mapping(first_bin, n_bins), gate)


def _scanning(
    host: str,
    n_fft: int,
    features: LogPower | ScaledSpectrum,
    layers: list[Layer],
    head: Head,
    gate: str,
) -> ModelSpec:
    return ModelSpec(
        name="random",
        host=host,
        sample_rate=16000,
        front_end=FrontEnd(n_fft, n_fft // 2, n_fft),
        features=features,
        layers=tuple(layers),
        mask=head,
        update_percent=UpdatePercent(50.0, 1.0) if gate == "top_a" else UpdatePercent(100.0, 100.0),
        provenance={"data": ["none"], "seed": 0},
    )


def scanning_models() -> dict[str, tuple[ModelSpec, float]]:
    """Small models with every layer, scan, gate and head of networks that scan frequency, and P.

    No size is a multiple of 16, so that no vector width divides any.
    """
    wide = (("time", 19), ("both", 17), ("time", 33))
    return {
        "bands-p50": (band_host(), 50.0),
        "bands-p1": (band_host(affine=True, order=1, width=1), 1.0),
        "bands-p75-512": (band_host(wide, n_fft=512, n_bins=257, n_bands=26, channels=21), 75.0),
        "bands-some-bins": (band_host(n_bins=101, n_bands=7, order=8, width=7), 50.0),
        "bands-dense": (band_host(gate="none"), 100.0),
        "bands-threshold": (band_host(gate="threshold", affine=True, order=5), 100.0),
        "bins-p50": (bin_host(), 50.0),
        "bins-p25-512": (bin_host(wide, n_fft=512, n_bins=37, first_bin=4, channels=21), 25.0),
        "bins-p100": (bin_host((("up", 7), ("down", 9)), affine=False), 100.0),
        "bins-all-p75": (bin_host(n_bins=160, kernel_size=1, compression="none"), 75.0),
        "bins-dense": (bin_host(gate="none", compression="none", kernel_size=5), 100.0),
        "bins-threshold": (bin_host(gate="threshold", n_bins=1, first_bin=0), 100.0),
    }


def random_tensors(spec: ModelSpec, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw weights that keep gates and states moving on signals near full scale."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in spec.tensor_shapes().items():
        kind = name.split(".")[-1]
        if kind == "mean":
            values = rng.uniform(-8.0, -4.0, shape)
        elif kind == "scale":
            values = rng.uniform(0.2, 0.4, shape)
        elif kind == "threshold":
            values = rng.uniform(0.3, 0.7, shape)
        elif kind == "slope":
            values = np.full(shape, 0.25)
        else:
            values = 1.5 * rng.standard_normal(shape) / np.sqrt(shape[-1])
        tensors[name] = values.astype(np.float32)
    return tensors


def random_bundle_of(spec: ModelSpec, seed: int = 0) -> Bundle:
    """A bundle in memory, as if it had been read from a file."""
    return Bundle(spec, random_tensors(spec, seed), sha256="0" * 64)


def integer_dtypes(spec: ModelSpec) -> dict[str, str]:
    """Every layer of integers that can be, by name: `s8`, and the last one `s16`."""
    kinds = GRU | Linear | BandSynthesis
    return {layer.name: "s8" for layer in spec.layers if isinstance(layer, kinds)} | {
        spec.layers[-1].name: "s16"
    }


def integer_bundle(
    bundle: Bundle, dtypes: Dictionary[str, str] | None = None, reach: float = 4.0
) -> Bundle:
    """The same model with integers in the layers of `dtypes` (`integer_dtypes` when left out).

    Inputs are limited to `reach`, to 1 behind what gives no more.
    """
    spec = with_dtypes(bundle.spec, integer_dtypes(bundle.spec) if dtypes is None else dtypes)
    shapes, tensors = spec.tensor_shapes(), dict(bundle.tensors)
    for name in shapes:
        if has_integers(name, shapes):
            tensors[name], tensors[f"{name}{SCALE}"] = quantize_rows(bundle.tensors[name])
    largest = reach
    for layer in spec.layers:
        if INPUT_SCALE in layer.tensor_shapes():
            scale = np.array([largest / INPUT_LEVELS[layer.dtype]], np.float32)
            tensors[f"{layer.name}.{INPUT_SCALE}"] = scale
        if isinstance(layer, GRU | BandSynthesis):
            largest = 1.0
        elif not isinstance(layer, Rectifier):
            bounded = isinstance(layer, Linear) and layer.activation in ("sigmoid", "tanh")
            largest = 1.0 if bounded else reach
    return Bundle(spec, {name: tensors[name] for name in shapes}, bundle.sha256)


def speech_like(seconds: float, seed: int = 0, snr_db: float = 10.0) -> np.ndarray:
    """Synthesise voiced syllables with pauses in noise, 16 kHz, float64, peak about 0.5.

    Harmonics of a drifting pitch, weighted by three moving resonances, under a syllable envelope
    of about 4 Hz; noise falls by 3 dB per octave. No recording is involved.
    """
    rng = np.random.default_rng(seed)
    n, rate = int(round(seconds * 16000)), 16000
    time = np.arange(n) / rate
    drift = np.cumsum(rng.standard_normal(n)) / np.sqrt(rate)
    pitch = 140.0 * np.exp(0.15 * np.sin(2 * np.pi * 0.7 * time) + 0.05 * drift)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    centres = [500 + 200 * np.sin(2 * np.pi * 1.1 * time), 1500 + 400 * np.sin(5 * time), 2500]
    voice = np.zeros(n)
    for k in range(1, 40):
        frequency = k * pitch
        gain = sum(1.0 / (1.0 + ((frequency - c) / 120.0) ** 2) for c in centres)
        voice += np.where(frequency < 7500, gain / k**0.5, 0.0) * np.sin(k * phase)
    voice *= np.clip(np.sin(2 * np.pi * 2.0 * time) + 0.3, 0.0, None)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 10.0), n)
    noise *= np.sqrt(np.mean(voice**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return 0.5 * (voice + noise) / np.max(np.abs(voice + noise))
