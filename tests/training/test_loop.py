"""Training runs: they learn, they stop, and they go on as if never interrupted."""

import json
import os
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from training.tiny_run import (  # noqa: E402
    DYING,
    RECIPE,
    as_toml,
    command_line,
    make_corpus,
    recipe,
    train,
)

from wheesht.cli.main import run  # noqa: E402
from wheesht.data.augment import low_pass  # noqa: E402
from wheesht.data.mixing import MixingConfig  # noqa: E402
from wheesht.errors import (  # noqa: E402
    BundleError,
    CheckpointError,
    ConfigError,
    CorpusError,
    SilentSignalError,
    StateError,
)
from wheesht.metrics import METRICS  # noqa: E402
from wheesht.reference.runner import ReferenceStream  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402
from wheesht.training import loop  # noqa: E402
from wheesht.training.checkpoint import FILE_NAME  # noqa: E402
from wheesht.training.config import DataConfig, recipe_from_dict  # noqa: E402
from wheesht.training.loop import Trainer  # noqa: E402
from wheesht.training.update import Updater  # noqa: E402


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def curve(folder):
    """The log of a run without its times."""
    rows = [json.loads(line) for line in (folder / "history.jsonl").open()]
    for row in rows:
        row.pop("updates_per_second", None), row.pop("seconds_left", None)
    return rows


@pytest.mark.parametrize("at_update, kept", [(3, False), (6, True)])  # checkpoints: every 4
def test_ctrl_c_says_where_the_run_goes_on(corpus, tmp_path, monkeypatch, capsys, at_update, kept):
    update = Updater.update

    def pressed(self, step, *batch):
        if step == at_update:
            raise KeyboardInterrupt
        return update(self, step, *batch)

    monkeypatch.setattr(Updater, "update", pressed)
    toml = as_toml(recipe(), tmp_path / "tiny.toml")
    folders = ["--data", corpus, "--output", tmp_path / "run", "--cache", corpus / "cache"]
    assert run(["train", *map(str, [toml, *folders])]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    where = f"; the same command goes on from {tmp_path / 'run' / FILE_NAME}" if kept else ""
    assert said == f"wheesht: interrupted{where}"


def test_training_lowers_the_validation_loss_and_writes_a_bundle(corpus, tmp_path):
    settings = recipe(optim={"updates": 60, "learning_rate": 5e-3}, validation={"every": 20})
    trainer, path = train(settings, corpus, tmp_path)
    losses = [row["loss"] for row in trainer.progress.history]
    assert losses[-1] < 0.8 * losses[0]
    bundle = read_bundle(path)
    assert bundle.spec.provenance["recipe"] == json.loads(json.dumps(settings.to_dict()))
    assert bundle.spec.provenance["training_data"] == "made by the test"
    assert json.loads((tmp_path / "recipe.json").read_text()) == bundle.spec.provenance["recipe"]


SCANNING_HOSTS = {
    "mpt": {"host": "mpt", "hidden_size": 0},
    "dprnn": {"host": "dprnn", "hidden_size": 8},
}


@pytest.mark.parametrize("host", SCANNING_HOSTS)
def test_hosts_that_scan_frequency_learn_and_become_bundles(corpus, tmp_path, host):
    settings = recipe(
        model=SCANNING_HOSTS[host],
        loss={"compressed_spectral": 1.0, "spectrum": 0.5},
        optim={"updates": 16, "learning_rate": 3e-3},
        update_percent={"choices": [50.0, 100.0], "per": "sequence"},
        validation={"clips": 2, "update_percent": [50.0, 100.0]},
    )
    trainer, path = train(settings, corpus, tmp_path)
    losses = [row["loss"] for row in trainer.progress.history]
    assert losses[-1] < 0.8 * losses[0]
    assert any("loss_spectrum" in row for row in curve(tmp_path))
    bundle = read_bundle(path)
    assert bundle.spec.host == host and bundle.spec.update_percent.min == 50.0
    own = trainer.averaged.bundle_tensors()
    for name, stored in bundle.tensors.items():
        assert np.array_equal(own[name].numpy(), stored), name
    assert np.all(np.isfinite(ReferenceStream(bundle).process(np.ones(320))))


@pytest.mark.parametrize("host", SCANNING_HOSTS)
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_hosts_that_scan_frequency_train_in_bfloat16(corpus, tmp_path, host, optimiser):
    settings = recipe(
        model=SCANNING_HOSTS[host],
        precision="bfloat16",
        optim={"updates": 2, "name": optimiser},
        validation={"every": 2},
    )
    trainer, path = train(settings, corpus, tmp_path)
    assert np.isfinite(trainer.progress.history[-1]["loss"])
    assert read_bundle(path).spec.host == host


def test_another_hosts_bundle_is_no_start(corpus, tmp_path):
    _, first = train(recipe(optim={"updates": 4}), corpus, tmp_path / "a")
    settings = recipe(model=SCANNING_HOSTS["dprnn"], initial_bundle=str(first))
    with pytest.raises(ConfigError, match="does not fit this model"):
        Trainer(settings, corpus, tmp_path / "b", corpus / "cache")


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_to_the_same_bits(corpus, tmp_path, workers, monkeypatch):
    monkeypatch.setattr(loop, "REPORT_EVERY", 5)  # after the updates 5, 10, 12; checkpoints at 4, 8
    torch.set_num_threads(1)
    settings = recipe(update_percent={"choices": [50.0, 100.0]})
    whole, whole_path = train(settings, corpus, tmp_path / "whole")
    mixing = {**settings.to_dict()["mixing"], "workers": workers}
    settings_path = as_toml(replace(settings, mixing=MixingConfig(**mixing)), tmp_path / "r.toml")
    script = tmp_path / "dying.py"
    script.write_text(
        "import wheesht.training.loop as loop\nloop.REPORT_EVERY = 5\n"
        + DYING.format(at_update=6, rank=0)
    )
    killed = command_line(script, settings_path, corpus, tmp_path / "cut")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    cut, cut_path = train(settings, corpus, tmp_path / "cut")
    assert cut.progress.history == whole.progress.history and len(whole.progress.history) == 3
    for name, tensor in whole.progress.model.items():
        assert torch.equal(cut.progress.model[name], tensor), name
    assert whole_path.read_bytes() == cut_path.read_bytes()
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


@pytest.mark.slow
def test_no_mixing_process_outlives_a_killed_run(corpus, tmp_path):
    settings_path = as_toml(recipe(mixing={"seconds": 0.5, "workers": 2}), tmp_path / "r.toml")
    script = tmp_path / "dying.py"
    told = "import multiprocessing\n" + DYING.format(at_update=2, rank=0).replace(
        "        os.kill(",
        "        print([p.pid for p in multiprocessing.active_children()], flush=True)\n"
        "        os.kill(",
    )
    script.write_text(told)
    killed = command_line(script, settings_path, corpus, tmp_path / "cut")
    workers = json.loads(killed.stdout)
    assert len(workers) == 2
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a mixing process is still there"
        time.sleep(0.1)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_history_tells_terms_hours_and_the_time_left(corpus, tmp_path):
    settings = recipe(loss={"si_sdr": 0.5, "magnitude": 2.0}, optim={"updates": 8})
    train(settings, corpus, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").open()]
    told = next(row for row in rows if row["kind"] == "train")
    want = 0.5 * told["loss_si_sdr"] + 2.0 * told["loss_magnitude"]
    assert told["loss"] == pytest.approx(want, rel=1e-5)
    assert told["audio_hours"] == pytest.approx(8 * 2 * 0.5 / 3600)
    assert told["seconds_left"] == 0.0


def test_validation_at_several_positions_reports_each_and_their_mean(corpus, tmp_path):
    validation = {"update_percent": [100.0, 10.0], "monitor": "si_sdr"}
    trainer, _ = train(recipe(validation=validation, optim={"updates": 4}), corpus, tmp_path)
    row = trainer.progress.history[0]
    for name in ("loss", "si_sdr"):
        assert row[f"{name}_p100"] != row[f"{name}_p10"]
        assert row[name] == pytest.approx((row[f"{name}_p100"] + row[f"{name}_p10"]) / 2)
    assert trainer.progress.best_score == row["si_sdr"]


def test_narrow_recordings_are_left_out(tmp_path):
    root = make_corpus(tmp_path)
    noise = 0.1 * np.random.default_rng(1).standard_normal(24000)
    for i in range(4):
        soundfile.write(root / "clean" / f"{i}.wav", low_pass(noise, 4000.0, 16000), 16000)
        wide = low_pass(noise[:20000], 7400.0, 16000)
        soundfile.write(root / "clean" / f"wide{i}.wav", wide, 16000)

    def speech(least_bandwidth_hz):
        settings = recipe(data={"least_bandwidth_hz": least_bandwidth_hz})
        folder = tmp_path / f"run{least_bandwidth_hz}"
        return Trainer(settings, root, folder, root / "cache").train_mixer.speech

    lengths = [{bank.length(i) for i in range(len(bank))} for bank in (speech(0.0), speech(7000.0))]
    assert lengths == [{20000, 24000}, {20000}]
    with pytest.raises(CorpusError, match="no recording reaches 8000 Hz"):
        speech(8000.0)


def test_a_monitor_that_scores_no_clip_is_one_sentence(corpus, tmp_path, monkeypatch):
    def silent(clean, enhanced, rate):
        raise SilentSignalError("no power")

    monkeypatch.setitem(METRICS, "si_sdr", silent)
    with pytest.raises(CorpusError, match="no validation clip can be scored with si_sdr"):
        train(recipe(validation={"monitor": "si_sdr"}), corpus, tmp_path)


def test_skipped_updates_are_counted_and_left_out_of_the_means(corpus, tmp_path):
    trainer = Trainer(recipe(optim={"updates": 3}), corpus, tmp_path, corpus / "cache")
    meter = loop._Meter(trainer.recipe, 0, trainer.ranks)
    for values in ({"loss": torch.tensor(1.0)}, {}, {"loss": torch.tensor(2.0)}):
        meter.add(values)
    told = meter.read(3)
    assert told["loss"] == 1.5 and told["skipped_updates"] == 1.0
    meter.add({"loss": torch.tensor(4.0)})
    assert "skipped_updates" not in meter.read(4)
    meter.add({})
    assert "loss" not in meter.read(5)


def test_training_stops_when_validation_stops_improving(corpus, tmp_path):
    settings = recipe(
        optim={"updates": 400, "learning_rate": 1e-9, "final_learning_rate": 0.0},
        validation={"every": 2, "patience": 3},
    )
    trainer, _ = train(settings, corpus, tmp_path)
    assert trainer.progress.step < 400


def test_another_recipe_does_not_take_over_a_checkpoint(corpus, tmp_path):
    train(recipe(optim={"updates": 4}), corpus, tmp_path)
    changed = recipe(optim={"updates": 8}, data={"description": "new"}, seed=3)
    with pytest.raises(
        CheckpointError,
        match=r"different in data\.description, optim\.updates, seed; .*initial",
    ):
        train(changed, corpus, tmp_path)


def test_another_corpus_does_not_take_over_a_checkpoint(corpus, tmp_path):
    settings = recipe(optim={"updates": 4})
    train(settings, corpus, tmp_path / "run")
    moved = shutil.copytree(corpus, tmp_path / "moved", ignore=shutil.ignore_patterns("cache"))
    assert train(settings, moved, tmp_path / "run")[0].progress.step == 4
    soundfile.write(moved / "noise" / "more.wav", np.full(9000, 0.1), 16000)
    with pytest.raises(CheckpointError, match="belongs to another corpus"):
        train(settings, moved, tmp_path / "run")


def test_a_second_run_in_a_folder_is_refused_until_the_first_has_ended(corpus, tmp_path):
    settings = recipe(optim={"updates": 4})
    first = Trainer(settings, corpus, tmp_path, corpus / "cache")
    with pytest.raises(StateError, match=f"process {os.getpid()} is at work on it"):
        train(settings, corpus, tmp_path)
    first.run()
    for _ in range(2):  # a run that could not begin leaves the folder to others
        with pytest.raises(CheckpointError, match="another recipe"):
            train(recipe(optim={"updates": 8}), corpus, tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_a_recipe_that_no_bundle_can_hold_is_refused_before_the_training(corpus, tmp_path):
    settings = replace(recipe(), data=DataConfig(layout="folders", licence="\x1b[2J"))
    with pytest.raises(ConfigError, match="no bundle could hold this recipe; .*control"):
        Trainer(settings, corpus, tmp_path / "run", corpus / "cache")
    assert not (tmp_path / "run").exists()


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
        trainer.updater.update(step, noisy, clean)
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


def test_an_initial_bundle_is_needed_at_the_start_only_and_missed_by_its_key(corpus, tmp_path):
    _, first = train(recipe(optim={"updates": 4}), corpus, tmp_path / "a")
    settings = recipe(initial_bundle=str(first), optim={"updates": 4})
    train(settings, corpus, tmp_path / "b")
    first.unlink()
    resumed, _ = train(settings, corpus, tmp_path / "b")
    assert resumed.progress.step == 4
    with pytest.raises(BundleError, match=r"^initial_bundle: .*tiny.*result of another recipe"):
        train(settings, corpus, tmp_path / "c")


def test_weights_of_another_size_are_refused(corpus, tmp_path):
    _, first = train(recipe(optim={"updates": 4}), corpus, tmp_path / "a")
    with pytest.raises(ConfigError, match="does not fit this model"):
        wrong = recipe_from_dict(
            {**RECIPE, "model": {"name": "b", "hidden_size": 17}, "initial_bundle": str(first)}
        )
        Trainer(wrong, corpus, tmp_path / "b", corpus / "cache")


@pytest.mark.slow
@pytest.mark.alone
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
