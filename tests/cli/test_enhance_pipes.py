"""`wheesht enhance` between pipes: WAV and raw samples, latency, and readers that leave."""

import io
import os
import select
import subprocess
import time

import numpy as np
import pytest
import soundfile
from running import command_line, run_wheesht

import wheesht
from wheesht.audio.pcm import PCM_FORMATS, decode, encode


def piped(data, *arguments, status=0):
    """Run ``wheesht enhance`` with bytes on standard input; return its standard output."""
    done = run_wheesht("enhance", *arguments, input=data, text=False)
    assert done.returncode == status, done.stderr
    return done


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_wav_comes_out_of_standard_output(small_bundle, noise, container):
    x = noise(0.5, 48000, channels=2)
    file = io.BytesIO()
    soundfile.write(file, x.T, 48000, "PCM_24", format=container)
    done = piped(file.getvalue(), "-", "--model", small_bundle)
    got, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    assert rate == 48000
    assert soundfile.info(io.BytesIO(done.stdout)).subtype == "PCM_24"
    kept = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")[0].T
    want = wheesht.enhance(kept, 48000, model=small_bundle)
    assert np.abs(got.T - want).max() <= 2.0**-24
    assert done.stderr == b""


def test_a_file_may_go_to_standard_output(small_bundle, noise, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, noise(0.3)[0], 16000)
    done = piped(b"", path, "-o", "-", "--model", small_bundle)
    assert len(soundfile.read(io.BytesIO(done.stdout))[0]) == 4800
    assert len(done.stdout) == 44 + 2 * 4800


@pytest.mark.parametrize("name", PCM_FORMATS)
def test_raw_samples_pass_in_their_coding(small_bundle, noise, name):
    pcm = PCM_FORMATS[name]
    data = encode(noise(0.3, 44100, channels=2), pcm)
    options = ["--raw", name, "--rate", 44100, "--channels", 2]
    done = piped(data, "-", *options, "--model", small_bundle)
    want = wheesht.enhance(decode(data, pcm, 2), 44100, model=small_bundle)
    assert done.stdout == encode(want, pcm)


def test_raw_files_are_read_and_written_by_extension(small_bundle, noise, tmp_path):
    x = noise(0.3)
    (tmp_path / "x.raw").write_bytes(encode(x, PCM_FORMATS["f32le"]))
    for suffix in (".raw", ".wav"):
        options = ["--raw", "f32le", "--rate", 16000, "--model", small_bundle]
        piped(b"", tmp_path / "x.raw", "-o", tmp_path / f"y{suffix}", *options)
    got = decode((tmp_path / "y.raw").read_bytes(), PCM_FORMATS["f32le"], 1)
    np.testing.assert_array_equal(got[0], wheesht.enhance(x, 16000, model=small_bundle)[0])
    np.testing.assert_array_equal(got[0], soundfile.read(tmp_path / "y.wav", dtype="float32")[0])


def test_raw_samples_come_out_while_more_are_still_to_come(small_bundle):
    options = ["--raw", "s16le", "--rate", 16000, "--model", small_bundle]
    command = command_line("enhance", "-", *options)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        got = 0
        for hop in range(1, 31):
            process.stdin.write(bytes(2 * 160))
            process.stdin.flush()
            while got < 2 * 160 * (hop - 1):  # 20 ms behind at most: delay and the hop itself
                assert select.select([process.stdout], [], [], 20)[0], f"nothing after {got} bytes"
                got += len(os.read(process.stdout.fileno(), 65536))
        process.stdin.close()
        got += len(process.stdout.read())
    assert got == 2 * 160 * 30
    assert process.returncode == 0


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_named_pipe_is_an_input(small_bundle, noise, tmp_path, container):
    fifo, target = tmp_path / "fifo", tmp_path / "y.wav"
    os.mkfifo(fifo)
    file = io.BytesIO()
    soundfile.write(file, noise(0.3)[0], 16000, format=container)
    command = command_line("enhance", fifo, "-o", target, "--model", small_bundle)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        fifo.write_bytes(file.getvalue())
    assert process.returncode == 0
    assert soundfile.info(target).frames == 4800


def test_a_reader_that_leaves_ends_the_run_quietly(small_bundle):
    options = ["--raw", "s16le", "--rate", 16000, "--model", small_bundle]
    command = command_line("enhance", "-", *options)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdin.write(bytes(32000))
        process.stdin.flush()
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        deadline = time.monotonic() + 20
        with pytest.raises(BrokenPipeError):
            while time.monotonic() < deadline:
                process.stdin.write(bytes(32000))
                process.stdin.flush()
        process.stdin.close = lambda: None  # its flush would meet the broken pipe again
        assert process.wait(20) == 1
        assert process.stderr.read() == b""
