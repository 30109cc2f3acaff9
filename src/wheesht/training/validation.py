"""How good the network is now, on fixed mixtures that it never trains on."""

import numpy as np
import torch

from wheesht.data.mixing import Mixer
from wheesht.errors import SilentSignalError
from wheesht.losses import LOSSES
from wheesht.metrics import METRICS
from wheesht.models.network import Network
from wheesht.models.spectrum import synthesise

SEED = 20240825  # of the validation mixtures, apart from every training seed
BATCH = 8  # clips at once; a matter of memory only


def validate(
    network: Network, mixer: Mixer, clips: int, loss_name: str, metrics: tuple[str, ...]
) -> dict[str, float]:
    """Return the mean loss and mean metrics over the first `clips` validation pairs.

    Parameters
    ----------
    network : Network
        Run with its present update percentage.
    mixer : Mixer
        Over the validation recordings.
    clips : int
    loss_name : str
        A name of `wheesht.losses.LOSSES`.
    metrics : tuple of str
        Names of `wheesht.metrics.METRICS`.

    Returns
    -------
    dict
        ``loss`` and each metric; a clip that a metric cannot score is left out of its mean.
    """
    scores: dict[str, list[float]] = {"loss": [], **{name: [] for name in metrics}}
    network.eval()
    with torch.no_grad():
        for start in range(0, clips, BATCH):
            pairs = [mixer.pair(SEED, i) for i in range(start, min(start + BATCH, clips))]
            noisy = torch.from_numpy(np.stack([p[0] for p in pairs]))
            clean = torch.from_numpy(np.stack([p[1] for p in pairs]))
            spectrum = network(noisy)
            scores["loss"].append(float(LOSSES[loss_name](spectrum, network.spectrum(clean))))
            enhanced = synthesise(spectrum, network.window, noisy.shape[-1])
            for e, (_, c) in zip(enhanced.numpy(), pairs, strict=True):
                for name in metrics:
                    try:
                        scores[name].append(METRICS[name](c, e, mixer.sample_rate))
                    except SilentSignalError:
                        continue
    network.train()
    return {name: float(np.mean(values)) for name, values in scores.items() if values}
