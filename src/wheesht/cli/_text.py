"""What can be printed of names that need not be text."""

import sys
from typing import TextIO

import click


def say(message: str, err: bool = False) -> None:
    """Print a line; characters that the stream cannot show are replaced by a stand-in."""
    stream = sys.stderr if err else sys.stdout
    click.echo(printable(message, stream), err=err)


def printable(text: str, stream: TextIO | None) -> str:
    """Return text as `stream` can take it; file names may hold bytes that are no characters."""
    coding = getattr(stream, "encoding", None) or "utf-8"
    return click.format_filename(text).encode(coding, "replace").decode(coding)
