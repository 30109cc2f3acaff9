"""Simulated rooms beside measured ones."""

import numpy as np
import pytest
import soundfile

pytest.importorskip("pyroomacoustics")

from wheesht.data.rooms import DIRECT, draw_room  # noqa: E402

ROOMS = ("seminar-room-clap", "basement-L", "basement-R", "room-a", "room-b")  # T60 0.4 to 0.8 s
EARLY = 800  # samples, 50 ms


def test_simulated_clarity_lies_where_that_of_real_rooms_does(data):
    """Early-to-late ratio (C50): real rooms of up to 0.8 s and drawn ones overlap."""

    def clarity_db(response, direct):
        limit = direct + EARLY
        return 10 * np.log10(np.sum(response[:limit] ** 2) / np.sum(response[limit:] ** 2))

    real = []
    for name in ROOMS:
        x, _ = soundfile.read(data / "rir" / f"{name}.flac")
        real.append(clarity_db(x, int(np.argmax(np.abs(x)))))
    drawn = [
        clarity_db(draw_room(np.random.default_rng([9, i]), 16000)[0], DIRECT) for i in range(20)
    ]
    assert min(drawn) < np.median(real) < max(drawn), (np.round(real, 1), np.round(drawn, 1))
