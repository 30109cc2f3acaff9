"""The log of a run: one JSON line a report, TensorBoard beside it where installed."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self


class History:
    """Writes numbers by step to ``history.jsonl`` and, if installed, to TensorBoard.

    Parameters
    ----------
    folder : Path
        Of the run.
    resume_step : int
        Lines of later steps, left by a run that was stopped, are dropped.
    """

    def __init__(self, folder: Path, resume_step: int) -> None:
        self.path = folder / "history.jsonl"
        kept = []
        if self.path.exists():
            for line in self.path.read_text(errors="replace").splitlines():
                try:
                    if json.loads(line)["step"] <= resume_step:
                        kept.append(line)
                except (json.JSONDecodeError, KeyError, TypeError):
                    continue  # damaged, as the last line of a run that was killed while writing
        self.path.write_text("".join(f"{line}\n" for line in kept))
        self.board = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_step)

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Add one report of a kind, ``train`` or ``valid``."""
        with open(self.path, "a") as file:
            file.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(f"{kind}/{name}", value, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.board is not None:
            self.board.close()
