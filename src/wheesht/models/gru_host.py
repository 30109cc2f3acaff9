"""The GRU host of the D-GRU paper: FC, two D-GRU layers, FC, magnitude mask or deep filter."""

from typing import Literal

from wheesht.spec.front_end import FrontEnd, LogPower
from wheesht.spec.heads import DeepFilter, Head, Mask
from wheesht.spec.layers import GRU, Linear
from wheesht.spec.model_spec import ModelSpec, UpdatePercent

HeadKind = Literal["magnitude", "deep_filter"]

FIRST_BIN = 1  # all bins but DC: only so the published counts fit
FILTER_BINS = 96  # to 4.8 kHz at a window of 320, 3 kHz at 512; as many as DeepFilterNet's
FILTER_ORDER = 5  # frames, as in DeepFilterNet (arXiv 2110.05588)
POWER_FLOOR = 1e-8  # of |Y|^2; about the power that 16-bit rounding leaves in a bin


def gru_host_spec(
    name: str,
    hidden_size: int = 320,
    update_percent: float = 50.0,
    *,
    win_length: int = 320,
    head: HeadKind = "magnitude",
    filter_bins: int = FILTER_BINS,
    filter_order: int = FILTER_ORDER,
) -> ModelSpec:
    """Describe the GRU host.

    Parameters
    ----------
    name : str
        Of the model, lower case.
    hidden_size : int
        Units of the first FC and of both D-GRU layers; 320 in the paper (1.336 M parameters).
    update_percent : float
        P that is used when the caller asks for none, in percent.
    win_length : int
        Samples under the window, 320 (the paper's) or 512; the hop is half of it.
    head : {"magnitude", "deep_filter"}
        What the last layer gives: a mask, or gains and a filter over frames.
    filter_bins, filter_order : int
        Bins of a deep filter, 1 to those of the mask, and frames that it reaches over, 1 to 8; a
        magnitude mask has neither.

    Returns
    -------
    ModelSpec

    Raises
    ------
    SpecError
        A size is outside its range.

    Notes
    -----
    D-GRU paper (arXiv 2408.12425), section 3. The activation of the first FC (PReLU) and the
    input compression (log power, normalised per bin) are not given there.
    """
    n_bins = win_length // 2
    mask: Head = Mask(FIRST_BIN, n_bins)
    if head == "deep_filter":
        mask = DeepFilter(FIRST_BIN, n_bins, filter_bins, filter_order)
    return ModelSpec(
        name=name,
        host="gru",
        sample_rate=16000,
        front_end=FrontEnd(win_length, hop_length=n_bins, n_fft=win_length),
        features=LogPower(FIRST_BIN, n_bins, floor=POWER_FLOOR),
        layers=(
            Linear("fc_in", n_bins, hidden_size, activation="prelu"),
            GRU("gru1", hidden_size, hidden_size, gate="top_a"),
            GRU("gru2", hidden_size, hidden_size, gate="top_a"),
            Linear("fc_out", hidden_size, mask.input_shape.channels, mask.activation),
        ),
        mask=mask,
        update_percent=UpdatePercent(default=update_percent, min=1.0, max=100.0),
    )
