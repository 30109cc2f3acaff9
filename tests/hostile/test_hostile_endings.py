"""Runs that are ended from outside: signals, hang-ups, workers that die, pipes that are closed."""

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running import command_line, heed_signals

from wheesht.audio.atomic import AtomicTarget

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def long_files(tmp_path):
    """A folder with six files of ten minutes each."""
    root = tmp_path / "in"
    root.mkdir()
    with soundfile.SoundFile(root / "0.wav", "w", 16000, 1, "PCM_16") as file:
        for _ in range(600):
            file.write(np.full(16000, 0.1))
    for i in range(1, 6):
        os.link(root / "0.wav", root / f"{i}.wav")
    return root


@contextlib.contextmanager
def started(*arguments, **options):
    """Run ``wheesht`` as the leader of a process group of its own."""
    options = {"start_new_session": True, "preexec_fn": heed_signals} | PIPES | options
    with subprocess.Popen(command_line(*arguments), **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_parts(folder, process, count=1):
    deadline = time.monotonic() + 60
    while len(found := list(folder.rglob(".*.part"))) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    return found


def pid_of(part):
    return int(part.name.split(".")[-2])


def parts_below(folder):
    return [path.name for path in folder.rglob(".*.part")]


@pytest.mark.parametrize("number", STATUS)
def test_a_signal_to_the_process_group_leaves_no_partial_file(
    long_files, tmp_path, random_bundle, number
):
    arguments = ["enhance", long_files, "-o", tmp_path / "out", "--jobs", 2]
    with started(*arguments, "--model", random_bundle) as process:
        wait_for_parts(tmp_path, process, 2)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == STATUS[number], err
    assert b"Traceback" not in err
    assert parts_below(tmp_path) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_terminal_that_hangs_up_leaves_no_partial_file(long_files, tmp_path, open_bundle, jobs):
    leader, follower = os.openpty()

    def on_terminal():
        heed_signals()
        fcntl.ioctl(follower, termios.TIOCSCTTY, 0)

    inputs = [long_files] if jobs > 1 else [long_files / "0.wav"]
    arguments = ["enhance", *inputs, "-o", tmp_path / "out/", "--jobs", jobs]
    terminal = {"stdin": follower, "stdout": follower, "stderr": follower}
    (tmp_path / "out").mkdir()
    with started(*arguments, "--model", open_bundle, preexec_fn=on_terminal, **terminal) as process:
        os.close(follower)
        wait_for_parts(tmp_path, process, jobs)
        os.close(leader)
        process.wait(timeout=60)
    assert process.returncode == 129
    assert parts_below(tmp_path) == []


def test_one_file_is_tidied_after_a_hang_up(long_files, tmp_path, random_bundle):
    target = tmp_path / "y.wav"
    with started(
        "enhance", long_files / "0.wav", "-o", target, "--model", random_bundle
    ) as process:
        wait_for_parts(tmp_path, process)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (129, b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_run_under_nohup_goes_on(tmp_path, long_files, open_bundle):
    def ignoring():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    arguments = ["enhance", long_files / "0.wav", "-o", tmp_path / "y.wav", "--model", open_bundle]
    with started(*arguments, preexec_fn=ignoring) as process:
        wait_for_parts(tmp_path, process)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert soundfile.info(tmp_path / "y.wav").frames == 600 * 16000


def test_a_worker_that_is_killed_costs_no_other_file(tmp_path, long_files, open_bundle):
    for i in range(3, 6):
        (long_files / f"{i}.wav").unlink()
    out = tmp_path / "out"
    arguments = ["enhance", long_files, "-o", out, "--jobs", 2, "--model", open_bundle]
    with started(*arguments) as process:
        os.kill(pid_of(wait_for_parts(tmp_path, process)[0]), signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert sorted(path.name for path in out.iterdir()) == ["0.wav", "1.wav", "2.wav"]


def test_a_file_whose_worker_is_killed_again_has_failed(tmp_path, long_files, open_bundle):
    for i in range(2, 6):
        (long_files / f"{i}.wav").unlink()
    out = tmp_path / "out"
    arguments = ["enhance", long_files, "-o", out, "--jobs", 2, "--model", open_bundle]
    killed = set()
    with started(*arguments) as process:
        while len(killed) < 2:  # in the pool, then alone
            assert process.poll() is None
            for part in wait_for_parts(tmp_path, process):
                if part.name.startswith(".0.wav") and pid_of(part) not in killed:
                    os.kill(pid_of(part), signal.SIGKILL)
                    killed.add(pid_of(part))
            time.sleep(0.005)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert b"1 of 2 files failed:\n" in err
    assert b"0.wav: the process at work on it was killed" in err
    assert b"Traceback" not in err
    assert [path.name for path in out.iterdir()] == ["1.wav"]


def dead_pid():
    """A number that no process has any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_what_a_killed_run_left_is_removed_by_the_next_one_for_that_target(tmp_path):
    stale = tmp_path / f".x.wav.{dead_pid()}.part"
    others = [
        tmp_path / f".x.wav.{os.getppid()}.part",  # of a living process
        tmp_path / f".y.wav.{dead_pid()}.part",  # of another target
        tmp_path / ".x.wav.99999999999999999999.part",  # of no process there can be
        tmp_path / ".x.wav.mine.part",
        tmp_path / f"x.wav.{dead_pid()}.part",
    ]
    for path in [stale, *others]:
        path.touch()
    AtomicTarget(tmp_path / "x.wav", overwrite=False)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_whole_run_tidies_after_one_that_was_killed(tmp_path, long_files, open_bundle):
    target = tmp_path / "y.wav"
    arguments = ["enhance", long_files / "0.wav", "-o", target, "--model", open_bundle]
    with started(*arguments) as process:
        wait_for_parts(tmp_path, process)
        process.kill()
    assert len(parts_below(tmp_path)) == 1
    with started(*arguments) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert parts_below(tmp_path) == []


@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        ("- -o y.wav <&-", "wheesht: standard input: is closed"),
        ("- --raw s16le --rate 16000 -o y.wav <&-", "wheesht: standard input: is closed"),
        ("in/0.wav -o - >&-", "wheesht: standard output is closed"),
        ("- >&-", "wheesht: standard output is closed"),
    ],
)
def test_a_closed_standard_stream_is_one_sentence(
    tmp_path, long_files, open_bundle, redirection, message
):
    start = f"'{sys.executable}' -m wheesht enhance --model {open_bundle} {redirection}"
    done = subprocess.run(["bash", "-c", start], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_without_standard_error_the_work_is_done(tmp_path, long_files, open_bundle):
    start = f"'{sys.executable}' -m wheesht enhance --model {open_bundle} in/0.wav 2>&-"
    done = subprocess.run(["bash", "-c", start], cwd=tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert soundfile.info(long_files / "0_clean.wav").frames == 600 * 16000


def test_what_libraries_print_never_lands_in_the_result(tmp_path, open_bundle, noise):
    source = tmp_path / "x.mp3"
    soundfile.write(source, noise(5.0)[0], 16000)
    data = bytearray(source.read_bytes())
    middle = slice(len(data) // 2, len(data) // 2 + 3000)
    data[middle] = np.random.default_rng(0).bytes(3000)  # its decoder complains to descriptor 2
    source.write_bytes(data)
    for target, closed in (("y.wav", ""), ("z.wav", "<&- 2>&-")):
        start = f"'{sys.executable}' -m wheesht enhance x.mp3 -o {target} --model {open_bundle}"
        subprocess.run(["bash", "-c", f"{start} {closed}"], cwd=tmp_path, capture_output=True)
    assert (tmp_path / "y.wav").read_bytes() == (tmp_path / "z.wav").read_bytes()


def test_a_read_only_file_system_is_one_sentence_that_names_the_target(
    tmp_path, long_files, open_bundle
):
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    line = " ".join(f"'{word}'" for word in command_line("enhance", "in/0.wav", "-o", "ro/y.wav"))
    script = f"mount -t tmpfs -o ro none ro && {line} --model {open_bundle}"
    (tmp_path / "ro").mkdir()
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "wheesht: ro/y.wav: cannot be written (Read-only file system); check the folder's "
        "permissions\n"
    )


def test_what_cannot_be_removed_hides_no_other_error(tmp_path, monkeypatch):
    target = AtomicTarget(tmp_path / "x.wav", overwrite=False)

    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RuntimeError, match="the one to report"):
        try:
            raise RuntimeError("the one to report")
        finally:
            target.discard()


@pytest.mark.parametrize("module", ["click", "wheesht.errors", "numpy"])
def test_ctrl_c_while_modules_are_loaded_is_quiet(tmp_path, module):
    shadow = tmp_path / "shadow.py"
    shadow.write_text(
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from wheesht.cli.main import main; main(['enhance', 'x.wav'])\n"
    )
    done = subprocess.run([sys.executable, shadow], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr.strip() in ("", "wheesht: interrupted")
