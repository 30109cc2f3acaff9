"""Reading and writing audio files: formats, samples, tags, atomicity."""

import io
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wheesht.audio import writer as writer_module
from wheesht.audio.atomic import AtomicTarget
from wheesht.audio.formats import AudioFormat, container_for_size, target_coding
from wheesht.audio.reader import FileReader
from wheesht.audio.speakers import read_speakers, write_speakers
from wheesht.audio.wav_pipe import open_pipe
from wheesht.audio.writer import FileWriter, write_fully
from wheesht.errors import AudioFileError, OutputExistsError

LOSSLESS = [
    ("a.wav", "PCM_U8", 8),
    ("a.wav", "PCM_16", 16),
    ("a.wav", "PCM_24", 24),
    ("a.wav", "PCM_32", 24),  # float32 in between keeps 24 bits
    ("a.wav", "FLOAT", 24),
    ("a.wav", "DOUBLE", 24),
    ("a.flac", "PCM_S8", 8),
    ("a.flac", "PCM_16", 16),
    ("a.flac", "PCM_24", 24),
    ("a.aiff", "PCM_16", 16),
    ("a.caf", "PCM_24", 24),
    ("a.w64", "PCM_16", 16),
    ("a.au", "FLOAT", 24),
]
LOSSY = [
    ("a.ogg", "VORBIS", 44100),
    ("a.opus", "OPUS", 48000),
    ("a.mp3", "MPEG_LAYER_III", 44100),
    ("a.wav", "ULAW", 8000),
    ("a.wav", "MS_ADPCM", 22050),
]


def rewrite(source: Path, target: Path, overwrite: bool = False) -> None:
    """Copy a file through reader and writer."""
    reader = FileReader(source, str(source))
    with FileWriter(target, reader.format, overwrite) as writer:
        for block in reader.blocks():
            writer.write(block)
    reader.close()


def steps(bits: int, count: int = 997, channels: int = 2) -> np.ndarray:
    """Numbers on the grid of `bits` bits, the extremes included, shape (count, channels)."""
    rng = np.random.default_rng(bits)
    whole = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (count, channels))
    whole[:2, 0] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
    return whole / 2.0 ** (bits - 1)


@pytest.mark.parametrize(("name", "subtype", "bits"), LOSSLESS)
def test_lossless_files_are_copied_exactly(tmp_path, name, subtype, bits):
    source, target = tmp_path / name, tmp_path / f"copy{Path(name).suffix}"
    x = steps(bits)
    # whole numbers, because libsndfile does not scale float and integer by the same factor
    numbers = x if subtype in ("FLOAT", "DOUBLE") else np.int32(x * 2.0**31)
    soundfile.write(source, numbers, 44100, subtype)
    rewrite(source, target)
    assert soundfile.info(target).subtype == subtype
    np.testing.assert_array_equal(
        soundfile.read(target, dtype="float64")[0], soundfile.read(source, dtype="float64")[0]
    )


@pytest.mark.parametrize(("name", "subtype", "rate"), LOSSY)
def test_lossy_files_keep_format_rate_and_length(tmp_path, name, subtype, rate):
    source, target = tmp_path / name, tmp_path / f"copy{Path(name).suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    container = {"ogg": "OGG", "opus": "OGG", "mp3": "MP3", "wav": "WAV"}[name.split(".")[1]]
    soundfile.write(source, np.stack([tone, -tone], 1), rate, subtype, format=container)
    rewrite(source, target)
    found, wanted = soundfile.info(target), soundfile.info(source)
    assert (found.subtype, found.samplerate, found.channels) == (subtype, rate, 2)
    assert found.frames == wanted.frames
    error = soundfile.read(target)[0] - soundfile.read(source)[0]
    # two generations of lossy coding of a plain tone: far below it, but audible to a meter
    assert np.sqrt(np.mean(error**2)) < 0.05


@pytest.mark.parametrize(
    ("target", "container", "subtype", "want"),
    [
        ("x.wav", "WAV", "PCM_24", ("WAV", "PCM_24")),
        ("x.WAV", "WAVEX", "FLOAT", ("WAVEX", "FLOAT")),
        ("x.flac", "WAVEX", "PCM_24", ("FLAC", "PCM_24")),
        ("x.wav", "RF64", "PCM_16", ("WAV", "PCM_16")),
        ("x.wav", "WAV", "ULAW", ("WAV", "ULAW")),
        ("x.wav", "WAV", "MPEG_LAYER_III", ("WAV", "PCM_16")),
        ("x.wav", "FLAC", "PCM_24", ("WAV", "PCM_24")),
        ("x.wav", "MP3", "MPEG_LAYER_III", ("WAV", "PCM_16")),
        ("x.wav", "OGG", "VORBIS", ("WAV", "PCM_16")),
        ("x.flac", "WAV", "FLOAT", ("FLAC", "PCM_24")),
        ("x.flac", "WAV", "PCM_32", ("FLAC", "PCM_24")),
        ("x.flac", "WAV", "PCM_U8", ("FLAC", "PCM_16")),
        ("x.flac", "WAV", "PCM_16", ("FLAC", "PCM_16")),
        ("x.ogg", "OGG", "OPUS", ("OGG", "OPUS")),
        ("x.ogg", "WAV", "PCM_16", ("OGG", "VORBIS")),
        ("x.opus", "OGG", "VORBIS", ("OGG", "OPUS")),
        ("x.mp3", "WAV", "FLOAT", ("MP3", "MPEG_LAYER_III")),
        ("x.mp3", "MP3", "MPEG_LAYER_III", ("MP3", "MPEG_LAYER_III")),
        ("x.aiff", "FLAC", "PCM_24", ("AIFF", "PCM_24")),
        ("x.rf64", "WAV", "FLOAT", ("RF64", "FLOAT")),
        ("x.wav", "RAW", "FLOAT", ("WAV", "FLOAT")),
    ],
)
def test_the_extension_chooses_and_the_source_is_followed(target, container, subtype, want):
    assert target_coding(target, AudioFormat(48000, 1, container, subtype)) == want


@pytest.mark.parametrize("name", ["x", "x.txt", "x.m4a", ".wav"])
def test_an_unknown_extension_lists_the_known_ones(name):
    with pytest.raises(AudioFileError, match=r"cannot tell the format.*\.wav \.flac"):
        target_coding(name, AudioFormat(48000, 1, "WAV", "PCM_16"))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".ogg", ".mp3"])
def test_loud_samples_saturate_and_never_wrap(tmp_path, suffix):
    path = tmp_path / f"loud{suffix}"
    with FileWriter(path, AudioFormat(16000, 1, "RAW", "PCM_16")) as writer:
        writer.write(np.repeat(np.float32([[1.7, -1.7]]), 8000, axis=1))
    x = soundfile.read(path)[0]
    assert np.all(x[1000:7000] > 0.8)
    assert np.all(x[9000:15000] < -0.8)
    assert np.abs(x).max() < 1.4  # lossy codecs overshoot at the edge, by less than was clipped


def test_float_files_keep_what_exceeds_full_scale(tmp_path):
    path = tmp_path / "loud.wav"
    with FileWriter(path, AudioFormat(16000, 1, "WAV", "FLOAT")) as writer:
        writer.write(np.float32([[1.5, -2.5]]))
    np.testing.assert_array_equal(soundfile.read(path)[0], [1.5, -2.5])


@pytest.mark.parametrize("name", ["t.wav", "t.flac", "t.ogg", "t.mp3"])
def test_tags_are_kept(tmp_path, name):
    source, target = tmp_path / name, tmp_path / f"copy{Path(name).suffix}"
    with soundfile.SoundFile(source, "w", 44100, 1) as file:
        file.title, file.artist = "A quiet hour", "Nobody"
        file.write(np.zeros(44100))
    rewrite(source, target)
    with soundfile.SoundFile(target) as file:
        assert (file.title, file.artist) == ("A quiet hour", "Nobody")


def test_wav_beyond_4_gb_becomes_rf64(tmp_path, monkeypatch):
    source = AudioFormat(48000, 2, "WAV", "PCM_24", frames=666_666_667)
    assert container_for_size("WAV", "PCM_24", source) == "RF64"
    assert container_for_size("WAV", "PCM_16", source) == "WAV"
    assert container_for_size("FLAC", "PCM_24", source) == "FLAC"


def test_a_large_wav_is_really_written_as_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr("wheesht.audio.formats.WAV_LIMIT_BYTES", 1000)
    path = tmp_path / "big.wav"
    with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16", frames=501)) as writer:
        writer.write(np.zeros((1, 501), np.float32))
    assert soundfile.info(path).format == "RF64"
    assert FileReader(path, "big.wav").format.frames == 501


def test_wav_of_unknown_length_stops_at_4_gb_with_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "WAV_LIMIT_BYTES", 1000)
    with pytest.raises(AudioFileError, match=r"beyond the 4 GB.*choose \.rf64"):
        with FileWriter(tmp_path / "x.wav", AudioFormat(16000, 1, "WAV", "PCM_16")) as writer:
            writer.write(np.zeros((1, 500), np.float32))
            writer.write(np.zeros((1, 1), np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "rate", "channels"), [("x.mp3", 96000, 1), ("x.flac", 48000, 9)])
def test_what_a_format_cannot_hold_is_said_and_leaves_nothing(tmp_path, name, rate, channels):
    message = rf"with {channels} channels at {rate} Hz \(.*\); choose \.wav$"
    with pytest.raises(AudioFileError, match=message):
        with FileWriter(tmp_path / name, AudioFormat(rate, channels, "WAV", "PCM_16")):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rate", [8001, 44100, 96000])
@pytest.mark.parametrize(("name", "container"), [("x.opus", "WAV"), ("x.ogg", "OGG")])
def test_a_rate_that_opus_lacks_is_blamed(tmp_path, rate, name, container):
    source = AudioFormat(rate, 1, container, "OPUS")
    with pytest.raises(AudioFileError, match=f"Opus cannot hold {rate} Hz, only 8000, 12000"):
        with FileWriter(tmp_path / name, source):
            pass
    assert list(tmp_path.iterdir()) == []


def with_layout(path, channels, speakers, subtype="PCM_16"):
    """Write an extensible WAV that states a layout."""
    soundfile.write(path, np.zeros((100, channels)), 48000, subtype, format="WAVEX")
    data = bytearray(path.read_bytes())
    assert data[12:16] == b"fmt "
    data[40:44] = struct.pack("<I", speakers)
    path.write_bytes(data)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(
    ("channels", "speakers"),
    [(1, 0x4), (2, 0x3), (2, 0x600), (6, 0x3F), (6, 0x60F), (3, 0x0), (8, 0x63F)],
)
@pytest.mark.parametrize("way", ["file", "pipe"])
def test_an_extensible_wav_keeps_its_speakers(tmp_path, subtype, channels, speakers, way):
    source, target = tmp_path / "x.wav", tmp_path / "y.wav"
    with_layout(source, channels, speakers, subtype)
    with open(source, "rb") as file:
        reader = FileReader(source, "x") if way == "file" else open_pipe(file, "x")
        with FileWriter(target, reader.format) as writer:
            for block in reader.blocks():
                writer.write(block)
        reader.close()
    info = soundfile.info(target)
    assert (info.format, info.subtype, info.frames) == ("WAVEX", subtype, 100)
    assert target.read_bytes()[40:44] == struct.pack("<I", speakers)


@pytest.mark.parametrize("container", ["WAVEX", "RF64"])
def test_a_layout_survives_the_step_to_rf64(tmp_path, monkeypatch, container):
    monkeypatch.setattr("wheesht.audio.formats.WAV_LIMIT_BYTES", 1000)
    frames = 90 if container == "RF64" else 80
    with_layout(tmp_path / "x.wav", 6, 0x60F)
    reader = FileReader(tmp_path / "x.wav", "x.wav")
    source = replace(reader.format, frames=frames)
    with FileWriter(tmp_path / "y.wav", source) as writer:
        writer.write(np.zeros((6, frames), np.float32))
    assert soundfile.info(tmp_path / "y.wav").format == container
    with open(tmp_path / "y.wav", "rb") as file:
        assert read_speakers(file) == 0x60F


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_states_no_layout_has_none(data):
    file = io.BytesIO(data)
    assert read_speakers(file) is None
    write_speakers(file, 3)
    assert file.getvalue() == data


def test_an_exception_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16"), overwrite=True) as writer:
            writer.write(np.zeros((1, 500), np.float32))
            _ = 1 / 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_lost_samples_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "x.wav"
    with pytest.raises(AudioFileError, match="could not be written completely; free some space"):
        with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16")) as writer:
            writer.write(np.zeros((1, 500), np.float32))
            writer._frames += 1  # as if the last one had not reached the disk
    assert list(tmp_path.iterdir()) == []


def test_what_a_stream_takes_in_parts_is_written_whole():
    class Slow(io.BytesIO):
        def write(self, data):
            return super().write(data[:7])

    slow = Slow()
    write_fully(slow, bytes(range(100)), "slow")
    assert slow.getvalue() == bytes(range(100))


def test_nothing_is_at_the_target_before_the_end(tmp_path):
    path = tmp_path / "x.wav"
    with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16")) as writer:
        writer.write(np.zeros((1, 50000), np.float32))
        assert not path.exists()
    assert path.exists()


def test_an_existing_target_is_refused_unless_asked(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="exists already"):
        AtomicTarget(path, overwrite=False)


def test_a_target_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "x.wav"
    with pytest.raises(OutputExistsError):
        with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16")) as writer:
            writer.write(np.zeros((1, 500), np.float32))
            path.write_bytes(b"other")
    assert path.read_bytes() == b"other"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_keeps_permissions_and_follows_links(tmp_path):
    real, link = tmp_path / "real.wav", tmp_path / "link.wav"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    with FileWriter(link, AudioFormat(16000, 1, "WAV", "PCM_16"), overwrite=True) as writer:
        writer.write(np.zeros((1, 500), np.float32))
    assert link.is_symlink()
    assert soundfile.info(real).frames == 500
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("target", ["/dev/null", "folder"])
def test_devices_and_folders_are_never_replaced(tmp_path, target):
    (tmp_path / "folder").mkdir()
    with pytest.raises(AudioFileError, match="is a folder|is not a regular file"):
        AtomicTarget(os.path.join(tmp_path, target), overwrite=True)


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "x.flac"
    with FileWriter(path, AudioFormat(16000, 1, "WAV", "PCM_16")) as writer:
        writer.write(np.zeros((1, 500), np.float32))
    assert soundfile.info(path).frames == 500


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AudioFileError, match="its folder cannot be made"):
        AtomicTarget(tmp_path / "file" / "x.wav", overwrite=False)


def test_the_reader_gives_blocks_of_at_most_a_second(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((40001, 2)), 16000)
    reader = FileReader(tmp_path / "x.wav", "x.wav")
    assert [block.shape for block in reader.blocks()] == [(2, 16000), (2, 16000), (2, 8001)]
    assert reader.warnings == []
