"""Samples and files that no recording should hold, and outputs that fail."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running import command_line, heed_signals, run_wheesht

import wheesht
from wheesht.cli.main import run

HOSTILE = {"nan": np.nan, "inf": np.inf, "minus inf": -np.inf}
# A stream at another rate: what is left in the filters of the resamplers after their length.
RESAMPLED_TOLERANCE = 1e-6


def enhance(*arguments):
    return run(["enhance", *map(str, arguments)])


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_non_finite_samples_count_as_silence(small_bundle, noise, rate, value):
    x = noise(0.5, rate)[0]
    silent = x.copy()
    x[1000:1100:3], silent[1000:1100:3] = value, 0.0
    got = wheesht.enhance(x, rate, model=small_bundle)
    np.testing.assert_array_equal(got, wheesht.enhance(silent, rate, model=small_bundle))
    assert np.all(np.isfinite(got))


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize("value", [1e-30, 1e6, 1e30, 3.4e38])
def test_the_largest_and_smallest_numbers_stay_finite(small_bundle, rate, value):
    x = np.float32(value) * np.sign(np.sin(np.arange(rate // 4) / 7)).astype(np.float32)
    assert np.all(np.isfinite(wheesht.enhance(x, rate, model=small_bundle)))


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_silence_stays_silence(small_bundle, rate):
    assert not wheesht.enhance(np.zeros(rate), rate, model=small_bundle).any()


def test_a_loud_burst_is_forgotten(open_bundle, noise):
    x = noise(2.0, 48000)[0]
    burst = x.copy()
    burst[1000:2000] = 3e38
    after = slice(48000, None)
    got = wheesht.enhance(burst, 48000, model=open_bundle)
    assert np.abs(got[after] - x[after]).max() <= RESAMPLED_TOLERANCE


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "FLOAT"])
def test_clipped_files_of_every_depth_pass(tmp_path, small_bundle, noise, subtype):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.clip(30 * noise(0.3)[0], -1, 1), 16000, subtype)
    assert enhance(path, "-o", tmp_path / "y.wav", "--model", small_bundle) == 0
    assert soundfile.info(tmp_path / "y.wav").subtype == subtype


def test_a_float_file_with_nan_becomes_finite(tmp_path, small_bundle, noise):
    x = noise(0.3)[0]
    x[100:200] = np.nan
    soundfile.write(tmp_path / "x.wav", x, 16000, "FLOAT")
    assert enhance(tmp_path / "x.wav", "-o", tmp_path / "y.wav", "--model", small_bundle) == 0
    assert np.all(np.isfinite(soundfile.read(tmp_path / "y.wav")[0]))


def damaged(folder, kind):
    """Make a file that cannot be used."""
    path = folder / "x.wav"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello " * 100)
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), 16000)
    elif kind == "header only":
        soundfile.write(path, np.zeros(100), 16000)
        path.write_bytes(path.read_bytes()[:40])
    elif kind == "slow":
        soundfile.write(path, np.zeros(100), 4000)
    elif kind == "many channels":
        soundfile.write(path, np.zeros((100, 65)), 16000)
    elif kind == "folder":
        path.mkdir()
        path = path / "missing.wav"
    elif kind == "undecodable":
        path = folder / "x.flac"
        soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 9000), 16000)
        data = path.read_bytes()
        path.write_bytes(data[:86] + bytes(len(data) - 86))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", r"is empty \(0 bytes\)"),
        ("text", "cannot be read as audio"),
        ("no samples", "holds no samples"),
        ("header only", "cannot be read as audio"),
        ("slow", "sample rate of 4000 Hz, needs 8000 to 192000 Hz"),
        ("many channels", "has 65 channels, needs at most 64"),
        ("folder", "no such file"),
        ("undecodable", "cannot be decoded"),
        ("missing", "no such file"),
    ],
)
def test_an_unusable_input_is_one_sentence_and_status_1(
    tmp_path, small_bundle, kind, message, capsys
):
    path = damaged(tmp_path, kind)
    assert enhance(path, "-o", tmp_path / "y.wav", "--model", small_bundle) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"wheesht: {path}: ")
    assert err.count("\n") == 1
    assert not [p for p in tmp_path.rglob("*") if "part" in p.name or p.name == "y.wav"]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_truncated_file_is_used_as_far_as_it_goes(tmp_path, open_bundle, noise, suffix, capsys):
    path, target = tmp_path / f"x{suffix}", tmp_path / "y.wav"
    soundfile.write(path, noise(5.0)[0], 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert enhance(path, "-o", target, "--model", open_bundle) == 0
    assert 1.0 < soundfile.info(target).duration < 4.0
    if suffix in (".wav", ".flac", ".mp3"):  # an OGG stream has no length to miss
        assert "wheesht: warning: " in capsys.readouterr().err


def limited(size):
    """Let files grow to `size` bytes and no more, as on a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".raw"])
@pytest.mark.parametrize("size", [3, 1000, 20000])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, open_bundle, noise, suffix, size):
    soundfile.write(tmp_path / "x.wav", noise(30.0)[0], 16000)
    target = tmp_path / f"y{suffix}"
    arguments = [tmp_path / "x.wav", "-o", target, "--model", open_bundle]
    done = run_wheesht("enhance", *arguments, preexec_fn=limited(size))
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f"wheesht: {target}: ")
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_a_full_device_on_standard_output_is_one_sentence(tmp_path, open_bundle, noise):
    soundfile.write(tmp_path / "x.wav", noise(1.0)[0], 16000)
    with open("/dev/full", "wb") as full:
        done = run_wheesht(
            *("enhance", tmp_path / "x.wav", "-o", "-", "--model", open_bundle),
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("wheesht: standard output: could not be written completely (No")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def public_folder():
    """A folder that an unprivileged user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_read_only_folder_is_one_sentence(public_folder, open_bundle, noise, capsys):
    source = public_folder / "x.wav"
    soundfile.write(source, noise(0.2)[0], 16000)
    shutil.copy(open_bundle, public_folder / "model")
    (public_folder / "model").chmod(0o644)
    public_folder.chmod(0o555)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)  # permissions do not bind root
    try:
        status = enhance(source, "--model", public_folder / "model")
    finally:
        if privileged:
            os.seteuid(0)
    assert status == 1
    err = capsys.readouterr().err
    assert err.startswith(f"wheesht: {public_folder / 'x_clean.wav'}: cannot be written")
    assert err.count("\n") == 1


def test_an_unreadable_file_is_one_sentence(public_folder, open_bundle, noise, capsys):
    source = public_folder / "x.wav"
    soundfile.write(source, noise(0.2)[0], 16000)
    source.chmod(0)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)
    try:
        status = enhance(source, "-o", "/nowhere/y.wav", "--model", "whatever")
    finally:
        if privileged:
            os.seteuid(0)
    assert status == 1
    assert "cannot be read as audio" in capsys.readouterr().err


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heed_signals}


def wait_for_partial(folder, process):
    deadline = time.monotonic() + 30
    while not list(folder.rglob(".*.part")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_no_partial_file(tmp_path, random_bundle, number, status):
    long = tmp_path / "x.w64"
    with soundfile.SoundFile(long, "w", 16000, 1, "PCM_16") as file:
        for _ in range(1200):
            file.write(np.full(16000, 0.1))
    command = command_line("enhance", long, "-o", tmp_path / "y.wav", "--model", random_bundle)
    with subprocess.Popen(command, **PIPES) as process:
        wait_for_partial(tmp_path, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert b"Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["x.w64"]


def test_an_interrupted_folder_run_stops_its_workers_and_leaves_no_partial_file(
    tmp_path, random_bundle
):
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    with soundfile.SoundFile(root / "0.wav", "w", 16000, 1, "PCM_16") as file:
        for _ in range(600):
            file.write(np.full(16000, 0.1))
    for i in range(1, 6):
        shutil.copy(root / "0.wav", root / f"{i}.wav")
    command = command_line("enhance", root, "-o", out, "--jobs", 2, "--model", random_bundle)
    with subprocess.Popen(command, start_new_session=True, **PIPES) as process:
        wait_for_partial(tmp_path, process)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: parent and workers
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert list(out.iterdir()) == []  # ten minutes each: none was finished when it was stopped
