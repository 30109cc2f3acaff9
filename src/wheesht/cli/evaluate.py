"""`wheesht evaluate`: models and enhanced files scored on test sets, as a study in a folder."""

import contextlib
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wheesht.cli._run import progress_bar
from wheesht.cli._text import say
from wheesht.cli.cost import percents
from wheesht.endings import tidy_on_termination
from wheesht.errors import WheeshtError

if TYPE_CHECKING:
    from wheesht.evaluation.run import Evaluation

PIPE_WIDTH = 120  # characters a line where nobody says how many there are


@click.command(short_help="Score models and enhanced files on test sets.")
@click.argument("models", metavar="[[NAME=]MODEL[:P[,P...]]]...", nargs=-1)
@click.option(
    "--testset",
    "testsets",
    metavar="[NAME=]PATH",
    multiple=True,
    required=True,
    help="Table, folder of pairs (VoiceBank-DEMAND, DNS), or of noisy files. Repeatable.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="WHEESHT_DATA",
    show_envvar=True,
    help="Folder that tables' paths are relative to.  [default: the parent of the table's folder]",
)
@click.option(
    "--update-percent",
    "update_percents",
    callback=percents,
    metavar="P[,P...]",
    help="Dial of models that name none.  [default: each model's own]",
)
@click.option(
    "--enhanced",
    metavar="NAME=DIR",
    multiple=True,
    help="Files another system made of the clips, named like them. Repeatable.",
)
@click.option("--metric", "metrics", default="", metavar="NAME[,NAME]", help="Default all.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    help="Folder of the study; a run that was cut off goes on there.",
)
@click.option("--overwrite", is_flag=True, help="Begin anew, forgetting the study that is there.")
@click.option(
    "--jobs", type=click.IntRange(min=0), default=0, help="Processes.  [default: all cores]"
)
@click.option(
    "--backend",
    type=click.Choice(["engine", "torch", "reference"]),
    default="engine",
    show_default=True,
    help="What runs the models.",
)
@click.option(
    "--layout",
    type=click.Choice(["pairs", "voicebank", "dns", "noisy", "clean"]),
    help="Of folders, not tables; clean: recordings to be left alone.  [default: recognised]",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only so many clips of each test set.")
@click.option("--align", is_flag=True, help="Remove a constant lag of enhanced files.")
@click.option("--bench", "times", is_flag=True, help="Then time the models, see wheesht bench.")
@click.option("--report", is_flag=True, help="Then write the page, see wheesht report.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(output: Path, overwrite: bool, jobs: int, as_json: bool, **options: Any) -> None:
    r"""Score MODELs, and files that other systems made, on test sets.

    MODEL is a shipped name or a bundle; the unprocessed input is always scored beside it. Scores
    go to a folder, one CSV row per clip as soon as it is done: killed or stopped, the same
    command goes on where it was, and other commands add to it.

    \b
    Example:
      wheesht evaluate gru:100,50 --testset noisy_and_clean/ -o study
    """
    times, report = options.pop("times"), options.pop("report")
    _check_what_follows(times, report, options["models"])
    found = _evaluate(output, overwrite, jobs, options)
    document = found.to_dict()
    failures = _failures(found)
    if times:
        document["bench"] = _attempt(lambda: [str(_write_times(found))], failures)
    if report:
        document["report"] = _attempt(lambda: _write_report(found), failures)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _print(found, [*document.get("bench", []), *document.get("report", [])])
    for sentence in failures:
        say(sentence, err=True)
    if failures:
        click.get_current_context().exit(1)


def _check_what_follows(times: bool, report: bool, models: tuple[str, ...]) -> None:
    """Refuse now what would fail after all the work."""
    if times and not models:
        raise click.UsageError("--bench times models, and none is named.")
    if report:
        from wheesht.report.words import jinja2_module

        jinja2_module()


def _evaluate(output: Path, overwrite: bool, jobs: int, options: dict[str, Any]) -> "Evaluation":
    from wheesht.cli.main import INTERRUPTED
    from wheesht.evaluation.run import Settings, evaluate

    asked = options.pop("metrics")
    names = tuple(name.strip() for name in asked.split(",") if name.strip())
    if asked and not names:
        raise click.UsageError(f"--metric {asked!r} names no metric; leave it out for all.")
    settings = Settings(
        metrics=names, update_percents=options.pop("update_percents") or (), **options
    )
    with contextlib.ExitStack() as stack:
        terminal = _terminal(stack)
        try:
            stack.enter_context(tidy_on_termination())
            return evaluate(settings, output, jobs, overwrite, _command_line(), terminal)
        except KeyboardInterrupt:
            if not terminal.total:
                raise
            stack.close()
            say(
                f"wheesht: interrupted; {terminal.done} of {terminal.total} clips are done and "
                f"kept in {output}; the same command goes on from there",
                err=True,
            )
            click.get_current_context().exit(INTERRUPTED)


def _command_line() -> str:
    return shlex.join(["wheesht", *(click.get_current_context().obj or [])])


def _terminal(stack: contextlib.ExitStack) -> Any:
    """Return a watcher that draws a progress bar, which ends with the stack."""
    from wheesht.evaluation.run import Watcher

    class Terminal(Watcher):
        total = done = 0

        def warn(self, sentence: str) -> None:
            say(f"wheesht: warning: {sentence}", err=True)

        def begin(self, n_clips: int) -> None:
            self.total = n_clips
            self.bar = stack.enter_context(progress_bar(n_clips, f"{n_clips} clips"))

        def advance(self) -> None:
            self.done += 1
            self.bar(1)

    return Terminal()


def _failures(found: "Evaluation") -> list[str]:
    """Return what to say about rows without scores, a line each."""
    failed = found.failed
    lines = []
    if failed:
        lines.append(f"wheesht: {len(failed)} of {len(found.rows)} rows lack scores:")
    for row in failed:
        percent = "" if row.update_percent is None else f" P={row.update_percent:g}"
        where = f"{row.testset}/{row.clip}, {row.system}{percent}"
        lines.append(f"  {' '.join(where.split())}: {row.error}")  # names may hold line breaks
    return lines


def _attempt(work: Callable[[], list[str]], failures: list[str]) -> list[str]:
    """Return the files that were written; the scores shall be printed even if it fails."""
    try:
        return work()
    except WheeshtError as error:
        failures.append(f"wheesht: {error}")
        return []


def _write_times(found: "Evaluation") -> Path:
    from wheesht.bench.stream import Conditions
    from wheesht.evaluation.times import write_times

    runs = Conditions().runs
    with progress_bar(runs, f"{runs} runs") as advance:
        return write_times(found.study.folder, found.plan.models, advance)


def _write_report(found: "Evaluation") -> list[str]:
    from wheesht.report.material import Options
    from wheesht.report.write import write_report

    options = Options(command=_command_line())
    written = write_report((found.study.folder,), None, options)
    return [str(written.html), str(written.markdown)]


def _print(found: "Evaluation", files: list[str]) -> None:
    from wheesht.evaluation.study import SCORES
    from wheesht.evaluation.text import tables

    for line in tables(found.summaries, found.rows, _width()):
        say(line)
    for path in (str(found.study.folder / SCORES), *files):
        say(path)


def _width() -> int:
    return shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
