"""Simulated rooms: what physics says of them, and that they are made once."""

import numpy as np
import pytest

pytest.importorskip("pyroomacoustics")

from wheesht.data import rooms  # noqa: E402
from wheesht.data.rooms import DIRECT, draw_room, open_rooms, room_responses  # noqa: E402

SIZE = np.array([6.1, 4.7, 3.0])
MICROPHONE = np.array([2.0, 2.2, 1.5])
NEAR, FAR = MICROPHONE + [0.5, 0.0, 0.0], MICROPHONE + [2.8, 0.0, 0.2]


def decay_seconds(response, rate=16000):
    """T60 from the slope of Schroeder's integral between -5 and -25 dB."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    level = 10 * np.log10(left / left[0])
    return 3 * (np.argmax(level < -25) - np.argmax(level < -5)) / rate


@pytest.mark.parametrize("rt60", [0.25, 0.5])
def test_the_far_response_decays_as_asked(rt60):
    _, far = room_responses(SIZE, rt60, MICROPHONE, (NEAR, FAR), 16000)
    # Sabine's formula is off by up to a third in rooms whose walls absorb much.
    assert decay_seconds(far) == pytest.approx(rt60, rel=0.35)


def test_the_direct_path_is_first_strongest_and_at_its_place():
    near, far = room_responses(SIZE, 0.4, MICROPHONE, (NEAR, FAR), 16000)
    for response in (near, far):
        assert abs(int(np.argmax(np.abs(response))) - DIRECT) <= 1  # travel is no whole sample
        assert np.abs(response[: DIRECT - 20]).max() < 0.05
        assert np.abs(response).max() == 1.0


def test_distance_leaves_less_direct_sound():
    near, far = room_responses(SIZE, 0.4, MICROPHONE, (NEAR, FAR), 16000)

    def direct_to_rest_db(response):
        return 10 * np.log10(
            np.sum(response[: DIRECT + 20] ** 2) / np.sum(response[DIRECT + 20 :] ** 2)
        )

    # 1/r law: 0.5 m against 2.81 m is 15 dB; reflections do not depend on the distance much.
    assert direct_to_rest_db(near) - direct_to_rest_db(far) == pytest.approx(15.0, abs=4.0)


def test_a_room_is_a_function_of_its_seed_and_rooms_differ():
    first = draw_room(np.random.default_rng([4, 0]), 16000)
    again = draw_room(np.random.default_rng([4, 0]), 16000)
    other = draw_room(np.random.default_rng([4, 1]), 16000)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(first[0]) != len(other[0]) or not np.array_equal(first[0], other[0])


def test_rooms_are_simulated_once(tmp_path, monkeypatch):
    seen = []

    def watch(items, label):
        seen.append(len(items))
        return items

    dry = np.array([0.0, 1.0, 0.5]), np.array([1.0, -0.25])
    monkeypatch.setattr(rooms, "draw_room", lambda rng, rate: dry)
    for _ in range(2):
        bank = open_rooms(3, 0, 16000, tmp_path, watch)
    assert seen == [3] and len(bank) == 6
    assert bank[4] == pytest.approx([0.0, 0.9, 0.45], abs=1e-4)
    assert bank[5] == pytest.approx([0.9, -0.225], abs=1e-4)


def test_a_missing_simulator_is_named(monkeypatch):
    import sys

    from wheesht.errors import MissingDependency

    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(MissingDependency, match=r"wheesht\[train\]"):
        room_responses(SIZE, 0.4, MICROPHONE, (NEAR, FAR), 16000)
