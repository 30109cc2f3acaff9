"""`wheesht enhance`: noisy files in, enhanced files out."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from wheesht.audio.opening import STANDARD, RawFormat
from wheesht.audio.pcm import PCM_FORMATS
from wheesht.audio.rates import MAX_RATE, MIN_RATE
from wheesht.cli._plan import Job, plan_jobs
from wheesht.cli._run import How, Outcome, run_many, run_one
from wheesht.cli._text import say
from wheesht.endings import tidy_on_termination
from wheesht.engine.files import FileReport, Settings
from wheesht.engine.loading import load_model
from wheesht.engine.stream import MAX_CHANNELS
from wheesht.spec.model_spec import DIALS
from wheesht.workers import worker_count

LEAST_TIMED_SECONDS = 0.1  # of audio; for less, no real-time factor is given


def _share_of_a_hop(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0.0 < value <= 1.0:
        raise click.BadParameter(
            f"{value:g} is not above 0 and at most 1, a share of a hop's duration."
        )
    return value


@click.command(short_help="Enhance audio files, folders or a pipe.")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File, folder, or - for standard output.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option(
    "--model", default="default", show_default=True, help="Shipped name, best, or bundle."
)
@click.option(
    "--update-percent", type=float, metavar="P", help="Share of units updated per step, percent."
)
@click.option(
    "--dial",
    type=click.Choice(DIALS),
    default="fixed",
    show_default=True,
    help="What P follows from hop to hop; its mean stays. At a limit of P it cannot move.",
)
@click.option(
    "--max-rtf",
    type=float,
    metavar="X",
    callback=_share_of_a_hop,
    help="Turn P down where hops take longer than this share of their duration, above 0 to 1.",
)
@click.option("--strength", type=float, metavar="DB", help="Attenuate at most so much, dB.")
@click.option(
    "--jobs",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Processes for many files; 0 takes all cores.",
)
@click.option("--raw", type=click.Choice(list(PCM_FORMATS)), help="Input has no header: coding.")
@click.option("--rate", type=click.IntRange(MIN_RATE, MAX_RATE), help="With --raw: Hz.")
@click.option("--channels", type=click.IntRange(1, MAX_CHANNELS), help="With --raw: channels.")
@click.option(
    "--recursive/--no-recursive", default=True, help="Whether folders include their subfolders."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(inputs: tuple[str, ...], output: str | None, as_json: bool, **options: Any) -> None:
    r"""Enhance IN: audio files (WAV, FLAC, OGG, Opus, MP3 ...), folders, or - for a pipe.

    One file becomes <name>_clean.wav beside it, or what -o names. Several files or folders
    need -o DIR and keep their names and tree there. Nothing is overwritten unless asked.

    \b
    Example:
      wheesht enhance noisy.wav -o clean.wav --update-percent 25
    """
    settings = Settings(
        options["model"],
        options["update_percent"],
        options["strength"],
        options["dial"],
        options["max_rtf"],
    )
    how = How(settings, options["overwrite"], _raw_format(options))
    jobs = plan_jobs(inputs, output, options["recursive"])
    single = len(inputs) == 1 and jobs[0].source == inputs[0]
    _check_standard_output(jobs[0], as_json)
    _warn_of_a_dial_that_stands(settings)
    with tidy_on_termination():
        if single:
            outcomes = [Outcome(jobs[0], run_one(jobs[0], how))]
        else:
            outcomes = run_many(jobs, how, worker_count(options["jobs"]))
    _report(outcomes, as_json)
    if any(outcome.report is None for outcome in outcomes):
        click.get_current_context().exit(1)


def _raw_format(options: dict[str, Any]) -> RawFormat | None:
    coding, rate, channels = options["raw"], options["rate"], options["channels"]
    if coding is None:
        if rate is not None or channels is not None:
            raise click.UsageError("--rate and --channels describe headerless input; add --raw.")
        return None
    if rate is None:
        raise click.UsageError("--raw needs --rate, since the samples do not say their rate.")
    return RawFormat(PCM_FORMATS[coding], rate, channels or 1)


def _check_standard_output(job: Job, as_json: bool) -> None:
    if job.target != STANDARD:
        return
    if as_json:
        raise click.UsageError("--json and audio cannot share standard output; give -o FILE.")
    if sys.stdout is None:
        raise click.UsageError("standard output is closed; give -o FILE.")
    if sys.stdout.isatty():
        raise click.UsageError("standard output is a terminal; redirect it or give -o FILE.")


def _warn_of_a_dial_that_stands(settings: Settings) -> None:
    if settings.dial == "fixed":
        return
    limits = load_model(settings.model).spec.update_percent
    percent = limits.default if settings.update_percent is None else settings.update_percent
    if percent in (limits.min, limits.max) and limits.min < limits.max:
        say(
            f"wheesht: warning: --dial {settings.dial} has no effect: its mean, P = {percent:g}, "
            f"is a limit of this model, so P cannot move around it; give --update-percent "
            f"between {limits.min:g} and {limits.max:g}",
            err=True,
        )


def _report(outcomes: list[Outcome], as_json: bool) -> None:
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    failures = [outcome for outcome in outcomes if outcome.report is None]
    for report in reports:
        for warning in report.warnings:
            say(f"wheesht: warning: {warning}", err=True)
        if not as_json and report.output != STANDARD:
            say(_sentence(report))
    if as_json:
        failed = [{"input": f.job.source, "error": f.error} for f in failures]
        click.echo(json.dumps({"files": [_as_dict(r) for r in reports], "failed": failed}))
    if failures:
        click.echo(f"wheesht: {len(failures)} of {len(outcomes)} files failed:", err=True)
    for failure in failures:
        say(f"  {failure.error}", err=True)


def _as_dict(report: FileReport) -> dict[str, Any]:
    return asdict(report) | {"rtf": _rtf(report), "warnings": list(report.warnings)}


def _rtf(report: FileReport) -> float | None:
    """Return the real-time factor, or None for audio so short that starting is all of it."""
    if report.seconds < LEAST_TIMED_SECONDS:
        return None
    return report.compute_seconds / report.seconds


def _sentence(report: FileReport) -> str:
    rtf = _rtf(report)
    factor = "" if rtf is None else f" (rtf {rtf:.4f})"
    late = "" if report.late_hops is None else f", {report.late_hops} hops late"
    return (
        f"{report.input} -> {report.output}: {report.seconds:.1f} s in "
        f"{report.compute_seconds:.2f} s{factor}, "
        f"{100 * report.update_fraction:.0f} % of units updated{late}"
    )
