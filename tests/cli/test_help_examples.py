"""The example in a command's help can be called as it stands."""

import shutil
from pathlib import Path

import click
import pytest
from running import run_wheesht

from wheesht.cli.main import cli

EXAMPLES = Path(__file__).parents[2] / "examples"


def example_of(command):
    """The words of the example in the command's help, behind ``wheesht``."""
    text = run_wheesht(command, "--help").stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("wheesht "))
    return line.split()[1:]


@pytest.mark.parametrize("command", ["enhance", "info", "cost", "compress"])
def test_it_does_its_work(command, tmp_path):
    shutil.copy(EXAMPLES / "noisy.wav", tmp_path)
    done = run_wheesht(*example_of(command), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["bench", "evaluate", "report"])
def test_its_options_are_there(command):
    """It needs a folder of one's own, or much time."""
    name, *words = example_of(command)
    with click.Context(cli) as context:
        known = {text for option in cli.get_command(context, name).params for text in option.opts}
    assert name == command and {word for word in words if word.startswith("-")} <= known
