"""Models as they are named on a command line."""

import shutil

import pytest

from wheesht.errors import BundleError, ParameterError
from wheesht.evaluation.systems.models import models_of, split_name
from wheesht.spec.bundle import read_bundle


def named(models):
    return [(m.name, m.path, m.update_percent) for m in models]


def test_without_percentages_a_model_runs_at_its_default(small_bundle):
    models, facts = models_of([str(small_bundle)], [], "engine")
    name = small_bundle.stem
    sha256 = read_bundle(small_bundle).sha256
    assert named(models) == [(name, str(small_bundle), 50.0)]
    assert models[0].sha256 == sha256[:12] and models[0].backend == "engine"
    assert facts[name]["sha256"] == sha256
    assert facts[name]["params"] == read_bundle(small_bundle).spec.params
    assert facts[name]["update_percent"] == {"default": 50.0, "min": 1.0, "max": 100.0}


@pytest.mark.parametrize(
    ("texts", "usual", "expected"),
    [
        (["a={}:30,100"], [], [("a", 100), ("a", 30)]),
        (["a={}", "b={}:7"], [40, 80], [("a", 80), ("a", 40), ("b", 7)]),
        (["a={}:50", "a={}:50.0,10"], [], [("a", 50), ("a", 10)]),
    ],
)
def test_percentages_belong_to_a_model_or_to_all(small_bundle, texts, usual, expected):
    models, _ = models_of([text.format(small_bundle) for text in texts], usual, "engine")
    assert [(m.name, m.update_percent) for m in models] == expected


def test_a_shipped_model_keeps_its_name():
    models, facts = models_of(["default", "gru:100"], [], "torch")
    assert named(models) == [("default", "default", 50.0), ("gru", "gru", 100.0)]
    assert facts["default"]["latency_samples"] == 512


@pytest.mark.parametrize("percent", ["0", "101", "-5", "0.5"])
def test_a_percentage_out_of_range_is_refused(small_bundle, percent):
    with pytest.raises(ParameterError, match=rf"got an update percentage of {percent}, needs 1 to"):
        models_of([f"{small_bundle}:{percent}"], [], "engine")
    with pytest.raises(ParameterError, match=rf"got an update percentage of {percent}, needs 1 to"):
        models_of([str(small_bundle)], [float(percent)], "engine")


def test_no_list_of_percentages_is_refused(small_bundle):
    with pytest.raises(ParameterError, match="'1,,2' is no list of percentages"):
        models_of([f"{small_bundle}:1,,2"], [], "engine")


def test_two_models_of_one_name_are_refused(tmp_path, small_bundle, open_bundle):
    for folder, source in (("a", small_bundle), ("b", open_bundle), ("c", small_bundle)):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / "x.safetensors")
    a, b, c = (str(tmp_path / folder / "x.safetensors") for folder in "abc")
    with pytest.raises(ParameterError, match=r"another model is named 'x'; give NAME="):
        models_of([a, b], [], "engine")
    assert [m.name for m in models_of([a, f"y={b}"], [], "engine")[0]] == ["x", "y"]
    assert [m.path for m in models_of([a, c], [], "engine")[0]] == [c]  # the same weights


def test_the_name_of_the_input_is_taken(small_bundle):
    with pytest.raises(ParameterError, match="'noisy' is the unprocessed input"):
        models_of([f"noisy={small_bundle}"], [], "engine")


def test_an_unknown_model_is_refused():
    with pytest.raises(BundleError, match="neither a file nor a shipped model"):
        models_of(["gru2:50"], [], "engine")


def test_names_and_paths_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b:5").touch()
    assert split_name("n=some/path") == ("n", "some/path")
    assert split_name("n=p=q") == ("n", "p=q")
    assert split_name("some/pa=th") == (None, "some/pa=th")
    assert split_name("a=b:5") == (None, "a=b:5")
    assert split_name("path") == (None, "path")
