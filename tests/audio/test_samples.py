"""Conversion, checks and the queue of samples."""

import numpy as np
import pytest

from wheesht.audio.samples import (
    MAX_SAMPLE,
    SampleQueue,
    check_signal_shape,
    to_float32,
    without_hostile_samples,
)
from wheesht.errors import ShapeError


def test_float32_is_passed_on_without_a_copy():
    x = np.zeros(3, np.float32)
    assert to_float32("here", x) is x


def test_int16_and_int32_reach_exactly_minus_one():
    for dtype in (np.int16, np.int32):
        lowest = np.array([np.iinfo(dtype).min], dtype)
        assert to_float32("here", lowest)[0] == -1.0


def test_float64_beyond_float32_becomes_infinite_without_a_warning():
    assert to_float32("here", np.array([1e300]))[0] == np.inf


def test_the_message_names_the_call_and_the_type():
    with pytest.raises(ShapeError, match="^here: got elements of type uint8"):
        to_float32("here", np.zeros(3, np.uint8))


@pytest.mark.parametrize("shape", [(0,), (5,), (1, 0), (8, 8), (8, 1), (9, 9), (2, 100)])
def test_signals_with_channels_first_are_accepted(shape):
    check_signal_shape("here", shape)


@pytest.mark.parametrize("shape", [(), (0, 5), (9, 8), (100, 1), (1, 1, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError):
        check_signal_shape("here", shape)


def test_hostile_samples_become_zero_or_the_limit():
    x = np.array([np.nan, np.inf, -np.inf, 1e9, -1e9, 0.5], np.float32)
    want = [0, 0, 0, MAX_SAMPLE, -MAX_SAMPLE, 0.5]
    got = without_hostile_samples(x)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.array(want, np.float32))


def test_ordinary_samples_are_passed_on_without_a_copy():
    for x in (np.ones(3, np.float32), np.zeros((2, 0), np.float32)):
        assert without_hostile_samples(x) is x


def test_the_queue_gives_back_what_it_got_in_order():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1009)).astype(np.float32)
    queue, start, parts = SampleQueue(2), 0, []
    while start < 1009 or len(queue):
        size = int(rng.integers(0, 60))
        queue.push(x[:, start : start + size])
        start = min(start + size, 1009)
        parts.append(queue.take(int(rng.integers(0, len(queue) + 1))))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), x)


def test_a_copy_of_the_queue_is_independent():
    queue = SampleQueue(1)
    queue.push(np.ones((1, 5), np.float32))
    twin = queue.copy()
    queue.take(4)
    assert (len(queue), len(twin)) == (1, 5)
    twin.clear()
    assert (len(queue), len(twin)) == (1, 0)
    assert twin.take(0).shape == (1, 0)
