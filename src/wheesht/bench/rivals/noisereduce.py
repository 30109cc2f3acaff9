"""The spectral gate of noisereduce, which takes whole signals only."""

import numpy as np

from wheesht.bench.rivals.base import Denoiser
from wheesht.errors import MissingDependency

SAMPLE_RATE = 16000


def noisereduce_denoiser() -> Denoiser:
    """Return noisereduce with its defaults: non-stationary noise, one process.

    Raises
    ------
    MissingDependency
        noisereduce is not installed.
    """
    try:
        from noisereduce import reduce_noise
    except ImportError:
        raise MissingDependency("noisereduce needs: pip install 'wheesht[rivals]'") from None
    return Denoiser(
        name="noisereduce",
        dtype="f32",
        sample_rate=SAMPLE_RATE,
        hop_length=None,
        timed="reduce_noise on the whole signal at once, CPU time: it cannot stream",
        prepare=lambda x: x,
        step=lambda x: reduce_noise(y=x, sr=SAMPLE_RATE),
        finish=lambda y: np.asarray(y, np.float32),
    )
