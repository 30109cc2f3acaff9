"""Models with random weights, and signals, for tests."""

import numpy as np

from wheesht.spec.bundle import Bundle
from wheesht.spec.front_end import FrontEnd, LogPower
from wheesht.spec.heads import DeepFilter, Head, Mask
from wheesht.spec.layers import GRU, Linear
from wheesht.spec.model_spec import ModelSpec, UpdatePercent


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
