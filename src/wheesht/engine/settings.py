"""What users set on a stream: checks, and what it means to the engine."""

import numpy as np

from wheesht.errors import ParameterError
from wheesht.spec.model_spec import UpdatePercent


def check_update_percent(limits: UpdatePercent, value: object) -> float:
    """Return P in percent, or raise `ParameterError` for one outside a model's range."""
    number = _number(value)
    if number is None or not limits.min <= number <= limits.max:
        raise ParameterError(
            f"update_percent: got {value!r}, needs {limits.min:g} to {limits.max:g} percent for "
            f"this model"
        )
    return number


def check_strength_db(value: object) -> float | None:
    """Return a limit of the attenuation in dB or None, or raise `ParameterError`."""
    if value is None:
        return None
    number = _number(value)
    if number is None or not number >= 0.0:
        raise ParameterError(
            f"strength_db: got {value!r}, needs 0 dB (nothing is attenuated) or more; "
            f"leave it out for no limit"
        )
    return number


def min_gain(strength_db: float | None) -> float:
    """Return the linear gain that a limit in dB stands for; 0 for None."""
    return 0.0 if strength_db is None else 10.0 ** (-strength_db / 20.0)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        return float(value)
    except OverflowError:  # an int beyond the range of float
        return None
