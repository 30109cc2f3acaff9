"""What a model sees of a spectrum: normalised log power of a range of bins."""

import numpy as np

from wheesht.errors import ShapeError


def log_power(spectrum: np.ndarray, floor: float) -> np.ndarray:
    """Return the natural logarithm of the power of each bin, kept above a floor.

    Parameters
    ----------
    spectrum : ndarray, shape (..., F)
        Complex, unnormalised transform of samples with full scale 1.0.
    floor : float
        Power that is added before the logarithm, above 0; it bounds the result of silence.

    Returns
    -------
    ndarray, shape (..., F)
        The logarithm of |Y|^2 + floor; at least log(floor).

    Notes
    -----
    Equation F1 of docs/equations.md.

    Examples
    --------
    >>> log_power(np.array([0j, 3 + 4j]), floor=1.0).round(4).tolist()
    [0.0, 3.2581]
    """
    spectrum = np.asarray(spectrum)
    return np.log(spectrum.real**2 + spectrum.imag**2 + floor)


def normalise(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Shift and scale features by constants found in training.

    Parameters
    ----------
    features : ndarray, shape (..., K)
        For example from `log_power`.
    mean, scale : ndarray, shape (K,)
        In the unit of `features` and its inverse; `scale` multiplies.

    Returns
    -------
    ndarray, shape (..., K)
        (features - mean) * scale, dimensionless.

    Raises
    ------
    ShapeError
        The last axes differ.

    Notes
    -----
    Equation F2 of docs/equations.md.
    """
    if not features.shape[-1:] == mean.shape == scale.shape:
        raise ShapeError(
            f"normalise: features end in {features.shape[-1:]}, mean is {mean.shape}, scale is "
            f"{scale.shape}; all three need the same number K"
        )
    return (features - mean) * scale
