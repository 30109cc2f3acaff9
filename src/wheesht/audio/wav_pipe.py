"""WAV through pipes, where nobody can seek: the header is read, or written, in passing."""

import shutil
import struct
import tempfile
from typing import BinaryIO, cast

from wheesht.audio.formats import AudioFormat
from wheesht.audio.pcm import PCM_BY_SUBTYPE, PcmFormat
from wheesht.audio.reader import FileReader, RawReader, Reader
from wheesht.audio.speakers import EXTENSIBLE, MASK_OFFSET
from wheesht.errors import AudioFileError

UNKNOWN_SIZE = 0xFFFFFFFF  # what programs write that do not know the length yet
OPEN_ENDED = 0x7FFF0000  # sizes from here on, and 0, mean "not known" in other programs
CODING = {  # (format tag, bits) of the fmt chunk
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
}
MAX_HEADER_BYTES = 1 << 20  # of chunks before the samples; more is not a sound file


def open_pipe(stream: BinaryIO, name: str) -> Reader:
    """Open audio that arrives through a pipe.

    Plain WAV (integers or float) is read as it arrives. Everything else is collected in a
    temporary file first, because its formats need seeking.

    Parameters
    ----------
    stream : unbuffered binary file
    name : str
        What messages call it.

    Raises
    ------
    AudioFileError
        Empty, or not audio.
    """
    head = _Recorder(stream)
    found = _plain_wav(head, name)
    if found is not None:
        audio_format, pcm, limit = found
        return RawReader(stream, name, pcm, audio_format, limit)
    if not head.seen:
        raise AudioFileError(f"{name}: is empty (0 bytes), needs audio")
    spool = tempfile.TemporaryFile()
    spool.write(head.seen)
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return FileReader(cast(BinaryIO, spool), name)


def wav_header(audio_format: AudioFormat, pcm: PcmFormat) -> bytes:
    """Return the bytes before the samples; sizes say "not known" when `frames` is None."""
    frame_bytes = audio_format.channels * pcm.bytes_per_sample
    size = UNKNOWN_SIZE
    if audio_format.frames is not None:
        size = audio_format.frames * frame_bytes
    if size + 36 + size % 2 > UNKNOWN_SIZE:
        size = UNKNOWN_SIZE
    fmt = struct.pack(
        "<HHIIHH",
        1 if pcm.bits else 3,
        audio_format.channels,
        audio_format.sample_rate,
        audio_format.sample_rate * frame_bytes,
        frame_bytes,
        8 * pcm.bytes_per_sample,
    )
    riff = UNKNOWN_SIZE if size == UNKNOWN_SIZE else 36 + size + size % 2
    start = struct.pack("<4sI4s4sI", b"RIFF", riff, b"WAVE", b"fmt ", len(fmt))
    return start + fmt + struct.pack("<4sI", b"data", size)


class _Recorder:
    """Reads exact amounts and remembers them, so that another reader can start over."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seen = b""

    def exactly(self, count: int) -> bytes | None:
        """Return `count` bytes, or None when there are not as many."""
        start = len(self.seen)
        if start + count > MAX_HEADER_BYTES:
            return None
        while len(self.seen) < start + count:
            data = self._stream.read(start + count - len(self.seen))
            if not data:
                return None
            self.seen += data
        return self.seen[start:]


def _plain_wav(head: _Recorder, name: str) -> tuple[AudioFormat, PcmFormat, int | None] | None:
    """Read up to the samples; None when this is not a WAV that can be read in passing."""
    start = head.exactly(12)
    if start is None or start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        return None
    fmt, long_size = None, None
    while (chunk := head.exactly(8)) is not None:
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if kind == b"data":
            return _describe(fmt, long_size if size == UNKNOWN_SIZE else size, name)
        body = head.exactly(size + size % 2)
        if body is None:
            return None
        if kind == b"fmt ":
            fmt = body
        elif kind == b"ds64" and size >= 16:
            long_size = int.from_bytes(body[8:16], "little")
    return None


def _describe(
    fmt: bytes | None, size: int | None, name: str
) -> tuple[AudioFormat, PcmFormat, int | None] | None:
    if fmt is None or len(fmt) < 16:
        return None
    tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", fmt[:16])
    container, speakers = "WAV", None
    if tag == EXTENSIBLE and len(fmt) >= 26:
        container = "WAVEX"
        speakers = int.from_bytes(fmt[MASK_OFFSET : MASK_OFFSET + 4], "little")
        tag = int.from_bytes(fmt[24:26], "little")  # the real one opens the GUID
    subtype = CODING.get((tag, bits))
    if subtype is None:
        return None
    pcm = PCM_BY_SUBTYPE[subtype]
    if channels == 0 or frame_bytes != channels * pcm.bytes_per_sample:
        raise AudioFileError(
            f"{name}: its WAV header is damaged ({channels} channels of {bits} bits in frames of "
            f"{frame_bytes} bytes); save it again"
        )
    is_open = size is None or size == 0 or OPEN_ENDED <= size <= UNKNOWN_SIZE
    limit = None if is_open else size
    frames = None if limit is None else limit // frame_bytes
    audio = AudioFormat(sample_rate, channels, container, subtype, frames, speakers=speakers)
    return audio, pcm, limit
