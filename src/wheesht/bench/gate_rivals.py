"""The gate of the rivals: another runtime must give the judge's mask, a denoiser must denoise."""

import numpy as np

from wheesht.bench.contestants import at_rate
from wheesht.bench.gate import GATE_HOPS, Found
from wheesht.bench.rivals.base import Denoiser, Network
from wheesht.bench.signals import SAMPLE_RATE, Speech, hops_of
from wheesht.dsp.features import log_power, normalise
from wheesht.dsp.stft import sqrt_hann, stft
from wheesht.errors import GateError
from wheesht.reference.ops import split_head
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import Bundle

MASK_TOLERANCE = 1e-4  # of a runtime's mask or filter: float32 sums over 60 steps; 1e-6 is usual
TESTED_FROM_SECONDS = 2.0  # by then a denoiser has learnt the noise
LEAST_REDUCTION_DB = 3.0  # in pauses; 6 to 32 are usual
MOST_SPEECH_LOSS_DB = 20.0  # 1 to 10 are usual


def seen_by(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Return the normalised features of a signal, float32, (hops, bins)."""
    spec = bundle.spec
    n, first = len(x) // spec.front_end.hop_length, spec.features.first_bin
    frames = stft(x.astype(np.float64), sqrt_hann(spec.front_end.win_length))[:n]
    seen = normalise(
        log_power(frames[:, first : first + spec.features.n_bins], spec.features.floor),
        bundle.tensors["features.mean"],
        bundle.tensors["features.scale"],
    )
    return np.ascontiguousarray(seen, np.float32)


def check_network(name: str, bundle: Bundle, rival: Network, x: np.ndarray) -> Found:
    """Compare another runtime's mask, and deep filter, with the judge's, every unit updated.

    Raises
    ------
    GateError
        They are further apart than `MASK_TOLERANCE`.
    """
    hops = hops_of(x, bundle.spec.front_end.hop_length)[:GATE_HOPS]
    units = sum(layer.hidden_size for layer in bundle.spec.recurrent_layers)
    judge = ReferenceStream(bundle)
    judge.process(hops.ravel(), np.ones((len(hops), units), bool))
    worst = 0.0
    for row, *wanted in zip(seen_by(bundle, x), judge.masks, judge.coefficients, strict=False):
        got = split_head(np.array(rival.step(row)).ravel(), bundle.spec.mask)
        errors = [np.abs(g - w).ravel() for g, w in zip(got, wanted, strict=True)]
        worst = float(np.max(np.concatenate([*errors, [worst]])))  # a NaN stays
    if not worst <= MASK_TOLERANCE:
        raise GateError(
            f"not timed: {rival.name} on {name}: its mask is {worst:.1e} away from the "
            f"reference's, at most {MASK_TOLERANCE:g} may be; leave it out, or install another "
            f"version of it"
        )
    return {"backend": rival.name, "model": name, "mask_error": worst}


def check_denoiser(rival: Denoiser, speech: Speech) -> Found:
    """Run a denoiser over a signal whose pauses are known.

    Returns
    -------
    dict
        How far it turned pauses and speech down, dB.

    Raises
    ------
    GateError
        Output of another length, not finite, silent, as noisy as before, or without the speech.
    """

    def need(fine: bool, what: str) -> None:
        if not fine:
            raise GateError(
                f"not timed: {rival.name}: on synthesised speech in noise {what}; leave it out, "
                f"or install another version of it"
            )

    x = at_rate(speech.noisy, rival.sample_rate)
    pieces = [x] if rival.hop_length is None else list(hops_of(x, rival.hop_length))
    outputs = [np.array(rival.finish(rival.step(rival.prepare(piece)))) for piece in pieces]
    y, fed = np.concatenate(outputs), sum(len(piece) for piece in pieces)
    need(y.shape == (fed,), f"{fed} samples gave an output of shape {y.shape}")
    need(bool(np.all(np.isfinite(y))), "its output is not finite")
    need(bool(np.any(y)), "its output is silent")
    places = np.arange(fed) * SAMPLE_RATE // rival.sample_rate
    late = places >= TESTED_FROM_SECONDS * SAMPLE_RATE
    pause_db = _change_db(x[:fed], y, late & speech.is_pause[places])
    speech_db = _change_db(x[:fed], y, late & speech.is_speech[places])
    need(
        pause_db <= -LEAST_REDUCTION_DB,
        f"it turns pauses down by {-pause_db:.1f} dB only, needs {LEAST_REDUCTION_DB:g}",
    )
    need(
        speech_db >= -MOST_SPEECH_LOSS_DB,
        f"it turns the speech down by {-speech_db:.1f} dB, at most {MOST_SPEECH_LOSS_DB:g} may be",
    )
    return {
        "backend": rival.name,
        "pause_db": round(pause_db, 1),
        "speech_db": round(speech_db, 1),
    }


def _change_db(x: np.ndarray, y: np.ndarray, where: np.ndarray) -> float:
    tiny = np.finfo(float).tiny
    before, after = (float(np.mean(v[where].astype(np.float64) ** 2)) for v in (x, y))
    return float(10 * np.log10((after + tiny) / (before + tiny)))
