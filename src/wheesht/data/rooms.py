"""Simulated rooms: impulse responses from a talker and from a noise to one microphone.

Shoebox rooms by the image-source method, made once and kept as a `SampleBank`: recording 2i is the
response of room i to the talker, 2i + 1 to the noise. Every room is a function of (seed, i).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wheesht.data.bank import FULL_SCALE, Progress, SampleBank, no_progress, stored_bank
from wheesht.errors import MissingDependency

SIDE_METRES = (3.0, 10.0)  # length and width
HEIGHT_METRES = (2.4, 4.0)
RT60_SECONDS = (0.1, 0.7)
DISTANCE_METRES = (0.3, 3.0)  # from talker to microphone
WALL_METRES = 0.3  # nobody is closer to a wall
DIRECT = 40  # sample of the direct path in every response: half the simulator's 81-tap sinc
EARLY_SECONDS = 0.05  # after the direct path; helps understanding, so it belongs to the speech
TAIL_ENERGY = 1e-6  # of the whole; where less is left the response ends
PEAK = 0.9  # of full scale, of the stored response
VERSION = 1  # of the drawing below, so that a change of it makes new files


def open_rooms(
    count: int, seed: int, sample_rate: int, folder: Path, progress: Progress = no_progress
) -> SampleBank:
    """Open the bank of `count` rooms, simulating them first when that has not been done.

    Parameters
    ----------
    count : int
        Rooms; the bank holds twice as many responses.
    seed : int
    sample_rate : int
        In Hz.
    folder : Path
        Where banks are kept.
    progress : callable ``(items, label)``
        Wraps the rooms while they are simulated, for a progress bar.

    Raises
    ------
    MissingDependency
        The simulator is not installed and the rooms are not there yet.
    """

    def responses() -> Iterator[np.ndarray]:
        for index in progress(range(count), "simulating rooms, once"):
            for response in draw_room(np.random.default_rng([seed, index]), sample_rate):
                yield np.round(response * PEAK * (FULL_SCALE - 1)).astype(np.int16)

    name = f"rooms-v{VERSION}-{count}-{seed}-{sample_rate}"
    return stored_bank(folder / name, responses)


def draw_room(rng: np.random.Generator, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a room and return its two responses, to the talker and to the noise.

    Returns
    -------
    ndarray, ndarray, each float64, shape (N,)
        See `room_responses`.
    """
    while True:
        size = np.array(
            [rng.uniform(*SIDE_METRES), rng.uniform(*SIDE_METRES), rng.uniform(*HEIGHT_METRES)]
        )
        rt60 = rng.uniform(*RT60_SECONDS)
        microphone = rng.uniform(WALL_METRES, size - WALL_METRES)
        noise = rng.uniform(WALL_METRES, size - WALL_METRES)
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        talker = microphone + rng.uniform(*DISTANCE_METRES) * direction
        inside = np.all((talker > WALL_METRES) & (talker < size - WALL_METRES))
        apart = np.linalg.norm(noise - microphone) > DISTANCE_METRES[0]
        if inside and apart and can_be_that_dry(size, rt60):
            return room_responses(size, rt60, microphone, (talker, noise), sample_rate)


def can_be_that_dry(size: np.ndarray, rt60: float) -> bool:
    """Tell whether walls that absorb at most everything give this reverberation time (Sabine)."""
    volume, walls = np.prod(size), 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    return bool(0.161 * volume / (walls * rt60) < 1.0)  # 0.161 s/m: 24 ln 10 over speed of sound


def room_responses(
    size: np.ndarray,
    rt60: float,
    microphone: np.ndarray,
    sources: tuple[np.ndarray, np.ndarray],
    sample_rate: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate the impulse responses from two places in a room to a third.

    Parameters
    ----------
    size : ndarray, shape (3,)
        Length, width, height in metres.
    rt60 : float
        Reverberation time in seconds, by Sabine's formula.
    microphone, sources : ndarray, shape (3,)
        In metres, from a corner.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray, ndarray, each float64, shape (N,)
        The travel time is cut off: the direct path arrives at sample `DIRECT`. Largest magnitude 1.

    Notes
    -----
    Allen and Berkley (JASA 65, 1979), as implemented by pyroomacoustics.
    """
    try:
        import pyroomacoustics
    except ImportError:
        raise MissingDependency("simulated rooms need: pip install 'wheesht[train]'") from None
    absorption, order = pyroomacoustics.inverse_sabine(rt60, size)
    room = pyroomacoustics.ShoeBox(
        size,
        fs=sample_rate,
        materials=pyroomacoustics.Material(absorption),
        max_order=order,
    )
    room.add_microphone(microphone)
    for place in sources:
        room.add_source(place)
    room.compute_rir()
    talker, noise = (
        _trimmed(response, np.linalg.norm(place - microphone) / room.c * sample_rate)
        for response, place in zip(room.rir[0], sources, strict=True)
    )
    return talker, noise


def _trimmed(response: np.ndarray, travel: float) -> np.ndarray:
    """Cut the travel time (in samples) and the inaudible end; scale the peak to one."""
    response = response[round(travel) :]  # the simulator adds DIRECT samples of its own
    left = np.cumsum(response[::-1] ** 2)[::-1]  # energy from here on
    response = response[: np.count_nonzero(left > TAIL_ENERGY * left[0])]
    return np.asarray(response / np.abs(response).max())
