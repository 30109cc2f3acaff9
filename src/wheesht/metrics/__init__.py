"""Quality measures, one a file: numpy in, float out. `METRICS` lists them by name.

Each takes ``(clean, enhanced, sample_rate)``, two aligned mono signals of one length.
"""

from collections.abc import Callable

import numpy as np

from wheesht.metrics.pesq import pesq_wb
from wheesht.metrics.si_sdr import si_sdr
from wheesht.metrics.stoi import estoi

METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int], float]] = {
    "pesq_wb": pesq_wb,
    "estoi": estoi,
    "si_sdr": si_sdr,
}

__all__ = ["METRICS", "estoi", "pesq_wb", "si_sdr"]
