"""Quality measures, one a file: numpy in, float out. `METRICS` lists them by name.

Each takes ``(clean, enhanced, sample_rate)``, two aligned mono signals of one length; `score`
takes several at once.
"""

from wheesht.metrics.metric import Metric, Signals
from wheesht.metrics.pesq import pesq_nb, pesq_wb
from wheesht.metrics.registry import METRICS, score
from wheesht.metrics.si_sdr import si_sdr, si_snr
from wheesht.metrics.stoi import estoi, stoi

__all__ = [
    "METRICS",
    "Metric",
    "Signals",
    "estoi",
    "pesq_nb",
    "pesq_wb",
    "score",
    "si_sdr",
    "si_snr",
    "stoi",
]
