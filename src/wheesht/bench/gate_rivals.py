"""The gate of the rivals: another runtime must give the judge's output, a denoiser must denoise."""

import numpy as np

from wheesht.bench.contestants import at_rate
from wheesht.bench.gate import GATE_HOPS, Found
from wheesht.bench.rivals.base import Denoiser, Network
from wheesht.bench.signals import SAMPLE_RATE, Speech, hops_of
from wheesht.dsp.stft import sqrt_hann, stft
from wheesht.errors import GateError
from wheesht.reference.features import Features
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import Bundle, dequantized

# Of what a runtime's last layer gives, relative where that is above 1: float32 sums over 60 steps;
# 1e-6 is usual.
OUTPUT_TOLERANCE = 1e-4
TESTED_FROM_SECONDS = 2.0  # by then a denoiser has learnt the noise
LEAST_REDUCTION_DB = 3.0  # in pauses; 6 to 32 are usual
MOST_SPEECH_LOSS_DB = 20.0  # 1 to 10 are usual


def seen_by(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Return the features of a signal as the judge sees them, float32, (hops, positions, channels).

    Parameters
    ----------
    bundle : Bundle
    x : ndarray, shape (N,)
        At the model's rate; what is less than a hop at its end is left out.
    """
    spec = bundle.spec
    n, features = len(x) // spec.front_end.hop_length, Features(spec, bundle.tensors)
    frames = stft(x.astype(np.float64), sqrt_hann(spec.front_end.win_length))[:n]
    return np.array([features.see(frame)[0] for frame in frames], np.float32)


def check_network(name: str, bundle: Bundle, rival: Network, x: np.ndarray) -> Found:
    """Compare what another runtime's last layer gives with the judge's, every unit updated.

    Of integers both compute with the floats that these stand for.

    Raises
    ------
    GateError
        They are further apart than `OUTPUT_TOLERANCE`.
    """
    hops = hops_of(x, bundle.spec.front_end.hop_length)[:GATE_HOPS]
    judge = ReferenceStream(dequantized(bundle))
    judge.process(hops.ravel(), np.ones((len(hops), sum(bundle.spec.unit_counts)), bool))
    want = judge.outputs
    got = np.array([np.array(rival.step(row)) for row in seen_by(bundle, hops.ravel())])
    worst = float(np.max(np.abs(got - want) / np.maximum(1.0, np.abs(want))))
    if not worst <= OUTPUT_TOLERANCE:  # a NaN too
        raise GateError(
            f"not timed: {rival.name} on {name}: its output is {worst:.1e} away from the "
            f"reference's, at most {OUTPUT_TOLERANCE:g} may be; leave it out, or install another "
            f"version of it"
        )
    return {"backend": rival.name, "model": name, "output_error": worst}


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
