"""The MPT host of the D-GRU paper: mel-spaced bands, two multi-path blocks of D-GRUs, filter."""

from wheesht.spec.front_end import FrontEnd, LogPower
from wheesht.spec.heads import MagnitudeFilter
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Layer,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)
from wheesht.spec.model_spec import ModelSpec, UpdatePercent

WIN_LENGTH = 320  # samples
N_BANDS = 26  # of 161 bins: a sixth, with which the published GRU column fits
CHANNELS = 24
UNITS = 48
FEED_FORWARD = 72
BLOCKS = 2
# Scan and units of the paths of a block, in order; the down path has 48 units like the time ones.
PATHS = (("both", UNITS // 2), ("time", UNITS), ("down", UNITS), ("time", UNITS))
FILTER_ORDER = 5  # frames
FILTER_WIDTH = 3  # bins
POWER_FLOOR = 1e-8  # of |Y|^2; about the power that 16-bit rounding leaves in a bin


def mpt_host_spec(name: str, update_percent: float = 50.0) -> ModelSpec:
    """Describe the MPT host.

    Parameters
    ----------
    name : str
        Of the model, lower case.
    update_percent : float
        P that is used when the caller asks for none, in percent.

    Returns
    -------
    ModelSpec

    Notes
    -----
    D-GRU paper (arXiv 2408.12425), section 3: 2 blocks of 4 GRUs with 24 inputs and 48 outputs, a
    ratio mask and a filter on magnitudes. Which scan each GRU makes, the feed-forward part and
    the number of bands are not given there; these reproduce its parameters and GRU operations.
    Every path is ``LN(x + FC(ReLU(GRU(x))))``, after the public GRU block of the host's authors
    (tencent-ailab/UltraDualPathCompression).
    """
    n_bins = WIN_LENGTH // 2 + 1
    head = MagnitudeFilter(0, n_bins, FILTER_ORDER, FILTER_WIDTH)
    layers: list[Layer] = [BandAnalysis("bands", n_bins, N_BANDS, CHANNELS)]
    for b in range(1, BLOCKS + 1):
        layers += _block(f"block{b}", layers[-1].name)
    layers += [
        BandSynthesis("bins", CHANNELS, n_bins, N_BANDS, CHANNELS),
        Linear("fc_out", CHANNELS, head.input_shape.channels, head.activation),
    ]
    return ModelSpec(
        name=name,
        host="mpt",
        sample_rate=16000,
        front_end=FrontEnd(WIN_LENGTH, WIN_LENGTH // 2, WIN_LENGTH),
        features=LogPower(0, n_bins, floor=POWER_FLOOR),
        layers=tuple(layers),
        mask=head,
        update_percent=UpdatePercent(default=update_percent, min=1.0, max=100.0),
    )


def _block(block: str, source: str) -> list[Layer]:
    layers: list[Layer] = []
    for p, (scan, units) in enumerate(PATHS, start=1):
        path = f"{block}_path{p}"
        gru = GRU(f"{path}_gru", CHANNELS, units, "top_a", scan)  # type: ignore[arg-type]
        layers += [
            gru,
            Rectifier(f"{path}_relu"),
            Linear(f"{path}_fc", gru.output_size, CHANNELS, "none"),
            Residual(f"{path}_sum", source),
            LayerNorm(f"{path}_norm", CHANNELS, affine=False),
        ]
        source = layers[-1].name
    return [
        *layers,
        Linear(f"{block}_fc1", CHANNELS, FEED_FORWARD, "relu"),
        Linear(f"{block}_fc2", FEED_FORWARD, CHANNELS, "none"),
        Residual(f"{block}_sum", source),
        LayerNorm(f"{block}_norm", CHANNELS, affine=False),
    ]
