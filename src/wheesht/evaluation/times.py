"""Times of the models of a study, measured on this machine."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from wheesht.bench.stream import bench
from wheesht.evaluation.ledger import write_whole
from wheesht.evaluation.study import BENCH
from wheesht.evaluation.systems.backends import bundle_with
from wheesht.evaluation.systems.kinds import Model


def write_times(
    folder: Path, models: Sequence[Model], progress: Callable[[float], None] = lambda step: None
) -> Path:
    """Write ``bench.json``: what ``wheesht bench --json`` prints for models at their settings.

    Parameters
    ----------
    folder : Path
        Of the study.
    models : sequence of Model
        At least one; see `plan`.
    progress : callable
        Called with 1 after each of the runs of the benchmark.

    Raises
    ------
    GateError, NoisyMachineError
        Times would mean nothing; no file is written.
    BundleError
        A model was replaced after it was scored.
    StudyError
        The file cannot be written.
    """
    bundles = {model.name: bundle_with(model.path, model.sha256) for model in models}
    percents = sorted({model.update_percent for model in models}, reverse=True)
    document = bench(bundles, percents, progress=progress).to_dict()
    write_whole(folder / BENCH, json.dumps(document, indent=2) + "\n")
    return folder / BENCH
