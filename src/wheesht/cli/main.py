"""The command `wheesht`: finds sub-commands, turns errors into one sentence and a status."""

import sys

try:
    import importlib
    import os
    import traceback
    from collections.abc import Sequence
    from typing import NoReturn

    import click

    from wheesht.cli._text import say
    from wheesht.errors import ParameterError, WheeshtError
except KeyboardInterrupt:  # Ctrl-C before there is anything to interrupt
    sys.exit(130)

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

COMMANDS = {  # file in this folder: what the overview says about it
    "bench": "Measure time per hop, after checking the result.",
    "compress": "Make a trained model smaller and faster: integers of 8 bits.",
    "cost": "Count parameters, bytes and MACs of a model.",
    "enhance": "Enhance audio files, folders or a pipe.",
    "evaluate": "Score models and enhanced files on test sets.",
    "info": "Describe a model, or list the shipped ones.",
    "report": "Make a page of tables, tests and plots from scores.",
    "train": "Train a model from a recipe.",
}


class LazyGroup(click.Group):
    """Imports a sub-command only when it is called or its help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all sub-commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one sub-command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"wheesht.cli.{cmd_name}").command
        command.help = _with_marks(command.help)
        return command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the group's own text."""
        self.help = _with_marks(self.help)
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wheesht", message="%(prog)s %(version)s")
def cli() -> None:
    r"""Speech enhancement whose compute you can dial.

    \b
    Example:
      wheesht enhance noisy.wav -o clean.wav
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process: 0 fine, 1 failed, 2 wrong use, 130 interrupted."""
    _occupy_standard_descriptors()
    sys.exit(run(arguments))


def _occupy_standard_descriptors() -> None:
    """Keep files from getting the number of a closed stream, to which C libraries may print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status; commands find it whole as `obj`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # A reader that has left (EPIPE) is met by click itself: quietly, with status 1.
        status = cli.main(args=given, prog_name="wheesht", standalone_mode=False, obj=given)
    except click.NoSuchOption as error:
        _complain(f"{error.format_message()}{_hint(error.ctx)}{_file_hint(error, given)}")
        return WRONG_USE
    except click.UsageError as error:
        _complain(f"{error.format_message()}{_hint(error.ctx)}")
        return WRONG_USE
    except click.ClickException as error:
        _complain(error.format_message())
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    except ParameterError as error:
        _complain(str(error))
        return WRONG_USE
    except WheeshtError as error:
        _complain(str(error))
        return FAILED
    except OSError as error:
        _complain(f"{_place(error)}: {error.strerror or error}")
        return FAILED
    return status if isinstance(status, int) else 0


def _with_marks(text: str | None) -> str | None:
    r"""Turn the ``\b`` of a raw docstring into click's mark for text not to be re-wrapped."""
    return text.replace("\\b\n", "\b\n") if text else text


def _complain(message: str) -> None:
    say(f"wheesht: {message}", err=True)


def _place(error: OSError) -> str:
    """Say where reading or writing failed; an open file does not tell its name."""
    if error.filename:
        return str(error.filename)
    frames = traceback.walk_tb(error.__traceback__)
    printing = any(frame.f_code is click.echo.__code__ for frame, _ in frames)
    return "standard output" if printing else "a file could not be read or written completely"


def _hint(ctx: click.Context | None) -> str:
    return f" Try '{ctx.command_path} --help'." if ctx is not None else ""


def _file_hint(error: click.NoSuchOption, given: Sequence[str]) -> str:
    """Say how a file is named whose name looks like an option."""
    for word in given:
        if word.startswith(error.option_name) and "." in word.partition("=")[0]:
            return f" If {word} is a file, write ./{word}."
    return ""
