"""Bundles and signals that every suite may use; all random numbers are seeded."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bundles import gru_host, random_tensors

from wheesht.spec.bundle import write_bundle

# Triton reads this when it is imported, which torch may do at any time.
os.environ.setdefault("TRITON_INTERPRET", "1")

SATURATED = 40.0  # a bias whose sigmoid is 1 to the last bit of float32
MakeBundle = Callable[..., Path]


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> MakeBundle:
    """Write a bundle of the GRU host; keywords of `gru_host`, `seed`, and `mask_bias`.

    With a `mask_bias` of +-SATURATED the mask is 1 or 0 everywhere, whatever the input; a deep
    filter then does nothing.
    """
    folder = tmp_path_factory.mktemp("bundles")

    def make(seed: int = 0, mask_bias: float | None = None, **sizes: object) -> Path:
        spec = gru_host(**sizes)  # type: ignore[arg-type]
        tensors = random_tensors(spec, seed)
        if mask_bias is not None:
            tensors["fc_out.weight"][:] = 0.0
            tensors["fc_out.bias"][:] = 0.0
            tensors["fc_out.bias"][: spec.mask.n_bins] = mask_bias
        path = folder / f"{len(list(folder.iterdir()))}.safetensors"
        write_bundle(path, spec, tensors)
        return path

    return make


@pytest.fixture(scope="session")
def random_bundle(make_bundle: MakeBundle) -> Path:
    """The GRU host at its real size with random weights."""
    return make_bundle(hidden=(320, 320))


@pytest.fixture(scope="session")
def small_bundle(make_bundle: MakeBundle) -> Path:
    """A small GRU host with sizes that no vector width divides; quick to run."""
    return make_bundle(hidden=(21, 33), seed=1)


@pytest.fixture(scope="session")
def open_bundle(make_bundle: MakeBundle) -> Path:
    """A model whose mask is 1 everywhere: what comes out is what went in."""
    return make_bundle(hidden=(5, 7), mask_bias=SATURATED)


@pytest.fixture(scope="session")
def closed_bundle(make_bundle: MakeBundle) -> Path:
    """A model whose mask is 0 everywhere."""
    return make_bundle(hidden=(5, 7), mask_bias=-SATURATED)


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Make noise with the level contour of speech: (seconds, rate, channels, seed) -> (C, N)."""

    def make(seconds: float, rate: int = 16000, channels: int = 1, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        count = round(seconds * rate)
        contour = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * np.arange(count) / rate)
        return (0.1 * contour * rng.standard_normal((channels, count))).astype(np.float32)

    return make
