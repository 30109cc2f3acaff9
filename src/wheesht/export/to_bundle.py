"""Write a trained network as a bundle."""

import os
from dataclasses import replace
from typing import Any

from wheesht.models.network import Network
from wheesht.spec.bundle import write_bundle


def export_bundle(
    network: Network, path: str | os.PathLike[str], provenance: dict[str, Any] | None = None
) -> None:
    """Write a network's spec and tensors to a bundle, atomically.

    Parameters
    ----------
    network : Network
        On any device, of any float type; stored as float32, and as integers where its spec says so.
    path : str or path
    provenance : dict, optional
        JSON that replaces the spec's: training data, recipe, licence.

    Raises
    ------
    SpecError
        A tensor is not finite.
    """
    spec = network.spec if provenance is None else replace(network.spec, provenance=provenance)
    tensors = network.bundle_tensors()
    floats = {name: t.float() for name, t in tensors.items() if t.is_floating_point()}
    write_bundle(path, spec, {name: t.cpu().numpy() for name, t in (tensors | floats).items()})
