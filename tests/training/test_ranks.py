"""Several processes train as one does, and end together."""

import json

import pytest

torch = pytest.importorskip("torch")

from training.tiny_run import DYING, as_toml, command_line, make_corpus, recipe, train  # noqa: E402

from wheesht.errors import ConfigError  # noqa: E402
from wheesht.training import parallel  # noqa: E402
from wheesht.training.checkpoint import load_checkpoint  # noqa: E402
from wheesht.training.loop import Trainer  # noqa: E402
from wheesht.training.parallel import Ranks, joined_ranks  # noqa: E402

# Means of two halves instead of one mean, in float32, over ten updates.
SAME_LOSS = 1e-5


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def validations(folder):
    rows = (json.loads(line) for line in (folder / "history.jsonl").open())
    return [row for row in rows if row["kind"] == "valid"]


@pytest.mark.slow
def test_two_processes_train_as_one_and_take_over_its_checkpoint(corpus, tmp_path):
    """One run of 10 updates alone; one whose first rank dies in the middle of two, resumed by 2."""
    loss = {"compressed_spectral": 1.0, "si_sdr": 0.2}
    settings = recipe(
        optim={"updates": 10, "batch_size": 4},
        validation={"every": 5, "update_percent": [100.0, 50.0]},
        update_percent={"choices": [50.0, 100.0]},
        loss=loss,
    )
    torch.set_num_threads(1)
    whole, _ = train(settings, corpus, tmp_path / "whole")
    settings_path = as_toml(settings, tmp_path / "r.toml")
    script = tmp_path / "dying.py"
    script.write_text(DYING.format(at_update=7, rank=1))
    folder = tmp_path / "cut"
    killed = command_line(script, settings_path, corpus, folder, processes=2)
    assert killed.returncode != 0
    assert "another process of this run has ended" in killed.stderr, killed.stderr
    assert load_checkpoint(folder, settings.identity(), whole.corpus).step == 5

    script.write_text(DYING.format(at_update=-1, rank=0))
    done = command_line(script, settings_path, corpus, folder, processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tiny.safetensors") == 1  # the first rank alone speaks
    assert "resumed at update 5" in done.stderr
    pairs = list(zip(validations(tmp_path / "whole"), validations(folder), strict=True))
    assert len(pairs) == 2
    for alone, together in pairs:
        for name in ("loss", "loss_p100", "loss_p50"):
            assert together[name] == pytest.approx(alone[name], rel=SAME_LOSS)
    # One process takes over what two have written.
    resumed = Trainer(settings, corpus, folder, corpus / "cache")
    assert resumed.progress.step == 10
    for name, tensor in whole.progress.model.items():
        assert torch.allclose(resumed.progress.model[name], tensor, rtol=1e-3, atol=1e-5), name


def test_a_batch_that_does_not_divide_is_refused(corpus, tmp_path):
    settings = recipe(optim={"batch_size": 3})
    with pytest.raises(ConfigError, match="got 3, needs a multiple of the 2 processes"):
        Trainer(settings, corpus, tmp_path, corpus / "cache", ranks=Ranks(0, 2))


def test_a_process_alone_is_the_first_of_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_ranks("cpu") as ranks:
        assert ranks.is_first and ranks.count == 1 and ranks.device.type == "cpu"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    for device in ("cuda", "auto"):
        with (
            pytest.raises(ConfigError, match="process 2 here finds 1 GPUs; needs one for each"),
            joined_ranks(device),
        ):
            pass


def test_errors_that_are_no_lost_connection_stay_what_they_are(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(parallel.distributed, "init_process_group", lambda *a, **k: None)
    with pytest.raises(RuntimeError, match="out of memory"), joined_ranks("cpu"):
        raise RuntimeError("out of memory")
