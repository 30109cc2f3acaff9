"""Training that goes on from a bundle of integers: it learns, resumes, and ends as one."""

from dataclasses import replace

import numpy as np
import pytest
from bundles import integer_bundle

torch = pytest.importorskip("torch")

from training.tiny_run import make_corpus, recipe, train  # noqa: E402

from wheesht.errors import ConfigError  # noqa: E402
from wheesht.models import Network  # noqa: E402
from wheesht.reference.runner import ReferenceStream  # noqa: E402
from wheesht.spec.bundle import read_bundle, write_bundle  # noqa: E402
from wheesht.training.checkpoint import FILE_NAME  # noqa: E402
from wheesht.training.loop import Trainer  # noqa: E402
from wheesht.training.update import Updater  # noqa: E402

SPEC = {"fc_in": "s8", "gru1": "s8", "gru2": "f32", "fc_out": "s16"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def floats(corpus, tmp_path_factory):
    return train(recipe(optim={"updates": 4}), corpus, tmp_path_factory.mktemp("floats"))[1]


@pytest.fixture(scope="module")
def start(floats):
    """The tiny model with integers in all layers but one."""
    bundle = integer_bundle(read_bundle(floats), SPEC, reach=3.0)
    path = floats.with_name("tiny-int8.safetensors")
    made = bundle.spec.provenance | {"quantisation": {"method": "by hand"}}
    write_bundle(path, replace(bundle.spec, provenance=made), bundle.tensors)
    return path


def settings(start, ranges="fixed", **changes):
    return recipe(initial_bundle=str(start), quantize={"ranges": ranges}, **changes)


def changed(before, after):
    return {name for name, t in after.tensors.items() if np.any(t != before.tensors[name])}


@pytest.mark.parametrize("ranges", ["fixed", "learned"])
def test_it_lowers_the_loss_and_writes_integers(corpus, start, tmp_path, ranges):
    longer = {"updates": 45, "learning_rate": 5e-3}
    asked = settings(start, ranges, optim=longer, validation={"every": 15})
    trainer = Trainer(asked, corpus, tmp_path, corpus / "cache")
    at_first, path = trainer._scores()["loss"], trainer.run()
    assert trainer.progress.history[-1]["loss"] < 0.8 * at_first
    before, after = read_bundle(start), read_bundle(path)
    assert after.spec.layers == before.spec.layers and after.spec.dtype == "s8+s16+f32"
    own = trainer.averaged.bundle_tensors()
    assert all(np.array_equal(own[name].numpy(), t) for name, t in after.tensors.items())
    moved = changed(before, after)
    assert {"fc_in.weight", "gru1.w_x", "gru1.w_h", "gru2.w_h", "fc_out.weight"} <= moved
    scales = {name for name in after.tensors if name.endswith("_scale")}
    assert scales & moved == (scales if ranges == "learned" else set())
    assert after.spec.provenance["recipe"]["quantize"] == {"ranges": ranges}
    origin = after.spec.provenance["initial_bundle"]
    assert (origin["name"], origin["sha256"]) == ("tiny", before.sha256)
    assert (origin["updates"], origin["quantisation"]) == (4, {"method": "by hand"})
    assert np.all(np.isfinite(ReferenceStream(after).process(np.ones(320))))


def test_it_starts_from_the_bits_of_the_bundle(corpus, start, tmp_path):
    trainer = Trainer(settings(start, "learned"), corpus, tmp_path, corpus / "cache")
    for network in (trainer.network, trainer.averaged):
        own = network.bundle_tensors()
        for name, tensor in read_bundle(start).tensors.items():
            assert np.array_equal(own[name].numpy(), tensor), name


@pytest.mark.parametrize("ranges", ["fixed", "learned"])
def test_a_stopped_run_goes_on_to_the_same_bits(corpus, start, tmp_path, monkeypatch, ranges):
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes(start.read_bytes())
    asked = settings(kept, ranges, optim={"learning_rate": 5e-3})
    _, whole = train(asked, corpus, tmp_path / "whole")
    update = Updater.update

    def stopped(self, step, *batch):
        if step == 6:  # checkpoints: every 4
            raise KeyboardInterrupt
        return update(self, step, *batch)

    monkeypatch.setattr(Updater, "update", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(asked, corpus, tmp_path / "stopped")
    monkeypatch.undo()
    assert (tmp_path / "stopped" / FILE_NAME).exists()
    kept.unlink()  # it is not read again
    resumed = Trainer(asked, corpus, tmp_path / "stopped", corpus / "cache")
    assert resumed.progress.step == 4
    assert resumed.run().read_bytes() == whole.read_bytes()


def test_what_no_bundle_could_tell_of_its_origin_is_refused_at_the_start(corpus, start, tmp_path):
    deep = {"method": "by hand"}
    for _ in range(14):
        deep = {"more": deep}
    bundle, path = read_bundle(start), tmp_path / "deep.safetensors"
    told = bundle.spec.provenance | {"quantisation": deep}
    write_bundle(path, replace(bundle.spec, provenance=told), bundle.tensors)
    with pytest.raises(ConfigError, match="no bundle could hold this recipe"):
        Trainer(settings(path), corpus, tmp_path / "run", corpus / "cache")


def test_validation_judges_what_is_written(corpus, start, tmp_path):
    """The score of the run is that of the bundle, scored again."""
    trainer, path = train(settings(start, optim={"updates": 4}), corpus, tmp_path)
    want = trainer.progress.history[-1]["loss"]
    trainer.averaged = Network.from_bundle(read_bundle(path))
    assert trainer._scores()["loss"] == want


def test_floats_are_no_start_for_integers_nor_the_reverse(corpus, floats, start, tmp_path):
    def begin(asked):
        Trainer(asked, corpus, tmp_path / "run", corpus / "cache")

    with pytest.raises(ConfigError, match="quantize.ranges: .*tiny.*floats only; .*compress`, or"):
        begin(settings(floats))
    with pytest.raises(ConfigError, match=r'holds integers .*ranges = "fixed" or "learned" in'):
        begin(recipe(initial_bundle=str(start)))
    with pytest.raises(ConfigError, match="does not fit this model: it differs in layers"):
        begin(settings(start, model={"hidden_size": 17}))
