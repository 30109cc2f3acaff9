"""Composite ratings of speech, background and the whole: regressions on four measures.

Hu and Loizou, "Evaluation of objective quality measures for speech enhancement" (2008), with
wide-band PESQ as everybody uses them at 16 kHz, where the paper had 8 kHz and narrow-band PESQ.
Mean opinion scores from 1 to 5, higher is better. Errors are those of `pesq_wb`, `llr`, `wss` and
`seg_snr`.
"""

import numpy as np

from wheesht.metrics.llr import llr
from wheesht.metrics.metric import Signals
from wheesht.metrics.pesq import pesq_wb
from wheesht.metrics.seg_snr import seg_snr
from wheesht.metrics.wss import wss

LOWEST, HIGHEST = 1.0, 5.0


def csig(signals: Signals) -> float:
    """Return the predicted rating of how natural the speech is."""
    pesq = signals.once(pesq_wb)  # first: its error is the one to read
    return _rating(3.093 - 1.029 * signals.once(llr) + 0.603 * pesq - 0.009 * signals.once(wss))


def cbak(signals: Signals) -> float:
    """Return the predicted rating of how little the background intrudes."""
    pesq, noise = signals.once(pesq_wb), signals.once(seg_snr)
    return _rating(1.634 + 0.478 * pesq - 0.007 * signals.once(wss) + 0.063 * noise)


def covl(signals: Signals) -> float:
    """Return the predicted rating of the overall quality."""
    pesq = signals.once(pesq_wb)
    return _rating(1.594 + 0.805 * pesq - 0.512 * signals.once(llr) - 0.007 * signals.once(wss))


def _rating(value: float) -> float:
    return float(np.clip(value, LOWEST, HIGHEST))
