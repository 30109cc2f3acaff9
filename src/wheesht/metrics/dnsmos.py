"""DNSMOS: listeners' ratings predicted by Microsoft's networks from the enhanced signal alone."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wheesht.errors import MissingDependency, ShapeError
from wheesht.metrics.checks import check_level, check_rate, check_signal, check_sound
from wheesht.metrics.mel import log_mel
from wheesht.onnx_session import onnx_session

RATE = 16000
SEGMENT = 144160  # samples, 9.01 s: what the networks take
P808_TRIM = 160  # samples at the end of a segment that the P.808 network does not get
LEAST_SECONDS = 0.5
P835, P808 = "sig_bak_ovr.onnx", "model_v8.onnx"
# From what the network answers to the rating, highest power first.
SIG_MAP = (-0.08397278, 1.22083953, 0.0052439)
BAK_MAP = (-0.13166888, 1.60915514, -0.39604546)
OVRL_MAP = (-0.06766283, 1.11546468, 0.04602535)


class Dnsmos(NamedTuple):
    """Mean opinion scores, 1 to 5, higher is better."""

    ovrl: float
    sig: float
    bak: float
    p808: float


def dnsmos(clean: Any, enhanced: np.ndarray, sample_rate: int = 16000) -> Dnsmos:
    """Return the predicted ratings of P.835 (overall, speech, background) and P.808.

    Parameters
    ----------
    clean : object
        Not used; there so that all metrics are called alike.
    enhanced : ndarray, shape (N,)
        Full scale 1.0, at least 0.5 s. The level matters and is never changed; samples beyond
        full scale are clipped to it, as they would be in a 16-bit file.
    sample_rate : int
        16000 Hz.

    Returns
    -------
    Dnsmos
        Means over segments of 9.01 s that begin every second; a shorter signal is repeated.

    Raises
    ------
    ShapeError, ParameterError
        See `wheesht.metrics.checks.check_signal`; also when shorter than 0.5 s, when a sample is
        12 dB beyond full scale, or for another rate.
    SilentSignalError
        The signal is silent.
    MissingDependency
        `onnxruntime`, or `speechmos` with the networks, is not installed.

    Notes
    -----
    Reddy et al., "DNSMOS P.835" (2022), the non-personalised maps; "DNSMOS" (2021) for P.808. One
    thread. A rounding error makes Microsoft's script leave out segments that begin at 7 to 23 s
    (and some later ones); so does this function, so that its numbers are the published ones.
    """
    x = check_signal("dnsmos", "enhanced", enhanced)
    check_rate("dnsmos", sample_rate, (RATE,))
    if x.size < LEAST_SECONDS * RATE:
        raise ShapeError(f"dnsmos: got {x.size / RATE:g} s, needs at least {LEAST_SECONDS} s")
    check_sound("dnsmos", "enhanced", x)
    check_level("dnsmos", "enhanced", x)
    x = np.clip(x, -1.0, 1.0).astype(np.float32)
    while x.size < SEGMENT:
        x = np.concatenate([x, x])
    ratings = np.array([_rate(x[start : start + SEGMENT]) for start in _starts(x.size)])
    return Dnsmos(*(float(value) for value in ratings.mean(axis=0)))


def _starts(length: int) -> list[int]:
    """Return where the segments begin that Microsoft's script takes of a signal."""
    count = max(1, length // RATE - SEGMENT // RATE)
    # Its segments end at the truncated value of this product; where that is one sample short,
    # the segment is skipped.
    return [i * RATE for i in range(count) if int((i + 9.01) * RATE) - i * RATE == SEGMENT]


def _rate(segment: np.ndarray) -> tuple[float, float, float, float]:
    """Return overall, speech, background and P.808 ratings of one segment."""
    pid = os.getpid()
    sig, bak, ovrl = _network(P835, pid).run(None, {"input_1": segment[None]})[0][0]
    mel = log_mel(segment[:-P808_TRIM])
    p808 = _network(P808, pid).run(None, {"input_1": mel[None]})[0][0, 0]
    maps = ((OVRL_MAP, ovrl), (SIG_MAP, sig), (BAK_MAP, bak))
    mapped = [float(np.polyval(poly, float(raw))) for poly, raw in maps]
    return mapped[0], mapped[1], mapped[2], float(p808)


@cache
def _network(file: str, pid: int) -> Any:
    """Open a network once a process: `pid` keeps a forked worker from its parent's session."""
    return onnx_session("dnsmos", "eval", str(_folder() / file))


def _folder() -> Path:
    """Find the networks inside the package `speechmos`, whose code is not imported."""
    found = importlib.util.find_spec("speechmos")
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    for folder in folders:
        if (folder / "dnsmos_models" / P835).is_file():
            return folder / "dnsmos_models"
    raise MissingDependency("dnsmos needs: pip install 'wheesht[eval]'")
