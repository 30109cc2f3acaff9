"""The bundle that a training starts from, and which of its layers are of integers."""

from typing import Any

from wheesht.errors import BundleError, ConfigError
from wheesht.spec.bundle import Bundle, read_bundle
from wheesht.spec.model_spec import with_dtypes
from wheesht.training.config import Recipe


def read_initial_bundle(recipe: Recipe) -> Bundle:
    """Read the bundle that a recipe starts from.

    Raises
    ------
    BundleError
        It cannot be read.
    ConfigError
        It is of another model, or holds floats where the recipe trains integers, or the reverse.
    """
    name, spec = recipe.initial_bundle, recipe.model.spec()
    try:
        bundle = read_bundle(name)
    except BundleError as error:
        raise BundleError(
            f"initial_bundle: {error}; it is the result of another recipe, or of "
            f"`wheesht compress`, to be made first; a path starts at the folder that the command "
            f"is called in"
        ) from None
    dtypes, wanted = integer_dtypes(bundle), recipe.quantize.ranges != "none"
    if dtypes and not wanted:
        raise ConfigError(
            f"initial_bundle: {name} holds integers ({bundle.spec.dtype}); to train these on say "
            f'ranges = "fixed" or "learned" in [quantize], else name the bundle of floats that '
            f"they were made of"
        )
    if wanted and not dtypes:
        raise ConfigError(
            f"quantize.ranges: {name}, the initial_bundle, holds floats only; make one of integers "
            f"of it by `wheesht compress`, or leave out [quantize] to train floats"
        )
    floats = with_dtypes(bundle.spec, dict.fromkeys(dtypes, "f32"))
    for part in ("front_end", "features", "layers", "mask"):
        if getattr(floats, part) != getattr(spec, part):
            raise ConfigError(
                f"initial_bundle: {name} does not fit this model: it differs in {part}; it has "
                f"{bundle.spec.params} parameters, the recipe's model {spec.params}"
            )
    return bundle


def origin_of(bundle: Bundle | None) -> dict[str, Any]:
    """Return what a bundle made from this one tells of it: its name, sum, training and integers."""
    if bundle is None:
        return {}
    told = bundle.spec.provenance
    kept = ("updates", "audio_hours_seen", "quantisation")
    own = {key: told[key] for key in kept if key in told}
    return {"initial_bundle": {"name": bundle.spec.name, "sha256": bundle.sha256, **own}}


def integer_dtypes(bundle: Bundle | None) -> dict[str, str]:
    """Return the dtypes of a bundle's layers of integers, by name; without a bundle none."""
    layers = bundle.spec.layers if bundle else ()
    dtypes = {layer.name: getattr(layer, "dtype", "f32") for layer in layers}
    return {name: dtype for name, dtype in dtypes.items() if dtype != "f32"}
