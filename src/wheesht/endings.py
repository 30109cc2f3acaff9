"""Signals that end a process: heeded politely, so that files are tidied and workers told."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")  # a polite kill; the terminal is gone


@contextlib.contextmanager
def tidy_on_termination() -> Iterator[None]:
    """Let a polite kill or a hang-up tidy up too, with the usual status 128 + n."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    previous = leave_on_termination()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def leave_on_termination() -> dict[signal.Signals, Any]:
    """Make signals that end a process raise `SystemExit`; return the handlers of before."""
    numbers = [getattr(signal, name) for name in ENDING_SIGNALS if hasattr(signal, name)]
    # What is ignored stays so: `nohup` asks for it.
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]

    leaving = False

    def leave(number: int, frame: object) -> None:
        nonlocal leaving
        if leaving:  # a second one shall not disturb the tidying
            return
        leaving = True
        raise SystemExit(128 + number)

    return {number: signal.signal(number, leave) for number in numbers}


@contextlib.contextmanager
def held_back(name: str) -> Iterator[None]:
    """Let a signal wait until the end; processes started meanwhile never see it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name)})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
