"""The command `wheesht` itself: overview, versions, errors and exit statuses."""

import errno
import importlib
import re
import shlex
import subprocess
import sys

import click
import pytest
from running import run_wheesht

from wheesht.cli import main as main_module
from wheesht.cli.main import COMMANDS, cli, run
from wheesht.errors import BundleError, ParameterError

FULL = "No space left on device"
VERSION = re.compile(r"wheesht \d+\.\d+\.\d+")


def raising(error):
    """A sub-command that fails."""

    @click.command()
    def command():
        raise error

    return command


@pytest.fixture
def failing(monkeypatch):
    """Put a sub-command ``fail`` into the group that raises the given exception."""

    def install(error):
        get = type(cli).get_command
        monkeypatch.setattr(
            type(cli),
            "get_command",
            lambda group, ctx, name: raising(error) if name == "fail" else get(group, ctx, name),
        )

    return install


def test_version_is_printed(capsys):
    assert run(["--version"]) == 0
    assert VERSION.fullmatch(capsys.readouterr().out.strip())


def test_the_overview_lists_every_command(capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name, text in COMMANDS.items():
        assert f"  {name} " in out
        assert text in out


def test_the_overview_imports_no_command():
    code = (
        "import sys; from wheesht.cli.main import run; run(['--help']);"
        "print([m for m in ('numpy', 'soundfile', 'wheesht.cli.enhance') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_runnable_example_in_its_help(name, capsys, tmp_path, monkeypatch):
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "\\" not in out
    (example,) = re.findall(r"Example:\s+(wheesht .*?)(?:\n\n|\Z)", out, re.S)
    words = shlex.split(example)
    monkeypatch.chdir(tmp_path)  # where the files exist that the example names
    for word in words[2:]:
        path = tmp_path / word
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir(exist_ok=True)
    command = importlib.import_module(f"wheesht.cli.{name}").command
    assert words[:2] == ["wheesht", name]
    command.make_context(name, words[2:]).close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'. Try 'wheesht --help'."),
        (["--nonsense"], "No such option"),
        (["enhance"], "Missing argument 'IN...'"),
        (["info", "--nonsense"], "No such option"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, message, capsys):
    assert run(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("wheesht: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ParameterError("x: got 3, needs 4"), 2),
        (BundleError("x: damaged"), 1),
        (OSError(errno.EACCES, "Permission denied", "/x"), 1),
        (click.ClickException("no luck"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_exceptions_become_one_line_and_a_status(error, status, failing, capsys):
    failing(error)
    assert run(["fail"]) == status
    err = capsys.readouterr().err
    assert err.strip().startswith("wheesht: ")
    assert "Traceback" not in err


def test_a_fault_of_our_own_is_not_hidden(failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run(["fail"])


def test_main_ends_the_process_with_the_status(monkeypatch):
    monkeypatch.setattr(main_module, "run", lambda arguments: 7)
    with pytest.raises(SystemExit) as ended:
        main_module.main([])
    assert ended.value.code == 7


def test_a_full_device_on_standard_output_is_a_failure_not_a_trace():
    with open("/dev/full", "w") as full:
        done = run_wheesht("--help", stdout=full, capture_output=False, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert f"standard output: {FULL}" in done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_a_full_disk_under_an_open_file_is_not_blamed_on_standard_output(monkeypatch, capsys):
    @click.command()
    def command():
        with open("/dev/full", "w") as file:
            file.write("much")

    monkeypatch.setattr(type(cli), "get_command", lambda group, ctx, name: command)
    assert run(["fail"]) == 1
    err = capsys.readouterr().err
    assert err == "wheesht: a file could not be read or written completely: " + FULL + "\n"


def test_a_reader_that_left_is_no_reason_to_complain():
    command = f"{shlex.quote(sys.executable)} -c 'from wheesht.cli.main import main; main()' --help"
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True
    )
    assert done.stderr == ""
