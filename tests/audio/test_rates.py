"""Sample-rate conversion in blocks."""

import numpy as np
import pytest
import soxr

from wheesht.audio.rates import RateConverter, check_rate
from wheesht.errors import ParameterError

PAIRS = [(8000, 16000), (16000, 8000), (44100, 16000), (16000, 44100), (11025, 16000)]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_blocks_change_nothing_compared_with_one_call(source, target):
    x = np.random.default_rng(0).standard_normal((2, 2 * source)).astype(np.float32)
    converter = RateConverter(source, target, 2, block=101)
    parts = [converter.process(part) for part in np.array_split(x, 13, axis=1)]
    got = np.concatenate(parts, axis=1)
    want = soxr.resample(x.T, source, target, "HQ").T
    np.testing.assert_array_equal(got, want[:, : got.shape[1]])
    assert got.shape[1] > want.shape[1] * 0.9


def test_reset_forgets_the_past():
    converter = RateConverter(44100, 16000, 1, block=100)
    x = np.random.default_rng(1).standard_normal((1, 20050)).astype(np.float32)
    first = converter.process(x)
    converter.reset()
    np.testing.assert_array_equal(converter.process(x), first)


@pytest.mark.parametrize("rate", [8000, 192000, np.int64(44100)])
def test_whole_rates_in_the_range_are_accepted(rate):
    assert check_rate("here", rate) == rate


@pytest.mark.parametrize("rate", [0, -16000, 7999, 192001, 44100.0, "44100", None, True])
def test_other_rates_are_refused(rate):
    with pytest.raises(ParameterError, match="^here: got a sample rate of"):
        check_rate("here", rate)
