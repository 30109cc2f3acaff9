"""How good the network is now, on fixed mixtures that it never trains on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from wheesht.data.mixing import Mixer
from wheesht.errors import SilentSignalError
from wheesht.losses import Signal, loss_terms
from wheesht.metrics import METRICS
from wheesht.models.network import Network

SEED = 20240825  # of the validation mixtures, apart from every training seed
BATCH = 8  # clips at once; a matter of memory only


def validate(
    network: Network,
    mixer: Mixer,
    clips: int,
    weights: Mapping[str, float],
    metrics: Sequence[str],
    update_percents: Sequence[float],
) -> dict[str, float]:
    """Return the mean loss and mean metrics over the first `clips` validation pairs.

    Parameters
    ----------
    network : Network
        On any device.
    mixer : Mixer
        Over the validation recordings.
    clips : int
    weights : mapping
        Of the loss, see `wheesht.losses.loss_terms`.
    metrics : sequence of str
        Names of `wheesht.metrics.METRICS`.
    update_percents : sequence of float
        Positions of the dial, in percent; at least one.

    Returns
    -------
    dict
        ``loss`` and each metric, means over the positions; of several positions also
        ``<name>_p<P>`` at each. A clip that a metric cannot score is left out of its mean.
    """
    scores: dict[tuple[str, float], list[float]] = defaultdict(list)
    network.eval()
    with torch.no_grad():
        for start in range(0, clips, BATCH):
            pairs = [mixer.pair(SEED, i) for i in range(start, min(start + BATCH, clips))]
            noisy, clean = (
                torch.from_numpy(np.stack(part)).to(network.window)
                for part in zip(*pairs, strict=True)
            )
            target = Signal.from_waveform(clean, network.window)
            for percent in update_percents:
                network.set_update_percent(percent)
                enhanced = Signal.from_spectrum(network(noisy), network.window, noisy.shape[-1])
                loss, _ = loss_terms(weights, enhanced, target)
                scores["loss", percent] += [float(loss)] * len(pairs)
                for e, (_, c) in zip(enhanced.waveform.cpu().numpy(), pairs, strict=True):
                    for name in metrics:
                        try:
                            score = METRICS[name](c, e, mixer.sample_rate)
                        except SilentSignalError:
                            continue
                        scores[name, percent].append(score)
    network.train()
    means = {key: float(np.mean(values)) for key, values in scores.items()}
    scored = (n for n in ("loss", *metrics) if all((n, p) in means for p in update_percents))
    names = list(scored)
    result = {name: float(np.mean([means[name, p] for p in update_percents])) for name in names}
    if len(update_percents) > 1:
        result |= {f"{name}_p{p:g}": means[name, p] for name in names for p in update_percents}
    return result
