"""Whole signals and the public names of the package."""

import gc
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of

import wheesht
from wheesht.engine import loading
from wheesht.engine.pack import pack
from wheesht.engine.stream import Stream
from wheesht.errors import ParameterError, ShapeError
from wheesht.spec.bundle import read_bundle


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("shape", [(0,), (1,), (997,), (1, 997), (2, 1009), (2, 0), (3, 7)])
def test_the_shape_is_kept_and_the_type_is_float32(small_bundle, rate, shape):
    enhanced = wheesht.enhance(np.ones(shape), rate, model=small_bundle)
    assert enhanced.shape == shape
    assert enhanced.dtype == np.float32


def test_enhance_equals_the_stream(small_bundle, noise):
    x = noise(2.3, 48000)[0]
    with Stream(small_bundle, 48000, update_percent=25, strength_db=12) as stream:
        want = np.concatenate([stream.process(part) for part in np.array_split(x, 7)])
        want = np.concatenate([want, stream.flush()])
    enhancer = wheesht.Enhancer(small_bundle, update_percent=25, strength_db=12)
    np.testing.assert_array_equal(enhancer.enhance(x, sample_rate=48000), want)
    np.testing.assert_array_equal(enhancer.enhance(x, sample_rate=48000), want)


def test_lists_and_integers_are_signals_too(small_bundle):
    want = wheesht.enhance(np.array([0.5, -0.5, 0.0], np.float32), 16000, small_bundle)
    np.testing.assert_array_equal(wheesht.enhance([0.5, -0.5, 0.0], 16000, small_bundle), want)
    integers = np.array([16384, -16384, 0], np.int16)
    np.testing.assert_array_equal(wheesht.enhance(integers, 16000, small_bundle), want)


@pytest.mark.parametrize("shape", [(9, 1), (1000, 2), (48000, 8)])
def test_transposed_signals_are_recognised(small_bundle, shape):
    with pytest.raises(ShapeError, match=r"looks like \(samples, channels\).*pass x\.T"):
        wheesht.enhance(np.zeros(shape), 16000, small_bundle)


@pytest.mark.parametrize("shape", [(), (0, 100), (1, 2, 3)])
def test_other_shapes_say_what_is_needed(small_bundle, shape):
    with pytest.raises(ShapeError, match=r"needs \(samples,\) or \(channels, samples\)"):
        wheesht.enhance(np.zeros(shape), 16000, small_bundle)


def test_wrong_settings_are_refused_before_there_is_a_signal(small_bundle):
    with pytest.raises(ParameterError, match="update_percent"):
        wheesht.Enhancer(small_bundle, update_percent=0)


def test_a_sample_rate_has_to_be_given(small_bundle):
    with pytest.raises(TypeError, match="sample_rate"):
        wheesht.enhance(np.zeros(10), model=small_bundle)


def test_a_model_is_read_once_and_again_when_its_file_changes(
    small_bundle, open_bundle, tmp_path, monkeypatch
):
    reads = []
    monkeypatch.setattr(loading, "read_bundle", lambda path: reads.append(1) or read_bundle(path))
    monkeypatch.setattr(loading, "_cache", {})
    path = tmp_path / "model.safetensors"
    shutil.copy(small_bundle, path)
    for _ in range(3):
        wheesht.enhance(np.ones(200), 16000, model=path)
    assert len(reads) == 1
    shutil.copy(open_bundle, path)
    assert np.abs(wheesht.enhance(np.ones(200), 16000, model=path) - 1).max() < 1e-5
    assert len(reads) == 2


def test_only_the_last_few_models_are_kept(make_bundle, monkeypatch):
    monkeypatch.setattr(loading, "_cache", {})
    for seed in range(loading.CACHED_MODELS + 2):
        loading.load_model(make_bundle(hidden=(3, 3), seed=seed))
    assert len(loading._cache) == loading.CACHED_MODELS


def test_a_bundle_in_memory_is_a_model(small_bundle, noise):
    x = noise(0.3)[0]
    want = wheesht.enhance(x, 16000, small_bundle)
    np.testing.assert_array_equal(wheesht.enhance(x, 16000, read_bundle(small_bundle)), want)


@pytest.fixture
def packs(monkeypatch):
    """Start with nothing kept; the list grows with every packing."""
    calls = []
    monkeypatch.setattr(loading, "_cache", {})
    monkeypatch.setattr(loading, "_bundles", {})
    monkeypatch.setattr(loading, "pack", lambda bundle: calls.append(1) or pack(bundle))
    return calls


def test_a_bundle_in_memory_is_packed_once(small_bundle, packs):
    bundle = read_bundle(small_bundle)
    for _ in range(3):
        wheesht.enhance(np.ones(200), 16000, model=bundle)
    assert len(packs) == 1
    wheesht.enhance(np.ones(200), 16000, model=read_bundle(small_bundle))
    assert len(packs) == 2


def test_a_tensor_put_in_its_place_makes_it_another_model(small_bundle, open_bundle, packs):
    bundle = read_bundle(small_bundle)
    loading.load_model(bundle)
    bundle.tensors["fc_out.weight"] = 0 * bundle.tensors["fc_out.weight"]
    bundle.tensors["fc_out.bias"] = 0 * bundle.tensors["fc_out.bias"] + 40
    assert np.abs(wheesht.enhance(np.ones(200), 16000, model=bundle) - 1).max() < 1e-5
    assert len(packs) > 1


def test_tensors_that_can_be_written_to_are_read_each_time(packs):
    bundle = random_bundle_of(gru_host(hidden=(3, 3)))
    loading.load_model(bundle)
    bundle.tensors["fc_out.weight"][:] = 0
    bundle.tensors["fc_out.bias"][:] = 40
    assert np.abs(wheesht.enhance(np.ones(200), 16000, model=bundle) - 1).max() < 1e-5


def test_only_the_last_few_bundles_are_kept_and_none_that_is_gone(make_bundle, packs):
    bundles = [
        read_bundle(make_bundle(hidden=(3, 3), seed=seed))
        for seed in range(loading.CACHED_MODELS + 2)
    ]
    for bundle in bundles:
        loading.load_model(bundle)
    assert len(loading._bundles) == loading.CACHED_MODELS
    packed = weakref.ref(loading.load_model(bundles[-1]))
    assert packed() is not None
    bundle = None
    bundles.clear()
    gc.collect()
    assert bundle is packed() is None
    assert not loading._bundles


def test_threads_that_want_the_same_model_get_one(small_bundle, packs, monkeypatch):
    begin = threading.Barrier(8)

    def slow_pack(bundle):
        packs.append(1)
        time.sleep(0.05)  # long enough for all threads to arrive
        return pack(bundle)

    def load(_):
        begin.wait(20)
        return loading.load_model(small_bundle)

    monkeypatch.setattr(loading, "pack", slow_pack)
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(load, range(8)))
    assert len(packs) == 1
    assert all(model is loaded[0] for model in loaded)


@pytest.mark.parametrize("name", wheesht.__all__)
def test_every_public_name_is_there(name):
    assert name in dir(wheesht)
    assert getattr(wheesht, name) is getattr(wheesht, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'denoise'"):
        _ = wheesht.denoise
