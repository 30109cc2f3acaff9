"""Running the command line as a process of its own."""

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
