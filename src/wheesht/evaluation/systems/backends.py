"""A model run on a whole clip: through the engine, through torch, or through the reference."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wheesht.engine.stream import Stream
from wheesht.errors import BundleError, MissingDependency
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import Bundle, read_bundle
from wheesht.spec.cost import strict_macs
from wheesht.spec.layers import GRU
from wheesht.spec.model_spec import ModelSpec, selected_units

KEPT_MODELS = 4  # bundles and networks that a process keeps ready


@dataclass(frozen=True)
class Enhanced:
    """What a system made of a clip.

    Attributes
    ----------
    samples : ndarray of float32, shape (N,)
        Aligned with the clip.
    executed_macs : float or None
        Per second of audio; None when nobody counted.
    update_fraction : float or None
        Share of the units that were updated, 0 to 1.
    """

    samples: np.ndarray
    executed_macs: float | None = None
    update_fraction: float | None = None


def run_engine(bundle: Bundle, update_percent: float, noisy: np.ndarray) -> Enhanced:
    """Run the C engine, as users do; it counts while it runs."""
    with Stream(bundle, bundle.spec.sample_rate, update_percent=update_percent) as stream:
        samples = np.concatenate([stream.process(noisy), stream.flush()])
        stats = stream.stats()
    return Enhanced(samples, stats["executed_macs_per_second"], stats["update_fraction"])


def run_torch(bundle: Bundle, update_percent: float, noisy: np.ndarray) -> Enhanced:
    """Run the network that training uses, in float32.

    It does not count. Where the dial alone decides, MACs and update fraction are those of the
    spec at P; where a threshold decides, they depend on the signal and are left out.
    """
    import torch

    network = _network(bundle)
    network.set_update_percent(update_percent)
    torch.set_num_threads(1)
    with torch.no_grad():
        samples = network.enhance(torch.from_numpy(noisy)[None])[0].numpy()
    if any(layer.gate == "threshold" for layer in bundle.spec.recurrent_layers):
        return Enhanced(samples)
    macs = float(strict_macs(bundle.spec, update_percent).total)
    return Enhanced(samples, macs, _update_fraction(bundle.spec, update_percent))


def run_reference(bundle: Bundle, update_percent: float, noisy: np.ndarray) -> Enhanced:
    """Run the judge in float64, hop by hop; it counts what it multiplies."""
    spec = bundle.spec
    stream = ReferenceStream(bundle, update_percent)
    # Silence until the last sample has come out, in whole hops.
    tail = spec.delay + -(len(noisy) + spec.delay) % spec.front_end.hop_length
    delayed = stream.process(np.concatenate([noisy, np.zeros(tail)]))
    samples = delayed[spec.delay : spec.delay + len(noisy)].astype(np.float32)
    macs = sum(stream.executed_macs) / stream.hops * spec.frames_per_second
    units = sum(spec.unit_counts)
    return Enhanced(samples, macs, sum(stream.updated_units) / (stream.hops * units))


BACKENDS: dict[str, Callable[[Bundle, float, np.ndarray], Enhanced]] = {
    "engine": run_engine,
    "torch": run_torch,
    "reference": run_reference,
}


def check_backend(name: str) -> None:
    """Raise `MissingDependency` when a backend's library is not installed."""
    if name != "torch":
        return
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingDependency("--backend torch needs: pip install 'wheesht[train]'") from None


@functools.lru_cache(KEPT_MODELS)
def bundle_with(path: str, sha256: str) -> Bundle:
    """Read a bundle that is known by its checksum, once per process.

    Parameters
    ----------
    path : str
        Shipped name or file.
    sha256 : str
        How its checksum begins.

    Raises
    ------
    BundleError
        As `read_bundle`; also when the file holds another model by now.
    """
    bundle = read_bundle(path)
    if not bundle.sha256.startswith(sha256):
        raise BundleError(
            f"{path}: its sha256 is {bundle.sha256[:12]}, needs {sha256}: the model was replaced "
            f"after it was scored; evaluate the new one"
        )
    return bundle


_networks: dict[str, Any] = {}  # by the bundle's checksum


def _network(bundle: Bundle) -> Any:
    """Return the bundle as a torch network, built once per process."""
    from wheesht.models.network import Network

    if bundle.sha256 not in _networks:
        if len(_networks) == KEPT_MODELS:
            _networks.clear()
        _networks[bundle.sha256] = Network.from_bundle(bundle).eval()
    return _networks[bundle.sha256]


def _update_fraction(spec: ModelSpec, update_percent: float) -> float:
    counts = spec.unit_counts
    layers = zip(spec.recurrent_layers, counts, strict=True)
    updated = [units * _updated_share(layer, update_percent) for layer, units in layers]
    return sum(updated) / sum(counts)


def _updated_share(layer: GRU, update_percent: float) -> float:
    if layer.gate == "top_a":
        return selected_units(update_percent, layer.hidden_size) / layer.hidden_size
    return 1.0
