"""`wheesht cost`: its numbers, its two forms, its exit statuses."""

import json

import pytest
from bundles import gru_host, random_bundle_of, random_tensors

from wheesht.cli.main import run
from wheesht.compress.quantize import quantize_bundle
from wheesht.spec.bundle import write_bundle
from wheesht.spec.cost import model_cost
from wheesht.spec.model_spec import ModelSpec, UpdatePercent

KEYS = ["update_percent", "params", "weight_bytes", "state_bytes", "strict", "paper"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("cost") / "paper.safetensors"
    spec = gru_host((320, 320))
    write_bundle(path, spec, random_tensors(spec))
    return path


def rows(capsys, *arguments):
    assert run(["cost", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["rows"]


def test_json_has_the_documented_keys_and_the_numbers_of_the_spec(bundle, capsys):
    found = rows(capsys, bundle, "--update-percent", "100,50,12.5")
    assert [row["update_percent"] for row in found] == [100, 50, 12.5]
    for row in found:
        assert list(row) == KEYS
        assert list(row["strict"]) == list(row["paper"]) == ["recurrent", "other", "total"]
        assert row == model_cost(gru_host((320, 320)), row["update_percent"]).to_dict()


def test_table_shows_the_published_settings_by_default(bundle, capsys):
    assert run(["cost", str(bundle)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("random: 1,335,521 parameters, 5,343,364 bytes of weights")
    assert [line.split()[0] for line in lines[-4:]] == ["100", "75", "50", "25"]
    assert lines[-2].split()[1:] == ["81.92", "10.24", "92.16", "83.30", "10.34", "93.64"]


def test_bytes_of_integers_are_counted_and_their_types_told(tmp_path, capsys):
    bundle = random_bundle_of(gru_host((7,)))
    made = quantize_bundle(bundle, {"fc_in": 1.0, "gru1": 1.0}, {"fc_in": "s16", "gru1": "s8"})
    path = tmp_path / "m.safetensors"
    write_bundle(path, made.spec, made.tensors)
    size = sum(tensor.nbytes for tensor in made.tensors.values())
    assert {row["weight_bytes"] for row in rows(capsys, path)} == {size}
    assert run(["cost", str(path)]) == 0
    assert f" {size:,} bytes of weights (s8+s16+f32), " in capsys.readouterr().out


@pytest.mark.parametrize(
    "gate, dial, want",
    [
        ("none", UpdatePercent(100.0, 100.0), [100]),
        ("top_a", UpdatePercent(60.0, 40.0, 80.0), [75, 50]),
        ("top_a", UpdatePercent(60.0, 55.0, 65.0), [60]),
    ],
)
def test_default_rows_are_settings_that_the_model_has(tmp_path, capsys, gate, dial, want):
    document = gru_host((7,), gate).to_dict() | {"update_percent": vars(dial)}
    spec = ModelSpec.from_dict(document)
    write_bundle(tmp_path / "m.safetensors", spec, random_tensors(spec))
    found = rows(capsys, tmp_path / "m.safetensors")
    assert [row["update_percent"] for row in found] == want


@pytest.mark.parametrize(
    "percents", ["0", "100,101", "nan", "1e400", "-5", "half", "", "50,", "50;25"]
)
def test_settings_that_do_not_exist_are_wrong_use(bundle, capsys, percents):
    assert run(["cost", str(bundle), "--update-percent", percents]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "wheesht: " in err


def test_a_model_that_is_not_there_is_a_failure_in_one_sentence(capsys):
    assert run(["cost", "no-such-model"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("wheesht: model 'no-such-model': neither a file")


def test_help_ends_with_an_example(capsys):
    assert run(["cost", "--help"]) == 0
    assert "wheesht cost default --update-percent 100,50" in capsys.readouterr().out


def test_without_a_model_it_is_the_default_one(capsys):
    assert rows(capsys) == rows(capsys, "default")
