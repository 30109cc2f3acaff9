"""Mixing speech and noise at a given ratio."""

import numpy as np

from wheesht.errors import ShapeError, SilentSignalError


def mix_at_snr(
    clean: np.ndarray, noise: np.ndarray, snr_db: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale `noise` so that the mixture reaches a given broadband signal-to-noise ratio.

    Parameters
    ----------
    clean, noise : ndarray, shape (..., N)
        Linear amplitude, full scale 1.0, same sample rate. Not modified.
    snr_db : float
        Ratio of mean powers over all N samples, in dB. Pauses count: this is not a
        speech-active level.

    Returns
    -------
    noisy, scaled_noise : ndarray, shape (..., N)
        ``noisy = clean + scaled_noise``. May exceed full scale; whether to clip or rescale is
        the caller's decision.

    Raises
    ------
    ShapeError
        The two shapes differ.
    SilentSignalError
        A row of either input has no power, so no gain reaches `snr_db`.

    Notes
    -----
    Equation X1 of docs/equations.md: g = sqrt(P_clean / (P_noise 10^(snr/10))). Powers are
    float64 whatever the input, so that long float32 signals lose nothing in the sum.

    Examples
    --------
    >>> noisy, v = mix_at_snr(np.ones(4), np.full(4, 0.5), snr_db=20.0)
    >>> float(v[0])
    0.1
    """
    clean, noise = np.asarray(clean), np.asarray(noise)
    if clean.shape != noise.shape:
        raise ShapeError(
            f"mix_at_snr: clean is {clean.shape}, noise is {noise.shape}; cut or loop the noise "
            f"to the length of the speech first"
        )
    if clean.shape[-1:] == (0,):
        raise SilentSignalError("mix_at_snr: got 0 samples, needs at least one that is not zero")
    p_clean = np.mean(np.square(clean, dtype=np.float64), axis=-1, keepdims=True)
    p_noise = np.mean(np.square(noise, dtype=np.float64), axis=-1, keepdims=True)
    if not (np.all(p_clean > 0) and np.all(p_noise > 0)):
        raise SilentSignalError("mix_at_snr: a row of `clean` or `noise` is all zeros")
    gain = np.sqrt(p_clean / (p_noise * 10 ** (snr_db / 10)))
    scaled_noise = (noise * gain).astype(np.result_type(noise, np.float32))
    return clean + scaled_noise, scaled_noise
