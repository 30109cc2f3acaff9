"""Running the command line as a process of its own."""

import signal
import subprocess
import sys
from typing import Any

START = "from wheesht.cli.main import main; main()"


def command_line(*arguments: object) -> list[str]:
    """Return the program and arguments that run ``wheesht`` with this Python."""
    return [sys.executable, "-c", START, *map(str, arguments)]


def run_wheesht(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
    """Run ``wheesht`` to its end and return what it printed, as text unless asked otherwise."""
    options = {"capture_output": True, "text": True, "timeout": 120} | options
    return subprocess.run(command_line(*arguments), **options)


def heed_signals() -> None:
    """Undo what a shell's background jobs and `nohup` ignore, which children inherit.

    For `preexec_fn` of a process that a test sends a signal to.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
