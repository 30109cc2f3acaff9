"""The GRU host of the D-GRU paper: FC, two D-GRU layers, FC, magnitude mask."""

from wheesht.spec.model_spec import GRU, Features, FrontEnd, Linear, Mask, ModelSpec, UpdatePercent

N_BINS = 160  # of 161: the published counts fit only without the DC bin
POWER_FLOOR = 1e-8  # of |Y|^2; about the power that 16-bit rounding leaves in a bin


def gru_host_spec(name: str, hidden_size: int = 320, update_percent: float = 50.0) -> ModelSpec:
    """Describe the GRU host.

    Parameters
    ----------
    name : str
        Of the model, lower case.
    hidden_size : int
        Units of the first FC and of both D-GRU layers; 320 in the paper (1.336 M parameters).
    update_percent : float
        P that is used when the caller asks for none, in percent.

    Returns
    -------
    ModelSpec

    Notes
    -----
    D-GRU paper (arXiv 2408.12425), section 3. The activation of the first FC (PReLU) and the
    input compression (log power, normalised per bin) are not given there.
    """
    return ModelSpec(
        name=name,
        host="gru",
        sample_rate=16000,
        front_end=FrontEnd(win_length=320, hop_length=160, n_fft=320),
        features=Features(first_bin=1, n_bins=N_BINS, floor=POWER_FLOOR),
        layers=(
            Linear("fc_in", N_BINS, hidden_size, activation="prelu"),
            GRU("gru1", hidden_size, hidden_size, gate="top_a"),
            GRU("gru2", hidden_size, hidden_size, gate="top_a"),
            Linear("fc_out", hidden_size, N_BINS, activation="sigmoid"),
        ),
        mask=Mask(first_bin=1, n_bins=N_BINS),
        update_percent=UpdatePercent(default=update_percent, min=1.0, max=100.0),
    )
