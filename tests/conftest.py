"""Bundles and signals that every suite may use; all random numbers are seeded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wheesht.spec.bundle import write_bundle
from wheesht.spec.model_spec import (
    GRU,
    Features,
    FrontEnd,
    Linear,
    Mask,
    ModelSpec,
    UpdatePercent,
)

SATURATED = 40.0  # a bias whose sigmoid is 1 to the last bit of float32
MakeBundle = Callable[..., Path]


def gru_host_spec(
    hidden: int = 320,
    first: int = 320,
    bins: int = 160,
    gate: str = "top_a",
    n_fft: int = 320,
    name: str = "random",
) -> ModelSpec:
    """The GRU host: linear, two recurrent layers, linear with sigmoid; sizes may be awkward."""
    least = 1.0 if gate == "top_a" else 100.0
    default = 50.0 if gate == "top_a" else 100.0
    return ModelSpec(
        name=name,
        host="gru",
        sample_rate=16000,
        front_end=FrontEnd(win_length=n_fft, hop_length=n_fft // 2, n_fft=n_fft),
        features=Features(first_bin=1, n_bins=bins, floor=1e-8),
        layers=(
            Linear("fc_in", bins, first, "prelu"),
            GRU("gru1", first, hidden, gate),
            GRU("gru2", hidden, hidden, gate),
            Linear("fc_out", hidden, bins, "sigmoid"),
        ),
        mask=Mask(first_bin=1, n_bins=bins),
        update_percent=UpdatePercent(default=default, min=least, max=100.0),
        provenance={"data": "none: random weights for tests"},
    )


def random_tensors(spec: ModelSpec, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of the usual size (1 / sqrt of the inputs), so that states and masks vary."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in spec.tensor_shapes().items():
        bound = 1.0 / np.sqrt(shape[-1])
        tensors[name] = rng.uniform(-bound, bound, shape)
    tensors["features.mean"] = np.full(spec.features.n_bins, -7.0)
    tensors["features.scale"] = np.full(spec.features.n_bins, 0.3)
    for name in tensors:
        if name.endswith(".threshold"):
            tensors[name] = rng.uniform(0.4, 0.6, tensors[name].shape)
    return tensors


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> MakeBundle:
    """Write a bundle of the GRU host; keywords of `gru_host_spec`, `seed`, and `open_mask`.

    With `open_mask` the mask is 1 everywhere, whatever the input.
    """
    folder = tmp_path_factory.mktemp("bundles")

    def make(seed: int = 0, open_mask: bool = False, **sizes: object) -> Path:
        spec = gru_host_spec(**sizes)  # type: ignore[arg-type]
        tensors = random_tensors(spec, seed)
        if open_mask:
            tensors["fc_out.weight"][:] = 0.0
            tensors["fc_out.bias"][:] = SATURATED
        path = folder / f"{len(list(folder.iterdir()))}.safetensors"
        write_bundle(path, spec, tensors)
        return path

    return make


@pytest.fixture(scope="session")
def random_bundle(make_bundle: MakeBundle) -> Path:
    """The GRU host at its real size with random weights."""
    return make_bundle()


@pytest.fixture(scope="session")
def small_bundle(make_bundle: MakeBundle) -> Path:
    """A small GRU host with sizes that no vector width divides; quick to run."""
    return make_bundle(hidden=33, first=21, seed=1)


@pytest.fixture(scope="session")
def open_bundle(make_bundle: MakeBundle) -> Path:
    """A model whose mask is 1 everywhere: what comes out is what went in."""
    return make_bundle(hidden=7, first=5, open_mask=True)


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Make noise with the level contour of speech: (seconds, rate, channels, seed) -> (C, N)."""

    def make(seconds: float, rate: int = 16000, channels: int = 1, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        count = round(seconds * rate)
        contour = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * np.arange(count) / rate)
        return (0.1 * contour * rng.standard_normal((channels, count))).astype(np.float32)

    return make
