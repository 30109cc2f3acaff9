"""The bootstrap over listeners and clips."""

import math

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics import crossed_interval, mean_interval

# Two ends of 10 000 resamples each, drawn in another way: within 4 % of the width.
SAME_DISTRIBUTION = 0.04


def panel(rng, listeners, clips):
    """Ratings with an own leaning of every listener and every clip."""
    own = rng.normal(0, 8, (listeners, 1)) + rng.normal(0, 6, (1, clips))
    return 60 + own + rng.normal(0, 5, (listeners, clips))


@pytest.mark.parametrize("shape", [(1, 40), (40, 1)])
def test_with_one_listener_or_one_clip_it_is_the_plain_bootstrap(shape):
    x = np.random.default_rng(0).gamma(2.0, 10, 40)
    ours, plain = crossed_interval(x.reshape(shape)), mean_interval(x)
    tolerance = SAME_DISTRIBUTION * (plain.high - plain.low)
    assert ours.mean == pytest.approx(plain.mean)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=tolerance)


def test_it_covers_the_truth_where_a_bootstrap_of_single_answers_does_not():
    rng, covered, naive = np.random.default_rng(1), 0, 0
    for _ in range(400):
        ratings = panel(rng, 12, 8)
        ours = crossed_interval(ratings, resamples=400)
        plain = mean_interval(ratings.ravel(), resamples=400)
        covered += ours.low <= 60 <= ours.high
        naive += plain.low <= 60 <= plain.high
    # 400 trials: 0.95 may come out as low as 0.91 (3.9 standard errors).
    assert covered / 400 >= 0.91
    assert naive / 400 < 0.75


def test_the_mean_is_that_of_all_ratings_and_lies_inside():
    ratings = panel(np.random.default_rng(2), 5, 7)
    interval = crossed_interval(ratings)
    assert interval.mean == pytest.approx(ratings.mean())
    assert interval.low < interval.mean < interval.high


def test_a_single_rating_has_no_interval():
    interval = crossed_interval([[70.0]])
    assert interval.mean == 70 and math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize("bad", [[1.0, 2.0], np.zeros((0, 3)), np.zeros((2, 2, 2))])
def test_other_shapes_are_refused(bad):
    with pytest.raises(ShapeError, match=r"crossed_interval: got shape .*\(listeners, clips\)"):
        crossed_interval(bad)


def test_a_missing_rating_is_refused():
    with pytest.raises(ParameterError, match="a rating is NaN or Inf"):
        crossed_interval([[1.0, np.nan]])
