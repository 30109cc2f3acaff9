"""A corpus and a recipe so small that a whole training takes seconds."""

import json
import os
import subprocess
import sys

import numpy as np
import soundfile
import torch

from wheesht.training.config import recipe_from_dict
from wheesht.training.loop import Trainer

torch.set_num_threads(1)  # so small a network gains nothing from more
RECIPE = {
    "model": {"name": "tiny", "hidden_size": 16},
    "data": {"layout": "folders", "description": "made by the test", "licence": "CC0"},
    "mixing": {"seconds": 0.5},
    "optim": {"updates": 12, "batch_size": 2, "warm_up": 2},
    "validation": {"every": 4, "clips": 3, "seconds": 0.5, "monitor": "loss"},
    "device": "cpu",
}
# Lets a process of the command line kill itself before an update, and the command line go on.
DYING = """
import os, signal
from wheesht.training.update import Updater
update = Updater.update
def dying(self, step, *batch):
    if step == {at_update} and self.ranks.rank == {rank}:
        os.kill(os.getpid(), signal.SIGKILL)
    return update(self, step, *batch)
Updater.update = dying
if __name__ == "__main__":
    from wheesht.cli.main import main
    main()
"""


def make_corpus(root):
    """Write four voices and four noises of 1.5 s."""
    rng = np.random.default_rng(0)
    t = np.arange(24000) / 16000
    for name in ("clean", "noise"):
        (root / name).mkdir()
    for i in range(4):
        voice = 0.2 * np.sin(2 * np.pi * (150 + 40 * i) * t) * (np.sin(2 * np.pi * 3 * t) > 0)
        soundfile.write(root / "clean" / f"{i}.wav", voice, 16000)
        soundfile.write(root / "noise" / f"{i}.wav", 0.1 * rng.standard_normal(24000), 16000)
    return root


def recipe(**changes):
    """Return the tiny recipe with keys of its tables changed, or whole values replaced."""
    document = json.loads(json.dumps(RECIPE))
    for section, values in changes.items():
        if isinstance(document.get(section), dict):
            document[section].update(values)
        else:
            document[section] = values
    return recipe_from_dict(document)


def train(settings, corpus, folder):
    """Run a training here; return the trainer and the path of the bundle."""
    trainer = Trainer(settings, corpus, folder, corpus / "cache")
    return trainer, trainer.run()


def as_toml(settings, path):
    """Write a recipe as a file."""
    lines, tables = [], []
    for key, value in settings.to_dict().items():
        if isinstance(value, dict):
            rows = [f"{k} = {json.dumps(v)}" for k, v in value.items()]
            tables += [f"[{key}]", *rows]
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    path.write_text("\n".join(lines + tables))
    return path


def command_line(script, settings_path, corpus, folder, processes=1):
    """Run `wheesht train` as a process of its own, by a script, perhaps under torchrun."""
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone"]
        launcher += [f"--nproc-per-node={processes}"]
    arguments = ["train", settings_path, "--data", corpus, "--output", folder]
    arguments += ["--cache", corpus / "cache", "--threads", "1"]
    return subprocess.run(
        [*launcher, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
