"""`wheesht train`: a recipe in, a bundle out."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from wheesht.cli._text import say


@click.command(epilog="Example: wheesht train recipes/open_speech/small.toml --data corpus")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the corpus, instead of the recipe's data.root.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; default runs/NAME. A checkpoint found there is resumed.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for decoded corpora and simulated rooms; default the user's cache folder.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default all cores.")
def command(
    recipe: Path, data: Path | None, output: Path | None, cache: Path | None, threads: int | None
) -> None:
    r"""Train the model that RECIPE (TOML) describes and write its bundle.

    Killed at any moment, the same command goes on from the last validation with the same result
    as if it had never stopped.

    On several GPUs or processors, in N processes that share out every batch:

    \b
      torchrun --standalone --nproc-per-node N -m wheesht train RECIPE ...
    """
    from wheesht.errors import ConfigError, MissingDependency

    try:
        import torch
    except ImportError:
        raise MissingDependency("train needs: pip install 'wheesht[train,eval]'") from None
    from wheesht.cli.main import INTERRUPTED
    from wheesht.data.bank import cache_folder
    from wheesht.training.checkpoint import FILE_NAME
    from wheesht.training.config import read_recipe
    from wheesht.training.loop import Trainer
    from wheesht.training.memory import keep_freed_memory
    from wheesht.training.parallel import joined_ranks

    keep_freed_memory()
    if threads:
        torch.set_num_threads(threads)
    settings = read_recipe(recipe)
    if data is None and not settings.data.root:
        raise ConfigError(f"{recipe}: data.root is empty; name the corpus with --data")
    with joined_ranks(settings.device) as ranks:
        trainer = Trainer(
            settings,
            data or recipe.parent / settings.data.root,
            output or Path("runs") / settings.model.name,
            cache or cache_folder(),
            _Reporter(settings.optim.updates),
            _bar,
            ranks,
        )
        if trainer.progress.step and ranks.is_first:
            click.echo(f"resumed at update {trainer.progress.step}", err=True)
        try:
            bundle = trainer.run()
        except KeyboardInterrupt:
            checkpoint = trainer.folder / FILE_NAME
            if not checkpoint.is_file():
                raise
            kept = f"the same command goes on from {checkpoint}"
            say(f"wheesht: interrupted; {kept}", err=True)
            click.get_current_context().exit(INTERRUPTED)
        if ranks.is_first:
            best = trainer.progress
            click.echo(f"{bundle} (update {best.best_step}, score {best.best_score:.4f})")


def _bar(items: Sequence[Any], label: str) -> Iterator[Any]:
    with click.progressbar(
        items, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        yield from bar


class _Reporter:
    """Prints reports: one line rewritten on a terminal, a line each in a log."""

    def __init__(self, updates: int) -> None:
        self.updates = updates
        self.live = sys.stderr.isatty()

    def __call__(self, step: int, kind: str, values: dict[str, float]) -> None:
        left = values.get("seconds_left")
        text = "  ".join(
            f"{name} {value:.5g}" for name, value in values.items() if name != "seconds_left"
        )
        if left is not None:
            minutes = round(left / 60)
            text += f"  left {minutes // 60}:{minutes % 60:02} h"
        line = f"{time.strftime('%H:%M:%S')} {kind} {step}/{self.updates}  {text}"
        overwrite = self.live and kind == "train"
        click.echo(f"\r\x1b[K{line}" if self.live else line, err=True, nl=not overwrite)
