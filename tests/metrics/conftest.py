"""Signals that the metrics' tests share."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 16000


@pytest.fixture(scope="session")
def sample():
    """The shipped example: clean and noisy, 10 s of synthetic speech in noise."""
    return tuple(
        soundfile.read(EXAMPLES / f"{name}.wav", dtype="float32")[0] for name in ("clean", "noisy")
    )


@pytest.fixture(scope="session")
def speech():
    """Three seconds that behave like speech for the metrics: voiced bursts with pauses."""
    rng = np.random.default_rng(0)
    t = np.arange(3 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(1, 25))
    bursts = (np.sin(2 * np.pi * 2.1 * t) > -0.2) * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * t))
    return (0.1 * voice * bursts + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="session")
def noisy(speech):
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32)
    return speech + 0.05 * noise
