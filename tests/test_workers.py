"""Jobs in processes: results, killed workers, endings."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from wheesht.workers import (
    ONE_THREAD,
    WorkerKilled,
    run_in_processes,
    stop_asked,
    worker_count,
    worker_pool,
)


def double(job):
    return 2 * job


def environment(job):
    return os.environ.get(job)


def pid_and_wait(job, folder):
    """Leave a file named after the job and this process; wait for a file named `go`."""
    (folder / f"{job}.{os.getpid()}").touch()
    while not (folder / "go").exists() and not stop_asked():
        time.sleep(0.005)
    return job


def many_bytes(job):
    return bytes(1 << 24)


def kill_on(job, folder, culprits):
    """Die on some jobs, each time; leave a trace of every attempt."""
    with open(folder / str(job), "a") as file:
        file.write("x")
    if job in culprits:
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def kill_once(job, folder):
    """Die on job 1 the first time."""
    mark = folder / "mark"
    if job == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def fail(job):
    raise LookupError(job)


def collected(jobs, work, workers, **options):
    done = {}
    run_in_processes(jobs, work, workers, done.__setitem__, **options)
    return done


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(workers):
    assert collected(range(7), double, workers) == {i: 2 * i for i in range(7)}


def test_no_jobs_are_no_work():
    assert collected([], double, 1) == {}


def test_a_worker_has_one_thread_and_the_parent_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert collected(list(ONE_THREAD), environment, 1) == dict.fromkeys(ONE_THREAD, "1")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_what_a_killed_worker_left_is_tried_again(tmp_path):
    cut_off = []
    done = collected(range(4), partial(kill_once, folder=tmp_path), 2, on_cut_off=cut_off.extend)
    assert done == {i: i for i in range(4)}
    assert 1 in cut_off


def test_only_the_job_that_kills_its_worker_fails(tmp_path):
    done = collected(range(6), partial(kill_on, folder=tmp_path, culprits={2, 5}), 2)
    assert done == {0: 0, 1: 1, 2: None, 3: 3, 4: 4, 5: None}
    # In the pool at most once, then alone: no third attempt.
    assert {len((tmp_path / name).read_text()) for name in "25"} <= {1, 2}
    assert len((tmp_path / "2").read_text()) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.07, 0.15])
def test_a_worker_killed_at_any_moment_breaks_the_pool_and_nothing_waits_for_it(seconds):
    with worker_pool(2) as pool:
        pool.submit(many_bytes, 0).result()
        calls = [pool.submit(many_bytes, job) for job in range(2000)]  # most time goes to sending
        time.sleep(seconds)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        with pytest.raises(WorkerKilled):
            for call in calls:
                call.result(timeout=60)
    assert not multiprocessing.active_children()


def test_an_error_of_the_work_ends_the_run():
    with pytest.raises(LookupError):
        collected(range(3), fail, 2)


def test_an_error_here_stops_the_workers_soon(tmp_path):
    def broken(job, result):
        raise OSError("no space")

    (tmp_path / "go").touch()
    with pytest.raises(OSError, match="no space"):
        run_in_processes(range(50), partial(pid_and_wait, folder=tmp_path), 1, broken)
    assert len(list(tmp_path.iterdir())) < 50


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


PARENT = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_workers import pid_and_wait
from wheesht.workers import run_in_processes
if {guarded} or __name__ == "__main__":
    run_in_processes("ab", partial(pid_and_wait, folder=Path({folder!r})), 2, print)
"""


def parent(tmp_path, guarded=True):
    """Start a process that shares out two jobs."""
    script = tmp_path / "script.py"
    folder = tmp_path / "traces"
    folder.mkdir()
    tests = str(Path(__file__).parent)
    script.write_text(PARENT.format(tests=tests, guarded=not guarded, folder=str(folder)))
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True)
    return process, folder


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    process, folder = parent(tmp_path)
    deadline = time.monotonic() + 60
    while len(found := list(folder.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    workers = [int(path.name.split(".")[1]) for path in found]
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.01)
    process.stderr.close()


def test_a_script_without_a_guard_is_told_so(tmp_path):
    process, _ = parent(tmp_path, guarded=False)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no worker process came up; in a script" in err.strip().splitlines()[-1]


def test_the_number_of_workers_is_the_one_asked_for_or_that_of_the_cores():
    assert worker_count(3) == 3
    assert worker_count(0) == len(os.sched_getaffinity(0))


def test_this_process_is_no_worker():
    assert not stop_asked()
