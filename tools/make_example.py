"""Make the example recordings: a synthetic voice in generated noise. Nobody was recorded.

    python tools/make_example.py     (needs the program espeak-ng)

Writes examples/clean.wav and examples/noisy.wav, 16 kHz, 16 bit, 10 s.
"""

import io
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr

from wheesht.dsp.mix import mix_at_snr

RATE, SECONDS, SNR_DB, PEAK = 16000, 10, 3.0, 0.7
SENTENCES = (
    ("en-gb-scotland", 45, "Wheesht! There is a fan in this room, and a radiator that hums."),
    ("en-us", 55, "A neural network now decides, a hundred times a second, what is speech."),
    ("en-gb", 35, "What you hear next should be the voice alone."),
)


def voice() -> np.ndarray:
    """Return the three sentences with pauses, (RATE * SECONDS,)."""
    pieces = [np.zeros(RATE // 2)]
    for name, pitch, text in SENTENCES:
        spoken = subprocess.run(
            ["espeak-ng", "-v", name, "-p", str(pitch), "-s", "185", "--stdout", text],
            capture_output=True,
            check=True,
        ).stdout
        x, rate = soundfile.read(io.BytesIO(spoken))
        pieces += [soxr.resample(x, rate, RATE), np.zeros(RATE // 3)]
    x = np.concatenate(pieces)
    return np.pad(x, (0, max(0, RATE * SECONDS - len(x))))[: RATE * SECONDS]


def room_noise(rng: np.random.Generator) -> np.ndarray:
    """Return a fan (pink, slowly breathing), a mains hum, and some knocks, (RATE * SECONDS,)."""
    n = RATE * SECONDS
    t = np.arange(n) / RATE
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 40.0)
    fan = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) / np.sqrt(frequency), n)
    fan *= 1 + 0.3 * np.sin(2 * np.pi * 0.4 * t)
    hum = sum(np.sin(2 * np.pi * 100 * k * t + k) / k for k in range(1, 7))
    x = fan / fan.std() + 0.35 * hum
    for start in rng.uniform(0.5, SECONDS - 0.5, 6):
        tail = np.exp(-np.maximum(t - start, 0) * 60) * (t >= start)
        x += 4.0 * tail * rng.standard_normal(n)
    return x


def main() -> None:
    """Write the two recordings."""
    clean = voice()
    noisy, _ = mix_at_snr(clean, room_noise(np.random.default_rng(1)), SNR_DB)
    gain = PEAK / np.abs(noisy).max()
    folder = Path(__file__).parents[1] / "examples"
    for name, x in (("clean", clean), ("noisy", noisy)):
        soundfile.write(folder / f"{name}.wav", x * gain, RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
