"""`wheesht report`: a page of tables, tests and plots about studies; listening tests."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from wheesht.cli._text import say
from wheesht.errors import ParameterError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
KIT, RESULTS = "listening", "listening_results"  # default folder, and name of the result's files


@click.command(short_help="Make a page of tables, tests and plots from scores.")
@click.argument("studies", metavar="[STUDY]...", nargs=-1, type=FOLDER)
@click.option(
    "-o", "--output", type=NEW_FOLDER, help="Folder to write to.  [default: the first STUDY]"
)
@click.option("--peers", type=FOLDER, help="Folder of rivals' scores, scores_TESTSET.csv.")
@click.option(
    "--bench",
    type=FILE,
    multiple=True,
    help="What wheesht bench --json printed, or lines of rivals' times. Repeatable.",
)
@click.option(
    "--data", type=FOLDER, help="Folder of the corpus.  [default: where the study found it]"
)
@click.option(
    "--metric",
    help="The measure that stands for all.  [default: the first of pesq_wb, pesq_nb, stoi, ... "
    "that STUDY has]",
)
@click.option(
    "--margin",
    type=float,
    help="Largest difference in it that is called equal, in its unit.  [default: 0.05 MOS, "
    "0.5 dB, or 0.01]",
)
@click.option(
    "--worst", type=click.IntRange(0), default=10, show_default=True, help="Worst clips shown."
)
@click.option("--no-audio", is_flag=True, help="Leave out spectrograms and sounds of those.")
@click.option(
    "--listening",
    type=click.IntRange(1),
    metavar="N",
    help="Instead of the page, make a blind listening test of N clips.",
)
@click.option(
    "--listening-kind",
    type=click.Choice(["mushra", "ab"]),
    default="mushra",
    show_default=True,
    help="Rate all versions of a clip, or prefer one of two.",
)
@click.option(
    "--listening-systems",
    metavar="NAME[:P][,...]",
    help="Who takes part in it.  [default: all]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of its choice of clips.")
@click.option("--listening-results", type=FOLDER, help="Analyse the answers that lie there.")
@click.option(
    "--keep-excluded", is_flag=True, help="Count listeners whom post-screening would leave out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(studies: tuple[Path, ...], output: Path | None, as_json: bool, **options: Any) -> None:
    r"""Write report.html and report.md about what `wheesht evaluate` left in STUDY.

    The page needs nothing else: no network, no script, drawings and sounds are inside. Several
    studies become one page. Numbers come from scores.csv alone; the same study gives the same page.

    With --listening N a listening test is made of the study instead; with --listening-results the
    answers are analysed, on a page of their own or, with STUDY, as a part of its page.

    \b
    Example:
      wheesht report study --peers rivals/ --bench times.json
    """
    if options["listening"] is not None:
        done = _make_kit(studies, output, options)
    elif studies:
        done = _write_page(studies, output, options)
    elif options["listening_results"] is not None:
        done = _write_results(output, options)
    else:
        raise click.UsageError("Missing argument 'STUDY...': the folder of a study.")
    if as_json:
        click.echo(json.dumps(done, indent=2))
        return
    if "text" in done:
        say(done["text"])
    for path in done["files"]:
        say(path)


def _write_page(
    studies: tuple[Path, ...], output: Path | None, options: dict[str, Any]
) -> dict[str, Any]:
    from wheesht.report.material import Options
    from wheesht.report.write import write_report

    settings = Options(
        peers=options["peers"],
        bench=options["bench"],
        data=options["data"],
        metric=options["metric"],
        margin=options["margin"],
        worst=options["worst"],
        has_audio=not options["no_audio"],
        listening_results=options["listening_results"],
        keep_excluded=options["keep_excluded"],
        command=shlex.join(["wheesht", *(click.get_current_context().obj or [])]),
    )
    written = write_report(studies, output, settings)
    return {"files": [str(written.html), str(written.markdown)]}


def _make_kit(
    studies: tuple[Path, ...], output: Path | None, options: dict[str, Any]
) -> dict[str, Any]:
    from wheesht.evaluation.study import read_study
    from wheesht.report.listening.kit import write_kit

    if len(studies) != 1:
        raise ParameterError(
            f"--listening: got {len(studies)} studies, needs one; evaluate all systems into one "
            f"study"
        )
    names = options["listening_systems"]
    page = write_kit(
        read_study(studies[0]),
        options["listening"],
        output or studies[0] / KIT,
        options["data"],
        names.split(",") if names else None,
        options["seed"],
        options["listening_kind"],
    )
    return {"files": [str(page)]}


def _write_results(output: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    from wheesht.report.listening.results import analyse
    from wheesht.report.write import write_texts

    folder = options["listening_results"]
    results = analyse(folder, options["keep_excluded"])
    text = results.to_markdown()
    target = output or folder
    files = write_texts(
        {target / f"{RESULTS}.html": results.to_html(), target / f"{RESULTS}.md": text}
    )
    return results.to_dict() | {"text": text, "files": [str(path) for path in files]}
