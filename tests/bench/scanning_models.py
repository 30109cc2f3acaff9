"""Small models that have every kind of layer and scan between them."""

from wheesht.spec.front_end import FrontEnd, LogPower, ScaledSpectrum
from wheesht.spec.heads import MagnitudeFilter, Mapping
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec, UpdatePercent


def bands_model(gate="top_a", n_fft=320, n_bands=9, channels=5):
    """Log powers to bands and back, all four scans, plain norms, a filter on magnitudes."""
    bins = n_fft // 2 + 1
    head = MagnitudeFilter(0, bins, 3, 3)
    layers = [BandAnalysis("bands", bins, n_bands, channels)]
    for i, (scan, units) in enumerate((("both", 3), ("time", 7), ("down", 4), ("up", 5))):
        gru = GRU(f"gru{i}", channels, units, gate, scan)
        layers += [
            gru,
            Rectifier(f"relu{i}"),
            Linear(f"fc{i}", gru.output_size, channels, "none"),
            Residual(f"sum{i}", layers[-1].name),
            LayerNorm(f"norm{i}", channels, affine=False),
        ]
    layers += [
        BandSynthesis("bins", channels, bins, n_bands, 4),
        Linear("fc_out", 4, head.input_shape.channels, head.activation),
    ]
    return _model("bands", LogPower(0, bins, 1e-8), layers, head, gate, n_fft)


def bins_model(gate="top_a", n_fft=320, compression="root", channels=6, n_bins=23):
    """Scaled spectra, a convolution, scans both ways and over time, affine norms, a mapping."""
    layers = [Conv("conv", 2, channels, 5)]
    for i, (scan, units) in enumerate((("both", channels), ("time", 9))):
        gru = GRU(f"gru{i}", channels, units, gate, scan)
        layers += [
            gru,
            Linear(f"fc{i}", gru.output_size, channels, "prelu"),
            LayerNorm(f"norm{i}", channels, affine=True),
            Residual(f"sum{i}", layers[-1].name),
        ]
    layers += [Linear("tanh", channels, channels, "tanh"), Linear("fc_out", channels, 2, "none")]
    features = ScaledSpectrum(2, n_bins, 1e-8, compression)
    return _model("bins", features, layers, Mapping(2, n_bins), gate, n_fft)


def _model(name, features, layers, head, gate, n_fft):
    dial = UpdatePercent(50.0, 1.0) if gate == "top_a" else UpdatePercent(100.0, 100.0)
    front = FrontEnd(n_fft, n_fft // 2, n_fft)
    return ModelSpec(name, name, 16000, front, features, tuple(layers), head, dial)
