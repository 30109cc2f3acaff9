"""The training loop: batches, updates, validation, checkpoints, and the bundle at the end."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wheesht.data.bank import Progress as FileProgress
from wheesht.data.bank import open_bank
from wheesht.data.corpora import LAYOUTS, Corpus, folders_corpus
from wheesht.data.mixing import Mixer
from wheesht.data.prefetch import batches
from wheesht.errors import ConfigError
from wheesht.export.to_bundle import export_bundle
from wheesht.losses import LOSSES
from wheesht.models import Network
from wheesht.spec.bundle import read_bundle
from wheesht.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from wheesht.training.config import DataConfig, OptimConfig, Recipe
from wheesht.training.history import History
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
        Where checkpoint, history, full recipe and bundle go; a checkpoint found there is resumed.
    cache : Path
        Where decoded corpora are kept.
    report : callable ``(step, kind, values)``
        Told of every ``train`` and ``valid`` report.
    file_progress : callable
        Wraps the files while a corpus is decoded.

    Raises
    ------
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
        file_progress: FileProgress = iter,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.report = report
        corpus = list_corpus(recipe.data, data_root)
        rate = 16000

        def mixer(speech: tuple[Path, ...], noise: tuple[Path, ...], seconds: float) -> Mixer:
            return Mixer(
                open_bank(speech, rate, cache, file_progress),
                open_bank(noise, rate, cache, file_progress),
                replace(recipe.mixing, seconds=seconds),
                rate,
            )

        self.train_mixer = mixer(corpus.speech_train, corpus.noise_train, recipe.mixing.seconds)
        self.valid_mixer = mixer(corpus.speech_valid, corpus.noise_valid, recipe.validation.seconds)
        self._build_network()
        folder.mkdir(parents=True, exist_ok=True)  # only now that recipe and checkpoint are good
        (folder / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=2) + "\n")

    def _build_network(self) -> None:
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        spec = recipe.model.spec()
        self.network = Network(spec)
        if recipe.initial_bundle:
            initial = Network.from_bundle(read_bundle(recipe.initial_bundle))
            if initial.spec.tensor_shapes() != spec.tensor_shapes():
                raise ConfigError(
                    f"initial_bundle: {recipe.initial_bundle} does not fit this model; it has "
                    f"{initial.spec.params} parameters, the recipe's model {spec.params}"
                )
            self.network.load_state_dict(initial.state_dict())
        else:
            _measure_feature_scale(self.network, self.train_mixer)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.optim.learning_rate,
            weight_decay=recipe.optim.weight_decay,
        )
        self.averaged = Network(spec)
        self.averaged.load_state_dict(self.network.state_dict())
        self.progress = load_checkpoint(self.folder, recipe.to_dict()) or Progress(
            step=0,
            model=self.network.state_dict(),
            average=self.averaged.state_dict(),
            optimiser=self.optimiser.state_dict(),
            best_score=-math.inf,
            best_step=0,
            best={},
        )
        self.network.load_state_dict(self.progress.model)
        self.averaged.load_state_dict(self.progress.average)
        self.optimiser.load_state_dict(self.progress.optimiser)

    def run(self) -> Path:
        """Train to the end or until validation stops improving; return the bundle's path."""
        recipe, progress = self.recipe, self.progress
        with History(self.folder, progress.step) as history:
            started, loss_sum, norm_sum, reported = time.monotonic(), 0.0, 0.0, progress.step
            remaining = batches(
                self.train_mixer,
                recipe.seed,
                recipe.optim.batch_size,
                progress.step,
                recipe.optim.updates,
            )
            if self._has_converged():
                remaining = iter(())
            for noisy, clean in remaining:
                loss, norm = self._update(torch.from_numpy(noisy), torch.from_numpy(clean))
                progress.step += 1
                loss_sum, norm_sum = loss_sum + loss, norm_sum + norm
                last = progress.step == recipe.optim.updates
                if progress.step % REPORT_EVERY == 0 or last:
                    count, elapsed = progress.step - reported, time.monotonic() - started
                    values = {
                        "loss": loss_sum / count,
                        "gradient_norm": norm_sum / count,
                        "learning_rate": self.optimiser.param_groups[0]["lr"],
                        "updates_per_second": count / elapsed,
                    }
                    history.write(progress.step, "train", values)
                    self.report(progress.step, "train", values)
                    started, loss_sum, norm_sum = time.monotonic(), 0.0, 0.0
                    reported = progress.step
                if progress.step % recipe.validation.every == 0 or last:
                    self._validate(history)
                    if self._has_converged():
                        break
        return self._write_bundle()

    def _update(self, noisy: Tensor, clean: Tensor) -> tuple[float, float]:
        """Make one update; return the loss and the gradient norm before clipping."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.progress.step, self.recipe.optim)
        enhanced = self.network(noisy)
        with torch.no_grad():
            target = self.network.spectrum(clean)
        loss = LOSSES[self.recipe.loss](enhanced, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.recipe.optim.gradient_norm
        )
        if torch.isfinite(norm):
            self.optimiser.step()
        # A short memory at first, so that the random start is soon forgotten.
        decay = min(self.recipe.optim.average, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for average, new in zip(
                self.averaged.parameters(), self.network.parameters(), strict=True
            ):
                average.lerp_(new, 1.0 - decay)
        return float(loss.detach()), float(norm)

    def _validate(self, history: History) -> None:
        config, progress = self.recipe.validation, self.progress
        metrics = METRICS_BY_MONITOR[config.monitor]
        values = validate(self.averaged, self.valid_mixer, config.clips, self.recipe.loss, metrics)
        score = -values["loss"] if config.monitor == "loss" else values[config.monitor]
        if score > progress.best_score:
            progress.best_score, progress.best_step = score, progress.step
            progress.best = {k: v.clone() for k, v in self.averaged.state_dict().items()}
        history.write(progress.step, "valid", values)
        self.report(progress.step, "valid", values)
        progress.model = self.network.state_dict()
        progress.average = self.averaged.state_dict()
        progress.optimiser = self.optimiser.state_dict()
        progress.history.append({"step": float(progress.step), **values})
        save_checkpoint(self.folder, self.recipe.to_dict(), progress)

    def _has_converged(self) -> bool:
        limit = self.recipe.validation.patience * self.recipe.validation.every
        return self.progress.step - self.progress.best_step >= limit

    def _write_bundle(self) -> Path:
        progress, recipe = self.progress, self.recipe
        self.averaged.load_state_dict(progress.best or self.averaged.state_dict())
        seconds = progress.best_step * recipe.optim.batch_size * recipe.mixing.seconds
        path = self.folder / f"{recipe.model.name}.safetensors"
        best = [row for row in progress.history if row["step"] == progress.best_step]
        provenance = {
            "recipe": recipe.to_dict(),
            "updates": progress.best_step,
            "audio_hours_seen": round(seconds / 3600, 2),
            "validation": best[0] if best else {},
            "training_data": recipe.data.description,
            "licence": recipe.data.licence,
            "torch": torch.__version__,
            "numpy": np.__version__,
        }
        export_bundle(self.averaged, path, provenance)
        return path


def list_corpus(config: DataConfig, root: Path) -> Corpus:
    """List the files of the corpus that a recipe names."""
    if config.layout == "folders":
        return folders_corpus(root, config.speech, config.noise)
    return LAYOUTS[config.layout](root)


def learning_rate(step: int, config: OptimConfig) -> float:
    """Return the learning rate of an update: linear warm-up, then a cosine to the final rate."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    share = (step - config.warm_up) / max(1, config.updates - config.warm_up)
    span = config.learning_rate - config.final_learning_rate
    return config.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _measure_feature_scale(network: Network, mixer: Mixer) -> None:
    """Set mean and scale of the features to those of training pairs."""
    with torch.no_grad():
        pairs = [mixer.pair(SCALE_SEED, i) for i in range(SCALE_PAIRS)]
        noisy = torch.from_numpy(np.stack([pair[0] for pair in pairs]))
        log_power = network.log_power(network.spectrum(noisy)).flatten(0, 1)
        network.features.mean.copy_(log_power.mean(0))
        network.features.scale.copy_(1.0 / log_power.std(0).clamp_min(1e-3))
