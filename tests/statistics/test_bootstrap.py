"""Bootstrap intervals against a plain loop, theory, and what must not matter."""

import math
import tracemalloc

import numpy as np
import pytest

from wheesht.errors import ParameterError, ShapeError
from wheesht.statistics import bootstrap, crossed_interval, mean_interval, paired_interval

ROUNDING = 1e-12  # means of the same numbers, added in another order
THEORY = 0.05  # share of the width; 10 000 resamples place an end within 2 %


def scores(n, seed=0):
    return 1 + np.random.default_rng(seed).gamma(2.2, 0.47, n)


def test_the_interval_is_that_of_a_plain_loop():
    x, rng = scores(13), np.random.default_rng(4)
    means = sorted(x[rng.integers(0, 13, 13)].mean() for _ in range(1001))
    interval = mean_interval(x, level=0.9, resamples=1001, seed=4)
    assert interval.mean == pytest.approx(x.mean(), abs=ROUNDING)
    # 1001 values: the quantiles 0.05 and 0.95 fall on the 51st and the 951st.
    assert interval.low == pytest.approx(means[50], abs=ROUNDING)
    assert interval.high == pytest.approx(means[950], abs=ROUNDING)


@pytest.mark.parametrize("at_once", [1, 1000, 10**7])
def test_the_size_of_a_block_does_not_matter(monkeypatch, at_once):
    expected = mean_interval(scores(31), resamples=500)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", at_once)
    assert mean_interval(scores(31), resamples=500) == expected


def test_thousands_of_clips_take_little_memory():
    x = scores(5000)
    tracemalloc.start()
    mean_interval(x, resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20  # all at once would be 80 MiB


def test_the_width_is_that_of_the_normal_theory_for_many_clips():
    x = scores(2000)
    interval = mean_interval(x)
    expected = 2 * 1.959964 * x.std() / math.sqrt(2000)
    assert interval.high - interval.low == pytest.approx(expected, rel=THEORY)


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    assert mean_interval(scores(26)) == mean_interval(scores(26), seed=0)
    assert mean_interval(scores(26)) != mean_interval(scores(26), seed=1)


def test_a_lower_level_gives_a_narrower_interval():
    wide, narrow = mean_interval(scores(26), 0.95), mean_interval(scores(26), 0.5)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_shift_and_scale_carry_over():
    x, y = mean_interval(scores(26)), mean_interval(3 - 2 * scores(26))
    assert (y.low, y.high) == pytest.approx((3 - 2 * x.high, 3 - 2 * x.low), abs=ROUNDING)


def test_what_the_clips_share_cancels_in_the_paired_interval():
    a, b = scores(26), scores(26) - 0.25
    interval = paired_interval(a, b)
    assert (interval.low, interval.high) == pytest.approx((0.25, 0.25), abs=ROUNDING)
    assert interval.mean > 0, "of a minus b"


def test_the_paired_interval_is_that_of_the_differences():
    a, b = scores(26, 1), scores(26, 2)
    assert paired_interval(a, b, 0.9, 300, 5) == mean_interval(a - b, 0.9, 300, 5)


def test_one_clip_has_a_mean_and_no_interval():
    interval = mean_interval([2.5])
    assert interval.mean == 2.5 and math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"level": 95}, "got level 95, needs a share between 0 and 1"),
        ({"level": 0}, "got level 0, needs a share"),
        ({"resamples": 99}, "got 99 resamples, needs at least 100"),
    ],
)
@pytest.mark.parametrize("function", [mean_interval, crossed_interval])
def test_settings_out_of_range_are_refused(function, settings, sentence):
    values = np.ones((3, 4)) if function is crossed_interval else np.ones(3)
    with pytest.raises(ParameterError, match=rf"{function.__name__}: {sentence}"):
        function(values, **settings)


def test_values_that_are_missing_or_unpaired_are_refused():
    with pytest.raises(ShapeError, match=r"mean_interval: got 0 value\(s\), needs at least 1"):
        mean_interval([])
    with pytest.raises(ParameterError, match=r"mean_interval: 1 of 2 values are NaN"):
        mean_interval([1.0, np.nan])
    with pytest.raises(ShapeError, match=r"paired_interval: got 2 and 3 values"):
        paired_interval([1.0, 2.0], [1.0, 2.0, 3.0])
