"""What every test and interval needs of its values."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wheesht.errors import MissingDependency, ParameterError, ShapeError

ALTERNATIVES = ("two-sided", "greater", "less")


def values_of(where: str, values: ArrayLike, least: int) -> np.ndarray:
    """Return `values` as float64, shape (N,).

    Raises
    ------
    ShapeError
        Not one-dimensional, or fewer than `least` values.
    ParameterError
        A value is NaN or Inf.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ShapeError(f"{where}: got shape {array.shape}, needs one value per clip, (N,)")
    if len(array) < least:
        raise ShapeError(
            f"{where}: got {len(array)} value(s), needs at least {least}; score more clips"
        )
    wrong = np.flatnonzero(~np.isfinite(array))
    if len(wrong):
        raise ParameterError(
            f"{where}: {len(wrong)} of {len(array)} values are NaN or Inf, the first at index "
            f"{wrong[0]}; leave out the clips that could not be scored"
        )
    return array


def pairs_of(where: str, a: ArrayLike, b: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of the same clips, shape (N,) each; errors as `values_of`."""
    a, b = values_of(where, a, least), values_of(where, b, least)
    if len(a) != len(b):
        raise ShapeError(
            f"{where}: got {len(a)} and {len(b)} values, needs the scores of the same clips in "
            f"the same order; keep the clips that both have"
        )
    return a, b


def check_alternative(where: str, alternative: str) -> None:
    """Raise `ParameterError` unless `alternative` is one of `ALTERNATIVES`."""
    if alternative not in ALTERNATIVES:
        raise ParameterError(
            f"{where}: got alternative {alternative!r}, needs one of {', '.join(ALTERNATIVES)}"
        )


def scipy_module(where: str, name: str) -> Any:
    """Import a part of SciPy, which takes 1.5 s and is therefore not done before it is needed.

    Raises
    ------
    MissingDependency
        SciPy is not installed.
    """
    try:
        return importlib.import_module(f"scipy.{name}")
    except ImportError:
        raise MissingDependency(f"{where} needs: pip install 'wheesht[eval]'") from None
