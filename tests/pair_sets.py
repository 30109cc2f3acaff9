"""Small folders of noisy and clean speech, made of nothing."""

import numpy as np
import soundfile
from bundles import speech_like

RATE = 16000


def write_pairs(folder, n_clips, seconds=1.0):
    """Write pairs c0.wav, c1.wav ... below ``noisy`` and ``clean``; return the folder."""
    for kind in ("noisy", "clean"):
        (folder / kind).mkdir(parents=True)
    for i in range(n_clips):
        clean = 0.5 * speech_like(seconds, seed=i, snr_db=60.0)
        noise = np.random.default_rng(i).standard_normal(len(clean))
        soundfile.write(folder / "clean" / f"c{i}.wav", clean, RATE)
        soundfile.write(folder / "noisy" / f"c{i}.wav", clean + 0.02 * (i + 1) * noise, RATE)
    return folder
