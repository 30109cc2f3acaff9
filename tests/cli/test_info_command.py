"""`wheesht info`."""

import dataclasses
import hashlib
import json
from dataclasses import replace

import pytest
from bundles import gru_host, random_bundle_of, random_tensors, scanning_models

from wheesht.cli.main import run
from wheesht.compress.quantize import quantize_bundle
from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.models.mpt_host import mpt_host_spec
from wheesht.spec import bundle as bundle_module
from wheesht.spec.bundle import read_bundle, write_bundle
from wheesht.spec.heads import DeepFilter

DESIGN_KEYS = {
    "name",
    "host",
    "dtype",
    "params",
    "sample_rate",
    "hop_length",
    "latency_samples",
    "update_percent",
    "provenance",
}


def test_json_has_the_promised_keys(random_bundle, capsys):
    assert run(["info", str(random_bundle), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts) >= DESIGN_KEYS | {"sha256", "layers", "mask"}
    assert facts["mask"] == {"first_bin": 1, "n_bins": 160, "kind": "magnitude"}
    assert facts["params"] == 1_335_521  # 1 335 520 of the host and one slope of the PReLU
    assert facts["latency_samples"] == 320
    assert facts["update_percent"] == {"default": 50.0, "min": 1.0, "max": 100.0}
    assert facts["sha256"] == hashlib.sha256(random_bundle.read_bytes()).hexdigest()
    assert [layer["name"] for layer in facts["layers"]] == ["fc_in", "gru1", "gru2", "fc_out"]


def test_text_names_layers_and_provenance(random_bundle, capsys):
    assert run(["info", str(random_bundle)]) == 0
    out = capsys.readouterr().out
    assert "1.34 M parameters (f32), 16000 Hz, latency 20 ms" in out
    assert "gru2       gru     320 -> 320   top_a" in out
    assert "  mask       magnitude of 160 bins\n" in out
    assert "  data       none\n  seed       0\n" in out


def test_a_longer_window_and_a_filter_are_described(tmp_path, capsys):
    spec = gru_host((9, 5), n_fft=512, filter_order=3)
    write_bundle(tmp_path / "m.safetensors", spec, random_tensors(spec))
    assert run(["info", str(tmp_path / "m.safetensors"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["hop_length"], facts["latency_samples"]) == (256, 512)
    assert facts["mask"] == dataclasses.asdict(DeepFilter(1, 256, 153, 3))
    assert run(["info", str(tmp_path / "m.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "latency 32 ms" in out
    assert "  mask       deep_filter of 256 bins, filter over 3 frames of 153 bins\n" in out


def test_layers_of_integers_are_described(tmp_path, capsys):
    bundle = random_bundle_of(gru_host((7,)))
    made = quantize_bundle(bundle, {"fc_in": 1.0, "gru1": 1.0}, {"fc_in": "s16", "gru1": "s8"})
    path = tmp_path / "m.safetensors"
    write_bundle(path, made.spec, made.tensors)
    assert run(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert "parameters (s8+s16+f32), 16000 Hz" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "fc_in linear 160 -> 7 prelu, s16" in lines
    assert "gru1 gru 7 -> 7 top_a, s8" in lines
    assert "fc_out linear 7 -> 160 sigmoid" in lines
    assert run(["info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["dtype"] == "s8+s16+f32"
    assert [layer["dtype"] for layer in facts["layers"]] == ["s16", "s8", "f32"]


@pytest.fixture
def hosts(tmp_path):
    """Bundles of the hosts that scan frequency, by name."""
    paths = {}
    for spec in (mpt_host_spec("mpt"), dprnn_host_spec("dprnn")):
        paths[spec.name] = tmp_path / f"{spec.name}.safetensors"
        write_bundle(paths[spec.name], spec, random_tensors(spec))
    return paths


def test_layers_with_positions_are_described(hosts, capsys):
    assert run(["info", str(hosts["mpt"])]) == 0
    out = capsys.readouterr().out
    assert "mpt host, 0.28 M parameters (f32)" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "bands band_analysis 161 -> 26 x 24",
        "block1_path1_gru gru 26 x 24 -> 26 x 48 top_a, up and down",
        "block1_path2_gru gru 26 x 24 -> 26 x 48 top_a",
        "block1_path3_gru gru 26 x 24 -> 26 x 48 top_a, down",
        "block1_path1_relu relu 26 x 48 -> 26 x 48",
        "block1_path1_sum residual 26 x 24 -> 26 x 24 of bands",
        "block2_norm layer_norm 26 x 24 -> 26 x 24",
        "bins band_synthesis 26 x 24 -> 161 x 24",
        "mask magnitude_filter of 161 bins, filter over 5 frames of 3 bins",
    ):
        assert line in lines
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert run(["info", str(hosts["dprnn"])]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "conv_in conv 160 x 2 -> 160 x 64 kernel of 3" in lines
    assert "block4_inter_norm layer_norm 160 x 64 -> 160 x 64 affine" in lines
    assert "mask mapping of 160 bins" in lines


def test_json_of_layers_with_positions(hosts, capsys):
    assert run(["info", str(hosts["dprnn"]), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["dtype"] == "f32" and facts["mask"]["kind"] == "mapping"
    conv, gru = facts["layers"][:2]
    assert conv == {
        "name": "conv_in",
        "type": "conv",
        "input_size": 2,
        "output_size": 64,
        "input_positions": 160,
        "output_positions": 160,
        "kernel_size": 3,
        "dtype": "f32",
    }
    assert (gru["scan"], gru["gate"], gru["hidden_size"]) == ("both", "top_a", 64)
    assert (gru["input_size"], gru["output_size"]) == (64, 128)


def test_text_about_a_trained_model_is_short_lines(make_bundle, tmp_path, capsys):
    bundle = read_bundle(make_bundle(hidden=(5, 7)))
    provenance = {
        "recipe": {"optim": {"updates": 11000}, "seed": 1},
        "updates": 3000,
        "audio_hours_seen": 26.67,
        "training_data": "4.3 h of speech: " + "corpus-of-read-speech, " * 8 + "and noise.",
        "licence": "Apache-2.0",
    }
    path = tmp_path / "trained.safetensors"
    write_bundle(path, replace(bundle.spec, provenance=provenance), bundle.tensors)
    assert run(["info", str(path)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert "  updates    3000" in lines and "  hours      26.67" in lines
    assert "  licence    Apache-2.0" in lines and "  more       recipe: see --json" in lines
    start = lines.index("  hours      26.67") + 1
    data = " ".join(line[13:] for line in lines[start : lines.index("  licence    Apache-2.0")])
    assert data == provenance["training_data"]
    assert lines[start].startswith("  data       4.3 h of speech")
    assert max(map(len, lines)) <= 80 and "{" not in "".join(lines)
    assert run(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"] == provenance


@pytest.fixture
def two_shipped(random_bundle, small_bundle, monkeypatch):
    paths = {"gru": random_bundle, "tiny": small_bundle}
    monkeypatch.setattr(bundle_module, "bundle_path", lambda name: paths[name])
    monkeypatch.setattr("wheesht.cli.info.shipped_models", lambda: list(paths))


def test_without_a_model_the_shipped_ones_are_listed(two_shipped, capsys):
    assert run(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.split(":")[0].startswith("random") for line in lines)


def test_the_list_is_also_json(two_shipped, capsys):
    assert run(["info", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["default"] == "default"
    assert [set(model) >= DESIGN_KEYS for model in document["models"]] == [True, True]


def test_without_any_shipped_model_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr("wheesht.cli.info.shipped_models", list)
    assert run(["info"]) == 0
    assert "No models are shipped" in capsys.readouterr().out


def test_an_unknown_model_is_a_failure_with_the_known_names(capsys):
    assert run(["info", "nowhere"]) == 1
    assert "'nowhere': neither a file nor a shipped model" in capsys.readouterr().err


def test_the_shipped_default_is_a_real_model(capsys):
    assert run(["info", "default", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["host"] == "gru"
    assert facts["update_percent"]["min"] < facts["update_percent"]["max"] == 100
    assert facts["provenance"]


@pytest.mark.parametrize("name", ["bands-p50", "bins-p50"])
def test_every_layer_of_a_model_that_scans_frequency_is_told(tmp_path, capsys, name):
    (spec, _), path = scanning_models()[name], tmp_path / "m.safetensors"
    write_bundle(path, spec, random_tensors(spec))
    assert run(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert all(f"{layer.name} " in text and f" {layer.type} " in text for layer in spec.layers)
    assert spec.mask.kind in text
    assert run(["info", str(path), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["output_size"] for layer in layers] == [s.channels for s in spec.layer_shapes]
