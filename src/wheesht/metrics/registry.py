"""All metrics by name, in the order of every table, and one call that scores a clip."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from wheesht.errors import MissingDependency, ParameterError, WheeshtError
from wheesht.metrics.checks import check_pair, check_rate, check_signal
from wheesht.metrics.composite import cbak, covl, csig
from wheesht.metrics.dnsmos import dnsmos
from wheesht.metrics.lufs import lufs
from wheesht.metrics.metric import Measure, Metric, Signals
from wheesht.metrics.pesq import pesq_nb, pesq_wb
from wheesht.metrics.sdr import sdr
from wheesht.metrics.seg_snr import seg_snr
from wheesht.metrics.si_sdr import si_sdr, si_snr
from wheesht.metrics.stoi import estoi, stoi


def _once(measure: Measure, part: str | None = None) -> Callable[[Signals], float]:
    """Take `part` of what `measure` returns, which is computed once for all of its parts."""
    pick: Callable[[Any], float] = attrgetter(part) if part else float
    return lambda signals: pick(signals.once(measure))


P835 = "DNSMOS P.835, Reddy et al. 2022"
P808 = "DNSMOS P.808, Reddy et al. 2021"
HU_LOIZOU = "Hu and Loizou 2008"
UP = "higher"
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        # name, label, unit, low, high, better, needs_clean, source, measure
        Metric("pesq_wb", "PESQ-WB", "MOS-LQO", 1, 4.65, UP, True, "P.862.2", _once(pesq_wb)),
        Metric("pesq_nb", "PESQ-NB", "MOS-LQO", 1, 4.55, UP, True, "P.862.1", _once(pesq_nb)),
        Metric("stoi", "STOI", "", 0, 1, UP, True, "Taal et al. 2011", _once(stoi)),
        Metric("estoi", "ESTOI", "", 0, 1, UP, True, "Jensen and Taal 2016", _once(estoi)),
        Metric("si_sdr", "SI-SDR", "dB", -100, 100, UP, True, "Le Roux 2019", _once(si_sdr)),
        Metric("si_snr", "SI-SNR", "dB", -100, 100, UP, True, "Luo 2018", _once(si_snr)),
        Metric("sdr", "SDR", "dB", -100, 100, UP, True, "Vincent et al. 2006", _once(sdr)),
        Metric("seg_snr", "segSNR", "dB", -10, 35, UP, True, "Hansen 1998", _once(seg_snr)),
        Metric("csig", "CSIG", "MOS", 1, 5, UP, True, HU_LOIZOU, csig),
        Metric("cbak", "CBAK", "MOS", 1, 5, UP, True, HU_LOIZOU, cbak),
        Metric("covl", "COVL", "MOS", 1, 5, UP, True, HU_LOIZOU, covl),
        Metric("dnsmos_ovrl", "OVRL", "MOS", 1, 5, UP, False, P835, _once(dnsmos, "ovrl")),
        Metric("dnsmos_sig", "SIG", "MOS", 1, 5, UP, False, P835, _once(dnsmos, "sig")),
        Metric("dnsmos_bak", "BAK", "MOS", 1, 5, UP, False, P835, _once(dnsmos, "bak")),
        Metric("dnsmos_p808", "P.808", "MOS", 1, 5, UP, False, P808, _once(dnsmos, "p808")),
        Metric("lufs", "Loudness", "LUFS", -70, 10, "", False, "BS.1770-4", _once(lufs)),
    )
}


def score(
    names: Iterable[str], clean: np.ndarray | None, enhanced: np.ndarray, sample_rate: int = 16000
) -> tuple[dict[str, float], dict[str, str]]:
    """Score one clip with several metrics, doing work that they share once.

    Parameters
    ----------
    names : iterable of str
        Keys of `METRICS`.
    clean : ndarray, shape (N,), or None
        With None, metrics that need a clean signal are among the errors.
    enhanced : ndarray, shape (N,)
        Aligned with `clean`, full scale 1.0.
    sample_rate : int
        In Hz.

    Returns
    -------
    values : dict
        Name to score, in the order asked for.
    errors : dict
        Name to the sentence that says why there is no score.

    Raises
    ------
    ParameterError
        A name is not one of `METRICS`.
    MissingDependency
        A package is not installed: no fault of this clip, and no clip could be scored.
    """
    names = list(names)
    if unknown := [name for name in names if name not in METRICS]:
        raise ParameterError(f"score: got {unknown[0]!r}, needs names of {', '.join(METRICS)}")
    signals = Signals(clean, enhanced, sample_rate)
    values: dict[str, float] = {}
    errors: dict[str, str] = {}
    for name in names:
        try:  # what is wrong with the signals is said once, in the same words for all
            signals.once(_usable_pair if METRICS[name].needs_clean else _usable)
            values[name] = METRICS[name].measure(signals)
        except MissingDependency:
            raise
        except WheeshtError as error:
            errors[name] = str(error)
    return values, errors


def _usable_pair(clean: Any, enhanced: Any, sample_rate: float) -> None:
    check_rate("score", sample_rate)
    check_pair("score", clean, enhanced)


def _usable(clean: Any, enhanced: Any, sample_rate: float) -> None:
    check_rate("score", sample_rate)
    check_signal("score", "enhanced", enhanced)
