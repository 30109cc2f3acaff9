"""WAV and other formats through pipes, which cannot seek."""

import io
import struct

import numpy as np
import pytest
import soundfile

from wheesht.audio.formats import AudioFormat
from wheesht.audio.pcm import PCM_FORMATS
from wheesht.audio.reader import RawReader
from wheesht.audio.wav_pipe import MAX_HEADER_BYTES, _Recorder, open_pipe, wav_header
from wheesht.audio.writer import PipeWriter
from wheesht.errors import AudioFileError

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


class Pipe(io.BytesIO):
    """Gives at most `most` bytes per read and cannot seek, as a pipe."""

    def __init__(self, data, most=777):
        super().__init__(data)
        self._most = most

    def read(self, size=-1):
        return super().read(min(size, self._most) if size >= 0 else self._most)

    def seekable(self):
        return False

    def seek(self, *_):
        raise OSError("Illegal seek")


def as_bytes(x, rate=48000, container="WAV", **options):
    file = io.BytesIO()
    soundfile.write(file, x, rate, format=container, **options)
    return file.getvalue()


def read_all(pipe):
    reader = open_pipe(pipe, "pipe")
    return reader, np.concatenate(list(reader.blocks()), axis=1)


@pytest.fixture
def stereo():
    return 0.5 * np.random.default_rng(0).uniform(-1, 1, (5003, 2))


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_plain_wav_is_read_in_passing(stereo, subtype, container):
    data = as_bytes(stereo, container=container, subtype=subtype)
    want = soundfile.read(io.BytesIO(data), dtype="float32")[0].T
    reader, got = read_all(Pipe(data))
    assert (reader.format.sample_rate, reader.format.frames) == (48000, 5003)
    assert reader.warnings == []
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("FLAC", None), ("OGG", "VORBIS"), ("WAV", "MS_ADPCM"), ("AIFF", None)],
)
def test_other_formats_are_collected_first(stereo, container, subtype):
    data = as_bytes(stereo, container=container, subtype=subtype)
    want = soundfile.read(io.BytesIO(data), dtype="float32")[0].T
    np.testing.assert_array_equal(read_all(Pipe(data))[1], want)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_placeholder_sizes_mean_up_to_the_end(stereo, size):
    data = bytearray(as_bytes(stereo))
    data[40:44] = struct.pack("<I", size)
    reader, got = read_all(Pipe(bytes(data)))
    assert reader.format.frames is None
    assert got.shape == (2, 5003)
    assert reader.warnings == []


def test_chunks_before_and_after_the_samples_are_skipped(stereo):
    data = as_bytes(stereo)
    extra = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    pipe = Pipe(data[:36] + extra + data[36:] + extra)
    reader, got = read_all(pipe)
    assert isinstance(reader, RawReader)
    np.testing.assert_array_equal(got, read_all(Pipe(data))[1])
    assert pipe.read(1) == b""  # drained, so that the other end is not killed


@pytest.mark.parametrize(("missing", "frames"), [(1001, 4752), (1000, 4753)])
def test_a_pipe_that_ends_early_is_used_as_far_as_it_goes(stereo, missing, frames):
    reader, got = read_all(Pipe(as_bytes(stereo)[:-missing]))
    assert got.shape == (2, frames)
    assert reader.warnings == ["pipe: is cut off; what is there was used"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"RIFF", "cannot be read as audio"),
        (b"hello world, this is no sound at all", "cannot be read as audio"),
        (b"RIFF\0\0\0\0WAVE", "cannot be read as audio"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "cannot be read as audio"),
        (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\x7f", "cannot be read as audio"),
    ],
)
def test_what_is_no_audio_is_refused(data, message):
    with pytest.raises(AudioFileError, match=f"^pipe: {message}"):
        open_pipe(Pipe(data), "pipe")


def test_a_header_that_contradicts_itself_is_refused(stereo):
    data = bytearray(as_bytes(stereo))
    data[32:34] = struct.pack("<H", 3)
    with pytest.raises(AudioFileError, match="header is damaged"):
        open_pipe(Pipe(bytes(data)), "pipe")


def test_a_header_without_samples_is_refused(stereo):
    with pytest.raises(AudioFileError, match="holds no samples"):
        list(open_pipe(Pipe(as_bytes(stereo)[:44]), "pipe").blocks())


@pytest.mark.parametrize("rate", [4000, 200_000])
def test_a_rate_out_of_range_is_refused(stereo, rate):
    with pytest.raises(AudioFileError, match=f"sample rate of {rate} Hz, needs 8000 to 192000"):
        open_pipe(Pipe(as_bytes(stereo, rate)), "pipe")


@pytest.mark.parametrize("name", PCM_FORMATS)
@pytest.mark.parametrize("frames", [None, 333])
def test_what_is_written_to_a_pipe_is_a_wav_file(name, frames):
    pipe, pcm = io.BytesIO(), PCM_FORMATS[name]
    x = np.random.default_rng(0).integers(-100, 100, (3, 333)).astype(np.float32) / 128
    with PipeWriter(pipe, "pipe", pcm, AudioFormat(16000, 3, "WAV", "PCM_16", frames)) as writer:
        for part in (x[:, :100], x[:, 100:100], x[:, 100:]):
            writer.write(part)
    got, rate = soundfile.read(io.BytesIO(pipe.getvalue()), dtype="float32")
    assert rate == 16000
    np.testing.assert_array_equal(got[:333].T, x)
    assert len(got) == 333
    assert len(pipe.getvalue()) % 2 == 0  # chunks of RIFF are padded
    assert soundfile.info(io.BytesIO(pipe.getvalue())).subtype == pcm.subtype


@pytest.mark.parametrize(("name", "frames", "size"), [("s16le", 100, 400), ("s24le", 5, 30)])
def test_an_exact_header_states_the_true_sizes(name, frames, size):
    header = wav_header(AudioFormat(16000, 2, "WAV", "", frames), PCM_FORMATS[name])
    assert len(header) == 44
    assert struct.unpack("<I", header[4:8]) == (36 + size,)
    assert struct.unpack("<I", header[40:44]) == (size,)


def test_an_odd_number_of_bytes_is_padded_in_the_outer_size_only():
    header = wav_header(AudioFormat(16000, 1, "WAV", "PCM_U8", 5), PCM_FORMATS["u8"])
    assert struct.unpack("<I", header[4:8]) == (36 + 6,)
    assert struct.unpack("<I", header[40:44]) == (5,)


def test_a_lying_header_cannot_make_us_collect_without_end():
    head = _Recorder(Pipe(bytes(MAX_HEADER_BYTES + 1)))
    assert head.exactly(MAX_HEADER_BYTES + 1) is None
    assert head.seen == b""


def test_a_header_for_more_than_4_gb_has_placeholders():
    pcm = PCM_FORMATS["s16le"]
    header = wav_header(AudioFormat(16000, 2, "WAV", "PCM_16", 2**30), pcm)
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"
