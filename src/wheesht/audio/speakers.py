"""Which channel belongs to which loudspeaker, in the header of an extensible WAV file.

libsndfile keeps the samples of such a file but writes a layout of its own choice.
"""

import struct
from typing import BinaryIO

EXTENSIBLE = 0xFFFE  # format tag of the fmt chunk whose bytes 20 to 23 are the layout
MASK_OFFSET = 20  # in the fmt chunk
FMT_BYTES = 40  # of an extensible fmt chunk


def read_speakers(file: BinaryIO) -> int | None:
    """Return the layout, one bit per loudspeaker, or None when the file states none."""
    position = _mask_position(file)
    if position is None:
        return None
    file.seek(position)
    return int.from_bytes(file.read(4), "little")


def write_speakers(file: BinaryIO, speakers: int) -> None:
    """Put another layout into a finished file, when its header has a place for it."""
    position = _mask_position(file)
    if position is not None:
        file.seek(position)
        file.write(struct.pack("<I", speakers))


def _mask_position(file: BinaryIO) -> int | None:
    file.seek(0)
    start = file.read(12)
    if start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        return None
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"fmt ":
            tag = int.from_bytes(file.read(2), "little")
            wide = tag == EXTENSIBLE and size >= FMT_BYTES
            return file.tell() - 2 + MASK_OFFSET if wide else None
        file.seek(size + size % 2, 1)
    return None
