"""The training loop: batches, updates, validation, checkpoints, and the bundle at the end."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wheesht.cells.integers import Ranges
from wheesht.data.bank import Progress as WorkProgress
from wheesht.data.bank import no_progress
from wheesht.data.mixing import Mixer
from wheesht.data.prefetch import batches
from wheesht.errors import ConfigError, CorpusError, SpecError, StateError
from wheesht.export.to_bundle import export_bundle
from wheesht.folder_lock import FolderLock
from wheesht.models import Network
from wheesht.spec.model_spec import with_dtypes
from wheesht.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from wheesht.training.config import Recipe
from wheesht.training.history import History
from wheesht.training.initial import integer_dtypes, origin_of, read_initial_bundle
from wheesht.training.material import fingerprint, open_mixers
from wheesht.training.optimiser import make_optimiser
from wheesht.training.parallel import Ranks
from wheesht.training.update import Updater, learning_rate
from wheesht.training.validation import validate

REPORT_EVERY = 50  # updates
SCALE_PAIRS = 64  # training pairs that the feature mean and scale are measured on
SCALE_SEED = 17
METRICS_BY_MONITOR = {"pesq_wb": ("pesq_wb", "si_sdr"), "si_sdr": ("si_sdr",), "loss": ()}
Report = Callable[[int, str, dict[str, float]], None]


class Trainer:
    """One training run in one folder.

    Parameters
    ----------
    recipe : Recipe
    data_root : Path
        Of the corpus.
    folder : Path
        Where checkpoint, history, full recipe and bundle go; a checkpoint found there is resumed,
        whatever the number of processes that wrote it. Kept from other runs until `run` returns.
    cache : Path
        Where decoded corpora and simulated rooms are kept.
    report : callable ``(step, kind, values)``
        Told of every ``train`` and ``valid`` report.
    work_progress : callable ``(items, label)``
        Wraps what is made once: decoding of the corpus, simulation of rooms.
    ranks : Ranks
        This process among those of the run. The first one writes, validates and reports.

    Raises
    ------
    ConfigError
        The batch does not divide among the ranks, or a bundle cannot hold the recipe.
    StateError
        Another run is at work in the folder, or it cannot be made.
    CorpusError, CheckpointError, BundleError
        The corpus, the checkpoint or the initial bundle cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        data_root: Path,
        folder: Path,
        cache: Path,
        report: Report = lambda step, kind, values: None,
        work_progress: WorkProgress = no_progress,
        ranks: Ranks | None = None,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.report = report
        self.ranks = Ranks() if ranks is None else ranks
        if recipe.optim.batch_size % self.ranks.count:
            raise ConfigError(
                f"optim.batch_size: got {recipe.optim.batch_size}, needs a multiple of the "
                f"{self.ranks.count} processes of this run"
            )
        self._require_a_bundle({})
        with contextlib.ExitStack() as at_failure:
            if self.ranks.is_first:
                self._lock = FolderLock(folder, StateError)
                at_failure.callback(self._lock.release)
            with self.ranks.first_alone():
                shown = work_progress if self.ranks.is_first else no_progress
                self.train_mixer, self.valid_mixer = open_mixers(recipe, data_root, cache, shown)
            self._build_network()
            if self.ranks.is_first:  # only now: recipe and checkpoint are good
                (folder / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=2) + "\n")
            at_failure.pop_all()

    def _build_network(self) -> None:
        recipe, device = self.recipe, self.ranks.device
        self.corpus = fingerprint(self.train_mixer, self.valid_mixer)
        resumed = load_checkpoint(self.folder, recipe.identity(), self.corpus)
        initial = read_initial_bundle(recipe) if resumed is None and recipe.initial_bundle else None
        dtypes = resumed.dtypes if resumed else integer_dtypes(initial)
        spec = with_dtypes(recipe.spec(), dtypes) if dtypes else recipe.spec()
        ranges: Ranges = "learned" if recipe.quantize.ranges == "learned" else "fixed"
        torch.manual_seed(recipe.seed)
        self.network = Network(spec, ranges)
        if initial is not None:
            self.network.load_state_dict(Network.from_bundle(initial, ranges).state_dict())
        elif resumed is None:
            _measure_feature_scale(self.network, self.train_mixer)
        self.averaged = Network(spec, ranges)
        self.averaged.load_state_dict(self.network.state_dict())
        self.network.to(device)
        self.averaged.to(device)
        self.optimiser = make_optimiser(self.network, recipe.optim)
        self.progress = resumed or Progress(
            step=0,
            model=self.network.state_dict(),
            average=self.averaged.state_dict(),
            optimiser=self.optimiser.state_dict(),
            best_score=-math.inf,
            best_step=0,
            best={},
            dtypes=dtypes,
            origin=origin_of(initial),
        )
        self.network.load_state_dict(self.progress.model)
        self.averaged.load_state_dict(self.progress.average)
        self.optimiser.load_state_dict(self.progress.optimiser)
        self._require_a_bundle(self.progress.origin)
        self.updater = Updater(self.network, self.averaged, self.optimiser, recipe, self.ranks)

    def _require_a_bundle(self, origin: dict[str, Any]) -> None:
        """Refuse now what could not be written in the end, when all training would be lost."""
        try:
            replace(self.recipe.model.spec(), provenance=self._provenance({}, origin))
        except SpecError as error:
            raise ConfigError(f"no bundle could hold this recipe; {error}") from None

    def run(self) -> Path:
        """Train to the end or until validation stops improving; return the bundle's path."""
        try:
            self._train()
            return self._write_bundle()
        finally:
            if self.ranks.is_first:
                self._lock.release()

    def _train(self) -> None:
        recipe, progress, ranks = self.recipe, self.progress, self.ranks
        meter = _Meter(recipe, progress.step, ranks)
        remaining = batches(
            self.train_mixer,
            recipe.seed,
            recipe.optim.batch_size,
            progress.step,
            progress.step if self._has_converged() else recipe.optim.updates,
            recipe.mixing.workers,
            ranks.rank,
            ranks.count,
        )
        with self._history() as history, contextlib.closing(remaining):
            for noisy, clean in remaining:
                meter.add(
                    self.updater.update(
                        progress.step, torch.from_numpy(noisy), torch.from_numpy(clean)
                    )
                )
                progress.step += 1
                last = progress.step == recipe.optim.updates
                if progress.step % REPORT_EVERY == 0 or last:
                    self._tell(history, "train", meter.read(progress.step))
                if progress.step % recipe.validation.every == 0 or last:
                    self._validate(history)
                    meter.restart(progress.step)  # as a run that goes on from here does
                    if self._has_converged():
                        break

    def _history(self) -> contextlib.AbstractContextManager[History | None]:
        if self.ranks.is_first:
            return History(self.folder, self.progress.step)
        return contextlib.nullcontext()

    def _tell(self, history: History | None, kind: str, values: dict[str, float]) -> None:
        if history is not None:
            history.write(self.progress.step, kind, values)
            self.report(self.progress.step, kind, values)

    def _validate(self, history: History | None) -> None:
        """Score the average, keep it when it is the best, and write the checkpoint."""
        progress = self.progress
        if history is not None:
            values = self._scores()
            monitor = self.recipe.validation.monitor
            if monitor not in values:
                raise CorpusError(
                    f"validation.monitor: no validation clip can be scored with {monitor}, perhaps "
                    f"because their speech is silent; use other recordings, or the monitor loss"
                )
            score = -values["loss"] if monitor == "loss" else values[monitor]
            if score > progress.best_score and all(map(math.isfinite, values.values())):
                progress.best_score, progress.best_step = score, progress.step
                progress.best = {k: v.clone() for k, v in self.averaged.state_dict().items()}
            self._tell(history, "valid", values)
            progress.model = self.network.state_dict()
            progress.average = self.averaged.state_dict()
            progress.optimiser = self.optimiser.state_dict()
            progress.history.append({"step": float(progress.step), **values})
            save_checkpoint(self.folder, self.recipe.identity(), self.corpus, progress)
        # All ranks stop together; a checkpoint is complete before any of them goes on.
        progress.best_step = self.ranks.of_first(progress.best_step)

    def _scores(self) -> dict[str, float]:
        config = self.recipe.validation
        return validate(
            self.averaged,
            self.valid_mixer,
            config.clips,
            self.recipe.loss,
            METRICS_BY_MONITOR[config.monitor],
            config.update_percent or (self.recipe.model.update_percent,),
        )

    def _has_converged(self) -> bool:
        limit = self.recipe.validation.patience * self.recipe.validation.every
        return self.progress.step - self.progress.best_step >= limit

    def _write_bundle(self) -> Path:
        progress = self.progress
        path = self.folder / f"{self.recipe.model.name}.safetensors"
        if not self.ranks.is_first:
            return path
        self.averaged.load_state_dict(progress.best or self.averaged.state_dict())
        best = [row for row in progress.history if row["step"] == progress.best_step]
        told = self._provenance(best[0] if best else {}, progress.origin)
        export_bundle(self.averaged, path, told)
        return path

    def _provenance(self, scores: dict[str, float], origin: dict[str, Any]) -> dict[str, Any]:
        """Return what the bundle tells of its making; `scores` are those of the best weights."""
        recipe, updates = self.recipe, int(scores.get("step", 0))
        return {
            "recipe": recipe.to_dict(),
            "updates": updates,
            "audio_hours_seen": round(audio_hours(recipe, updates), 2),
            "validation": scores,
            "training_data": recipe.data.description,
            "licence": recipe.data.licence,
            "torch": torch.__version__,
            "numpy": np.__version__,
            **origin,
        }


class _Meter:
    """Sums what updates report, and tells how fast they go and when they end."""

    def __init__(self, recipe: Recipe, step: int, ranks: Ranks) -> None:
        self.recipe = recipe
        self.ranks = ranks
        self.first_step, self.started = step, time.monotonic()
        self.sums: dict[str, Tensor]
        self.restart(step)

    def add(self, values: dict[str, Tensor]) -> None:
        """Take the numbers of one update; they stay on their device until they are read."""
        self.skipped += not values
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def read(self, step: int) -> dict[str, float]:
        """Return the means since the last reading or restart, over all ranks."""
        now, count = time.monotonic(), step - self.read_step
        result: dict[str, float] = {}
        if self.sums:
            sums = torch.stack(list(self.sums.values()))
            means = self.ranks.mean(sums / (count - self.skipped)).tolist()
            result = dict(zip(self.sums, means, strict=True))
        if self.skipped:  # all ranks skip the same updates
            result["skipped_updates"] = float(self.skipped)
        # The time left follows the whole of this session, because validation takes time too.
        pace = (now - self.started) / (step - self.first_step)
        result |= {
            "learning_rate": learning_rate(step - 1, self.recipe.optim),
            "updates_per_second": count / (now - self.read_at),
            "audio_hours": audio_hours(self.recipe, step),
            "seconds_left": pace * (self.recipe.optim.updates - step),
        }
        self.restart(step)
        return result

    def restart(self, step: int) -> None:
        """Begin new means."""
        self.sums, self.skipped = {}, 0
        self.read_at, self.read_step = time.monotonic(), step


def audio_hours(recipe: Recipe, updates: int) -> float:
    """Return the hours of mixtures that so many updates see."""
    return updates * recipe.optim.batch_size * recipe.mixing.seconds / 3600


def _measure_feature_scale(network: Network, mixer: Mixer) -> None:
    """Set mean and scale of the features to those of training pairs."""
    with torch.no_grad():
        pairs = [mixer.pair(SCALE_SEED, i) for i in range(SCALE_PAIRS)]
        noisy = torch.from_numpy(np.stack([pair[0] for pair in pairs]))
        network.features.measure(network.spectrum(noisy))
