"""A trained model made of integers without training: ranges from signals, and a note of it all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from wheesht.compress.calibration import input_ranges
from wheesht.compress.layer_errors import ErrorReport, affordable_seconds, layer_errors, n_runs
from wheesht.compress.material import Material, shortened
from wheesht.compress.quantize import integer_spec, quantize_bundle
from wheesht.errors import ParameterError
from wheesht.spec.bundle import Bundle, bundle_digest
from wheesht.spec.integers import Dtype

METHOD = "post-training, scales of inputs from their largest absolute values"
ENTRY = "quantisation"  # of the provenance


@dataclass(frozen=True)
class Compressed:
    """A model of integers, and what its integers do to the output."""

    bundle: Bundle
    errors: ErrorReport


def n_steps(bundle: Bundle, material: Material) -> int:
    """Return how often `quantize_after_training` calls `after_step`."""
    return len(material.calibration) + n_runs(bundle)


def quantize_after_training(
    bundle: Bundle,
    material: Material,
    dtypes: Mapping[str, Dtype],
    name: str,
    update_percent: float | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> Compressed:
    """Make layers of a model of integers and measure what that costs.

    Parameters
    ----------
    bundle : Bundle
        Of floats.
    material : Material
        Signals to calibrate on and to measure errors on; of the latter as much is used as takes
        about half a minute.
    dtypes : dict of str by layer
        ``s8`` or ``s16``; ``f32`` and what is not named stays float. At least one of integers.
    name : str
        Of the new model.
    update_percent : float, optional
        P at which the model hears the signals, percent; its default when left out.
    after_step : callable
        Called `n_steps` times while it goes on.

    Raises
    ------
    ParameterError
        P is out of range, no layer is to be of integers, a layer is unknown, the model has
        integers already, or a signal is missing.
    SpecError
        `name` is no name, or a layer cannot have its type.

    Notes
    -----
    Equations Q1 to Q5 of docs/equations.md. The new model's provenance is that of the old one with
    an entry ``quantisation``: method, calibration, SHA-256 of the old bundle, types of the layers.
    """
    dial = bundle.spec.update_percent
    percent = dial.default if update_percent is None else update_percent
    if not dial.min <= percent <= dial.max:
        raise ParameterError(
            f"update_percent: got {percent:g}, needs {dial.min:g} to {dial.max:g}, the range of "
            f"model {bundle.spec.name!r}"
        )
    chosen = {layer: dtype for layer, dtype in dtypes.items() if dtype != "f32"}
    if not chosen:
        raise ParameterError("layers: all would stay f32, needs one of integers or more")
    spec = replace(integer_spec(bundle, chosen), name=name)  # refuses before the work
    ranges = input_ranges(bundle, material.calibration, after_step, percent)
    note = {
        "method": METHOD,
        "calibration": material.origin | {"seconds": round(material.seconds, 2)},
        "update_percent": percent,
        "source": {"name": bundle.spec.name, "sha256": bundle.sha256},
        "dtypes": chosen,
    }
    spec = replace(spec, provenance=spec.provenance | {ENTRY: note})
    tensors = quantize_bundle(bundle, ranges, chosen).tensors
    signals = shortened(material.held_out, affordable_seconds(bundle, percent))
    errors = layer_errors(bundle, ranges, chosen, signals, percent, after_step)
    return Compressed(Bundle(spec, tensors, bundle_digest(spec, tensors)), errors)
