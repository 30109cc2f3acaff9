"""The noise suppression of WebRTC, through the package webrtc-noise-gain."""

import numpy as np

from wheesht.bench.rivals.base import Denoiser, from_pcm16, to_pcm16
from wheesht.errors import MissingDependency

SUPPRESSION = 4  # the strongest of 0 to 4, "very high": 21 dB
HOP_LENGTH = 160  # at 16 kHz; the package takes nothing else


def webrtc_denoiser() -> Denoiser:
    """Return WebRTC's suppressor at its strongest, its gain control off.

    Raises
    ------
    MissingDependency
        webrtc-noise-gain is not installed.
    """
    try:
        from webrtc_noise_gain import AudioProcessor
    except ImportError:
        raise MissingDependency("webrtc needs: pip install 'wheesht[rivals]'") from None
    processor = AudioProcessor(0, SUPPRESSION)
    return Denoiser(
        name="webrtc",
        dtype="s16",
        sample_rate=16000,
        hop_length=HOP_LENGTH,
        timed="one call of Process10ms; conversion to and from 16-bit integers left out",
        prepare=lambda hop: to_pcm16(hop).tobytes(),
        step=processor.Process10ms,
        finish=lambda result: from_pcm16(np.frombuffer(result.audio, np.int16)),
    )
