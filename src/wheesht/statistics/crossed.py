"""Bootstrap over two crossed samples: listeners and clips, each heard by each."""

import numpy as np
from numpy.typing import ArrayLike

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics.bootstrap import RESAMPLES, Interval, check_settings, ends


def crossed_interval(
    ratings: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean rating and its interval when both rows and columns are samples.

    Parameters
    ----------
    ratings : array_like, shape (L, I)
        What listener l gave to clip i.
    level, resamples, seed
        As for `wheesht.statistics.mean_interval`.

    Returns
    -------
    Interval
        For a single rating `low` and `high` are NaN. With one listener (or one clip) the interval
        speaks of other clips for this listener (or the reverse) only.

    Raises
    ------
    ShapeError
        Not two-dimensional, or empty.
    ParameterError
        A rating is NaN or Inf; `level` or `resamples` is out of range.

    Notes
    -----
    Owen, "The pigeonhole bootstrap" (2007): listeners and clips are drawn with replacement,
    independently, and a rating counts as often as its listener times its clip was drawn. Drawing
    single ratings instead would treat the answers of one listener as those of as many people and
    give intervals far too narrow; this one errs on the wide side.
    """
    where = "crossed_interval"
    ratings = np.asarray(ratings, dtype=np.float64)
    if ratings.ndim != 2 or ratings.size == 0:
        raise ShapeError(f"{where}: got shape {ratings.shape}, needs (listeners, clips)")
    if not np.all(np.isfinite(ratings)):
        raise ParameterError(f"{where}: a rating is NaN or Inf, needs one of every clip by all")
    check_settings(where, level, resamples)
    mean = float(ratings.mean())
    if ratings.size == 1:
        return Interval(mean, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    listeners, clips = (
        rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n for n in ratings.shape
    )
    return ends(mean, np.sum((listeners @ ratings) * clips, axis=1), level)
