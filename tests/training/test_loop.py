"""Training runs: they learn, they stop, and they go on as if never interrupted."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from wheesht.errors import CheckpointError, ConfigError  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402
from wheesht.training.checkpoint import FILE_NAME  # noqa: E402
from wheesht.training.config import recipe_from_dict  # noqa: E402
from wheesht.training.loop import Trainer  # noqa: E402

RECIPE = {
    "model": {"name": "tiny", "hidden_size": 16},
    "data": {"layout": "folders", "description": "made by the test", "licence": "CC0"},
    "mixing": {"seconds": 0.5},
    "optim": {"updates": 12, "batch_size": 2, "warm_up": 2},
    "validation": {"every": 4, "clips": 3, "seconds": 0.5, "monitor": "loss"},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    t = np.arange(24000) / 16000
    for i in range(4):
        (root / "clean").mkdir(exist_ok=True)
        (root / "noise").mkdir(exist_ok=True)
        voice = 0.2 * np.sin(2 * np.pi * (150 + 40 * i) * t) * (np.sin(2 * np.pi * 3 * t) > 0)
        soundfile.write(root / "clean" / f"{i}.wav", voice, 16000)
        soundfile.write(root / "noise" / f"{i}.wav", 0.1 * rng.standard_normal(24000), 16000)
    return root


def recipe(**changes):
    document = json.loads(json.dumps(RECIPE))
    for section, values in changes.items():
        document.setdefault(section, {}).update(values)
    return recipe_from_dict(document)


def train(settings, corpus, folder):
    trainer = Trainer(settings, corpus, folder, corpus / "cache")
    return trainer, trainer.run()


def test_training_lowers_the_validation_loss_and_writes_a_bundle(corpus, tmp_path):
    settings = recipe(optim={"updates": 60, "learning_rate": 5e-3}, validation={"every": 20})
    trainer, path = train(settings, corpus, tmp_path)
    losses = [row["loss"] for row in trainer.progress.history]
    assert losses[-1] < 0.8 * losses[0]
    bundle = read_bundle(path)
    assert bundle.spec.provenance["recipe"] == json.loads(json.dumps(settings.to_dict()))
    assert bundle.spec.provenance["training_data"] == "made by the test"
    assert json.loads((tmp_path / "recipe.json").read_text()) == bundle.spec.provenance["recipe"]


def run_killed(corpus, folder, settings_path, at_update):
    """Start the command line and kill it without warning after a given update."""
    code = (
        "import sys, os, signal; from wheesht.training import loop\n"
        "update = loop.Trainer._update\n"
        "def dying(self, *a):\n"
        f"    if self.progress.step == {at_update}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return update(self, *a)\n"
        "loop.Trainer._update = dying\n"
        "from wheesht.cli.train import command; command()"
    )
    arguments = [str(settings_path), "--data", str(corpus), "--output", str(folder)]
    arguments += ["--cache", str(corpus / "cache"), "--threads", "1"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True)
    assert done.returncode == -signal.SIGKILL


def test_a_killed_run_goes_on_to_the_same_bits(corpus, tmp_path):
    torch.set_num_threads(1)
    settings_path = tmp_path / "r.toml"
    lines = ['[model]\nname = "tiny"\nhidden_size = 16', '[data]\nlayout = "folders"']
    lines.append("[mixing]\nseconds = 0.5\n[optim]\nupdates = 12\nbatch_size = 2\nwarm_up = 2")
    lines.append('[validation]\nevery = 4\nclips = 3\nseconds = 0.5\nmonitor = "loss"')
    settings_path.write_text("\n".join(lines))
    from wheesht.training.config import read_recipe

    settings = read_recipe(settings_path)
    whole, whole_path = train(settings, corpus, tmp_path / "whole")
    run_killed(corpus, tmp_path / "cut", settings_path, at_update=6)
    cut, cut_path = train(settings, corpus, tmp_path / "cut")
    assert cut.progress.history == whole.progress.history
    for name, tensor in whole.progress.model.items():
        assert torch.equal(cut.progress.model[name], tensor), name
    assert whole_path.read_bytes() == cut_path.read_bytes()
    kinds = [json.loads(line)["step"] for line in (tmp_path / "cut/history.jsonl").open()]
    assert kinds == sorted(kinds)


def test_training_stops_when_validation_stops_improving(corpus, tmp_path):
    settings = recipe(
        optim={"updates": 400, "learning_rate": 1e-9, "final_learning_rate": 0.0},
        validation={"every": 2, "patience": 3},
    )
    trainer, _ = train(settings, corpus, tmp_path)
    assert trainer.progress.step < 400


def test_another_recipe_does_not_take_over_a_checkpoint(corpus, tmp_path):
    train(recipe(optim={"updates": 4}), corpus, tmp_path)
    with pytest.raises(CheckpointError, match="another recipe, different in optim"):
        train(recipe(optim={"updates": 8}), corpus, tmp_path)


def test_a_refused_recipe_leaves_the_stored_one_as_it_was(corpus, tmp_path):
    train(recipe(optim={"updates": 4}), corpus, tmp_path)
    stored = (tmp_path / "recipe.json").read_text()
    with pytest.raises(CheckpointError):
        train(recipe(optim={"updates": 8}), corpus, tmp_path)
    assert (tmp_path / "recipe.json").read_text() == stored


def test_the_average_follows_the_weights_with_the_decay_of_the_recipe(corpus, tmp_path):
    settings = recipe(optim={"average": 0.4})
    trainer = Trainer(settings, corpus, tmp_path, corpus / "cache")
    want = trainer.network.fc_in.weight.detach().clone()
    for step, decay in enumerate((0.1, 2 / 11, 0.25, 4 / 13, 5 / 14, 0.4, 0.4)):
        noisy, clean = (torch.from_numpy(x) for x in trainer.train_mixer.batch(0, step, 2))
        trainer._update(noisy, clean)
        trainer.progress.step += 1
        want = decay * want + (1 - decay) * trainer.network.fc_in.weight.detach()
    # float32, seven blends.
    assert (trainer.averaged.fc_in.weight - want).abs().max() < 1e-6


def test_a_damaged_checkpoint_says_what_to_do(corpus, tmp_path):
    train(recipe(optim={"updates": 4}), corpus, tmp_path)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="remove it to start anew"):
        train(recipe(optim={"updates": 4}), corpus, tmp_path)


def test_training_starts_from_the_weights_of_a_bundle(corpus, tmp_path):
    _, first = train(recipe(optim={"updates": 4}), corpus, tmp_path / "a")
    again = Trainer(
        recipe_from_dict({**RECIPE, "initial_bundle": str(first)}),
        corpus,
        tmp_path / "b",
        corpus / "cache",
    )
    stored = read_bundle(first).tensors
    for name, tensor in again.network.bundle_tensors().items():
        assert np.array_equal(tensor.numpy(), stored[name]), name


def test_weights_of_another_size_are_refused(corpus, tmp_path):
    _, first = train(recipe(optim={"updates": 4}), corpus, tmp_path / "a")
    with pytest.raises(ConfigError, match="does not fit this model"):
        wrong = recipe_from_dict(
            {**RECIPE, "model": {"name": "b", "hidden_size": 17}, "initial_bundle": str(first)}
        )
        Trainer(wrong, corpus, tmp_path / "b", corpus / "cache")


@pytest.mark.slow
def test_native_training_step_is_within_twice_torch_gru():
    from wheesht.cells import from_torch_gru
    from wheesht.cells.controllers import TopA

    theirs = torch.nn.GRU(320, 320, batch_first=True)
    ours = from_torch_gru(theirs, TopA(50))
    x = torch.randn(32, 200, 320)

    def seconds(cell):
        started = time.perf_counter()
        cell(x)[0].square().mean().backward()
        return time.perf_counter() - started

    pairs = [(seconds(theirs), seconds(ours)) for _ in range(7)]
    ratios = sorted(b / a for a, b in pairs)
    assert ratios[3] < 2.0, f"median ratio {ratios[3]:.2f} on {os.cpu_count()} cores"
