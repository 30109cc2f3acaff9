"""How late a file is, and how it is made to fit its clip."""

import numpy as np
import pytest
from bundles import speech_like

from wheesht.errors import ShapeError
from wheesht.evaluation.systems.alignment import fit, lag_of


@pytest.fixture(scope="module")
def speech():
    return speech_like(1.0, seed=3)


def late(x, lag):
    return np.concatenate([np.zeros(lag), x]) if lag >= 0 else x[-lag:]


@pytest.mark.parametrize("lag", [0, 1, -1, 160, 481, -37, 7999, -7999])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_lag_is_found_to_the_sample(speech, lag, sign):
    assert lag_of(sign * late(speech, lag), speech) == lag


def test_the_lag_is_found_under_noise(speech):
    noise = 0.2 * np.random.default_rng(0).standard_normal(len(speech))
    assert lag_of(late(speech, 320)[: len(speech)] + noise, speech) == 320


@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_silence_has_no_lag(n):
    assert lag_of(np.zeros(n), np.ones(n)) == 0


def test_short_signals_do_not_fail():
    assert lag_of(np.ones(1), np.ones(1)) == 0
    assert lag_of(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])) == 1


@pytest.mark.parametrize("lag", [0, 3, -3])
@pytest.mark.parametrize("misfit", [0, 2, -2])
def test_a_file_is_moved_and_cut_or_padded(lag, misfit):
    x = np.arange(1.0, 11.0 + misfit)
    y = fit("x", x, 10, lag)
    moved = np.concatenate([np.zeros(20), x, np.zeros(20)])[20 + lag : 30 + lag]
    assert np.array_equal(y, moved)


@pytest.mark.parametrize(
    ("n", "lag", "fits"),
    [
        (2000 + 512, 0, True),
        (2000 + 513, 0, False),
        (2000 - 512, 0, True),
        (2000 - 513, 0, False),
        (2000 + 912, 400, True),
        (2000 + 913, 400, False),
        (2000 - 912, -400, True),
        (2000 - 913, -400, False),
        (0, 0, False),
    ],
)
def test_another_length_is_refused_beyond_two_blocks_and_the_lag(n, lag, fits):
    if fits:
        assert len(fit("x.wav", np.ones(n), 2000, lag)) == 2000
        return
    with pytest.raises(ShapeError, match=rf"x.wav: {n} samples at 16000 Hz, its clip 2000"):
        fit("x.wav", np.ones(n), 2000, lag)
