"""The DPRNN host of the D-GRU paper: D-GRUs along frequency and time by turns, spectral mapping."""

from typing import Literal

from wheesht.spec.front_end import FrontEnd, ScaledSpectrum
from wheesht.spec.heads import Mapping
from wheesht.spec.layers import GRU, Conv, Layer, LayerNorm, Linear, Residual
from wheesht.spec.model_spec import ModelSpec, UpdatePercent

WIN_LENGTH = 320  # samples
FIRST_BIN = 1  # all bins but DC, with which the published counts fit
KERNEL_SIZE = 3  # bins
BLOCKS = 4
POWER_FLOOR = 1e-8  # of the mean |Y|^2; about the power that 16-bit rounding leaves in a bin

Compression = Literal["none", "root"]


def dprnn_host_spec(
    name: str,
    hidden_size: int = 64,
    update_percent: float = 50.0,
    *,
    compression: Compression = "root",
) -> ModelSpec:
    """Describe the DPRNN host.

    Parameters
    ----------
    name : str
        Of the model, lower case.
    hidden_size : int
        Channels of every bin and units of every GRU; 64 in the paper (0.351 M parameters).
    update_percent : float
        P that is used when the caller asks for none, in percent.
    compression : {"root", "none"}
        What becomes of magnitudes on the way in, and is undone on the way out.

    Returns
    -------
    ModelSpec

    Raises
    ------
    SpecError
        A size is outside its range.

    Notes
    -----
    D-GRU paper (arXiv 2408.12425), section 3: 4 blocks of 3 GRUs with 64 inputs and units, complex
    spectral mapping. One block is a GRU over the bins in both directions and one over time, each
    with a linear layer, a layer norm over channels and a residual; layouts that give every bin
    its own norm miss the published parameters. Scaling and compression of the input are not given
    there.
    """
    n_bins = WIN_LENGTH // 2
    layers: list[Layer] = [Conv("conv_in", 2, hidden_size, KERNEL_SIZE)]
    for b in range(1, BLOCKS + 1):
        for path, scan in (("intra", "both"), ("inter", "time")):
            layers += _path(f"block{b}_{path}", hidden_size, scan, layers[-1].name)
    layers.append(Linear("fc_out", hidden_size, 2, "none"))
    return ModelSpec(
        name=name,
        host="dprnn",
        sample_rate=16000,
        front_end=FrontEnd(WIN_LENGTH, WIN_LENGTH // 2, WIN_LENGTH),
        features=ScaledSpectrum(FIRST_BIN, n_bins, POWER_FLOOR, compression),
        layers=tuple(layers),
        mask=Mapping(FIRST_BIN, n_bins),
        update_percent=UpdatePercent(default=update_percent, min=1.0, max=100.0),
    )


def _path(name: str, size: int, scan: str, source: str) -> list[Layer]:
    gru = GRU(f"{name}_gru", size, size, "top_a", scan)  # type: ignore[arg-type]
    return [
        gru,
        Linear(f"{name}_fc", gru.output_size, size, "none"),
        LayerNorm(f"{name}_norm", size, affine=True),
        Residual(f"{name}_sum", source),
    ]
