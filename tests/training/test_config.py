"""Recipes: read strictly, every mistake named."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from wheesht.errors import ConfigError  # noqa: E402
from wheesht.models import dprnn_host_spec, gru_host_spec, mpt_host_spec  # noqa: E402
from wheesht.spec.bundle import read_bundle  # noqa: E402
from wheesht.spec.document import check_json  # noqa: E402
from wheesht.spec.heads import DeepFilter  # noqa: E402
from wheesht.training.config import OptimConfig, Recipe, read_recipe, recipe_from_dict  # noqa: E402
from wheesht.training.update import learning_rate  # noqa: E402

MPT, DPRNN = (f"[model]\nname = 'a'\nhost = '{host}'\n" for host in ("mpt", "dprnn"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model: missing"),
        ("[model]", "model.name: missing"),
        ("[model]\nname = 'a'\nwidth = 3", "model.width: unknown key"),
        ("[model]\nname = 'a'\nhidden_size = 1.5", "model.hidden_size: got 1.5, needs int"),
        ("[model]\nname = 'a'\nhost = 'b'", "model.host: got 'b'"),
        (MPT + "hidden_size = 24", "model.hidden_size: host 'mpt' has no such setting"),
        (MPT + "win_length = 512", "model.win_length: host 'mpt' has no such setting"),
        (MPT + "head = 'deep_filter'", "model.head: host 'mpt' has no such setting"),
        (MPT + "compression = 'none'", "model.compression: host 'mpt' has no such setting"),
        (DPRNN + "win_length = 512", "model.win_length: host 'dprnn' has no such setting"),
        (DPRNN + "head = 'deep_filter'", "model.head: host 'dprnn' has no such setting"),
        (DPRNN + "filter_order = 3", "model.filter_order: host 'dprnn' has no such setting"),
        (DPRNN + "filter_bins = 9", "model.filter_bins: host 'dprnn' has no such setting"),
        (DPRNN + "compression = 'log'", "model.compression: got 'log', needs one of none, root"),
        (DPRNN + "hidden_size = 2000", "model.layers.0.: got 160 x 2000, needs at most 262144"),
        (DPRNN + "hidden_size = 5000", "model.hidden_size: got 5000, needs 1 to 4096, or 0 for"),
        ("[model]\nname = 'a'\ncompression = 'none'", "model.compression: host 'gru' has no such"),
        ("[model]\nname = 'a'\nupdate_percent = 0", "above 0 to 100"),
        ("[model]\nname = 3", "model.name: got 3, needs str"),
        ("loss = 'l3'\n[model]\nname = 'a'", "loss: got 'l3'"),
        ("[model]\nname = 'a'\n[data]\nlayout = 'x'", "data.layout: got 'x'"),
        ("[model]\nname = 'a'\n[mixing]\nsnr_db = [1.0]", "mixing.snr_db: got .* needs 2 numbers"),
        ("[model]\nname = 'a'\n[optim]\nupdates = 0", "optim.updates: got 0"),
        ("[model]\nname = 'a'\n[optim]\nbatch_size = 0", "optim.batch_size: got 0"),
        ("[model]\nname = 'a'\n[optim]\nlearning_rate = 2", "optim.learning_rate: got 2"),
        ("[model]\nname = 'a'\n[optim]\naverage = 1", "optim.average: got 1"),
        ("[model]\nname = 'a'\n[validation]\nmonitor = 'x'", "validation.monitor: got 'x'"),
        ("[model]\nname = 'a'\n[validation]\nevery = 0", "validation.every: got 0"),
        ("[model]\nname = 'a'\n[validation]\nclips = 0", "validation.clips: got 0"),
        ("[model]\nname = 'a'\n[validation]\npatience = 0", "validation.patience: got 0"),
        ("[model]\nname = 'a'\n[validation]\nseconds = 0.1", "validation.seconds: got 0.1"),
        ("[model]\nname = 'a'\n[optim]\nweight_decay = -1", "optim.weight_decay: got -1"),
        ("[model]\nname = 'a'\n[optim]\ngradient_norm = 0", "optim.gradient_norm: got 0"),
        ("[model]\nname = 'a'\n[optim]\nfinal_learning_rate = -1", "final_learning_rate: got -1"),
        ("[model]\nname = 'a'\n[optim]\nwarm_up = -5", "optim.warm_up: got -5"),
        ("[model]\nname = 'a'\n[mixing]\nlevel_dbfs = [0, -1]", "mixing.level_dbfs: .* 0 dB or"),
        ("[model]\nname = 'a'\nhidden_size = -1", "model.hidden_size: got -1, needs 1 to 4096"),
        ("[model]\nname = 'a'\nwin_length = 400", "model.win_length: got 400, needs one of"),
        ("[model]\nname = 'a'\nhead = 'x'", "model.head: got 'x', needs one of magnitude, deep"),
        ("[model]\nname = 'a'\nfilter_bins = 0", "model.filter_bins: got 0, needs 1 to 160"),
        ("[model]\nname = 'a'\nfilter_bins = 161", "model.filter_bins: got 161, needs 1 to 160"),
        ("[model]\nname = 'a'\nfilter_order = 0", "model.filter_order: got 0, needs 1 to 8"),
        ("[model]\nname = 'a'\nfilter_order = 9", "model.filter_order: got 9, needs 1 to 8"),
        (
            "[model]\nname = 'a'\nwin_length = 512\nhead = 'deep_filter'\n"
            "filter_bins = 250\nfilter_order = 8",
            "model.filter_bins: got 250, needs 1 to 240",
        ),
        ("[model]\nname = 'A b'", "model.name: got 'A b'"),
        ("seed = -1\n[model]\nname = 'a'", "seed: got -1"),
        ("[model]\nname = 'a'\n[loss]\nl3 = 1", "loss: got 'l3'"),
        ("[model]\nname = 'a'\n[loss]\nsi_sdr = 0", "loss.si_sdr: got a weight of 0"),
        ("[model]\nname = 'a'\n[loss]\nsi_sdr = 'x'", "loss.si_sdr: got 'x', needs float"),
        ("[model]\nname = 'a'\n[loss]", "loss: got no term"),
        ("loss = 3\n[model]\nname = 'a'", "loss: got 3, needs a name or a table"),
        ("device = 'tpu'\n[model]\nname = 'a'", "device: got 'tpu', needs one of auto"),
        ("precision = 'half'\n[model]\nname = 'a'", "precision: got 'half'"),
        (
            "[model]\nname = 'a'\n[quantize]\nranges = 'free'",
            "quantize.ranges: got 'free', needs one",
        ),
        (
            "[model]\nname = 'a'\n[quantize]\nbits = 8",
            "quantize.bits: unknown key; known are ranges",
        ),
        (
            "[model]\nname = 'a'\n[quantize]\nranges = 'fixed'",
            "quantize.ranges: fixed needs an initial_bundle of integers, which .wheesht compress.",
        ),
        (
            "initial_bundle = 'b'\nprecision = 'bfloat16'\n[model]\nname = 'a'\n[quantize]\n"
            "ranges = 'learned'",
            "precision: got bfloat16, needs float32 with quantize.ranges learned",
        ),
        ("[model]\nname = 'a'\n[optim]\nname = 'sgd'", "optim.name: got 'sgd'"),
        ("[model]\nname = 'a'\n[update_percent]\nchoices = [0]", "choices: got .0.0., needs above"),
        ("[model]\nname = 'a'\n[update_percent]\nchoices = 5", "choices: got 5, needs a list"),
        ("[model]\nname = 'a'\n[update_percent]\nper = 'frame'", "per: got 'frame'"),
        ("[model]\nname = 'a'\n[validation]\nupdate_percent = [101]", "update_percent: got .101.0"),
        ("[model]\nname = 'a'\n[data]\nleast_bandwidth_hz = 9000", "got 9000.0, needs 0 to 8000"),
        ("[model]\nname = 'a'\n[optim]\ngradient_norm = inf", "optim.gradient_norm: .* finite"),
        ("[model]\nname = 'a'\n[mixing]\nlevel_dbfs = [-26, inf]", "level_dbfs.1.: .* finite"),
        ("[model]\nname = 'a'\n[mixing]\nsnr_db = [-inf, inf]", "mixing.snr_db.0.: .* finite"),
        ("[model]\nname = 'a'\n[mixing]\nsnr_db = [-1e9, 1e9]", "snr_db: .* needs -100 to 100 dB"),
        ("[model]\nname = 'a'\n[mixing]\nclean_snr_db = [0, 101]", "needs -100 to 100 dB"),
        ("[model]\nname = 'a'\n[mixing]\nlevel_limits_dbfs = [-50, 1]", "needs -100 to 0 dBFS"),
        ("[model]\nname = 'a'\n[mixing]\nlow_pass_hz = [900, 2000]", "needs 1000 to 8000 Hz"),
        ("[model]\nname = 'a'\n[mixing]\nlow_pass_hz = [9000, 9001]", "needs 1000 to 8000 Hz"),
        ("[model]\nname = 'a'\n[mixing]\nspeed = [0.4, 1]", "mixing.speed: .* needs 0.5 to 2"),
        ("[model]\nname = 'a'\n[mixing]\nspeed = [1, 0.9]", "mixing.speed: .* low before high"),
        ("[model]\nname = 'a'\n[loss]\nsi_sdr = inf", "loss.si_sdr: .* finite"),
        ("[model]\nname = 'a'\n[loss]\nsi_sdr = 1e300", "loss.si_sdr: .* above 0 to 1e.06"),
        ("[model]\nname = 'a'\n[optim]\nweight_decay = 1e300", "weight_decay: .* 0 to 100"),
        ('[model]\nname = "a"\n[data]\ndescription = "\\u0007"', "data.description: .* control"),
        (f"seed = {2**63}\n[model]\nname = 'a'", "seed: got .*, needs"),
        (f"[model]\nname = 'a'\n[mixing]\nseconds = {10**400}", "mixing.seconds: got .*, needs"),
        ("model = 3", "model: got 3, needs a table"),
        ("[model", "not a readable recipe"),
    ],
)
def test_a_mistake_is_named_with_its_path(text, message, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(path)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(ConfigError, match="not a readable recipe"):
        read_recipe(tmp_path / "none.toml")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("[model]\nname = 'a'", "utf-8-sig")
    assert read_recipe(path).model.name == "a"


def test_a_recipe_chooses_window_and_head():
    model = {"name": "a", "win_length": 512, "head": "deep_filter", "filter_bins": 200}
    spec = recipe_from_dict({"model": model | {"filter_order": 3}}).model.spec()
    assert spec.front_end.win_length == 512
    assert spec.mask == DeepFilter(first_bin=1, n_bins=256, filter_bins=200, order=3)


def test_a_recipe_chooses_the_host_and_its_settings():
    def spec(**model):
        return recipe_from_dict({"model": {"name": "a", **model}}).spec()

    assert spec(host="mpt", update_percent=25) == mpt_host_spec("a", 25.0)
    assert spec(host="dprnn") == dprnn_host_spec("a", 64)
    small = dprnn_host_spec("a", 8, compression="none")
    assert spec(host="dprnn", hidden_size=8, compression="none") == small
    assert spec() == spec(hidden_size=320) == gru_host_spec("a", 320)


@pytest.mark.parametrize("host", ["gru", "mpt", "dprnn"])
def test_recipes_of_the_study_are_of_their_host_at_every_trained_position(host):
    path = Path(__file__).parents[2] / "recipes" / "dgru_study" / f"{host}.toml"
    recipe = read_recipe(path)
    assert recipe.spec().host == recipe.model.host == host
    assert recipe == recipe_from_dict(recipe.to_dict())
    dial = recipe.spec().update_percent
    assert (dial.min, dial.default, dial.max) == (25, 50, 100)


def test_the_recipe_of_integers_is_of_the_model_that_it_goes_on_from():
    path = Path(__file__).parents[2] / "recipes" / "open_speech" / "default-int8.toml"
    recipe, default = read_recipe(path), read_bundle("default-float").spec
    spec = recipe.spec()
    assert recipe.quantize.ranges == "learned" and spec.update_percent == default.update_percent
    for part in ("front_end", "features", "layers", "mask"):
        assert getattr(spec, part) == getattr(default, part)


def test_the_largest_seed_is_one_that_all_its_readers_take():
    seed = recipe_from_dict({"model": {"name": "a"}, "seed": 2**63 - 1}).seed
    torch.manual_seed(seed)
    torch.manual_seed(0)
    assert np.random.default_rng([seed, 1, 1]).random() < 1.0
    check_json(seed, "seed")


def test_plain_data_round_trip_is_exact():
    recipe = recipe_from_dict({"model": {"name": "a"}, "mixing": {"snr_db": [0, 1]}})
    assert isinstance(recipe, Recipe) and recipe_from_dict(recipe.to_dict()) == recipe
    assert recipe.mixing.snr_db == (0.0, 1.0)


def test_the_name_of_a_loss_stands_for_a_sum_of_one():
    recipe = recipe_from_dict({"model": {"name": "a"}, "loss": "si_sdr"})
    assert recipe == recipe_from_dict({"model": {"name": "a"}, "loss": {"si_sdr": 1}})


def test_the_machine_is_no_part_of_the_identity():
    here = recipe_from_dict({"model": {"name": "a"}, "device": "cpu", "mixing": {"workers": 7}})
    there = recipe_from_dict({"model": {"name": "a"}, "device": "cuda"})
    other = recipe_from_dict({"model": {"name": "a"}, "precision": "bfloat16"})
    assert here.identity() == there.identity() != other.identity()


def test_runs_from_before_integers_keep_their_identity():
    plain = recipe_from_dict({"model": {"name": "a"}})
    integers = {"initial_bundle": "b", "quantize": {"ranges": "fixed"}, "model": {"name": "a"}}
    assert "quantize" not in plain.identity() and plain.to_dict()["quantize"] == {"ranges": "none"}
    assert recipe_from_dict(integers).identity()["quantize"] == {"ranges": "fixed"}


def test_learning_rate_warms_up_and_falls_to_its_end():
    config = OptimConfig(updates=1000, warm_up=100, learning_rate=1e-3, final_learning_rate=1e-5)
    assert learning_rate(0, config) == pytest.approx(1e-5)
    assert learning_rate(100, config) == pytest.approx(1e-3)
    assert learning_rate(1000, config) == pytest.approx(1e-5)
    rates = [learning_rate(step, config) for step in range(100, 1001)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    ("choices", "least", "most"), [([], 1, 100), ([100], 1, 100), ([50, 25, 75, 50], 25, 75)]
)
def test_the_dial_goes_where_several_positions_are_trained(choices, least, most):
    recipe = recipe_from_dict({"model": {"name": "a"}, "update_percent": {"choices": choices}})
    dial = recipe.spec().update_percent
    assert (dial.default, dial.min, dial.max) == (50, least, most)


def test_the_default_position_is_one_that_is_trained():
    with pytest.raises(ConfigError, match="model.update_percent: .*got 50.*25.* to 40"):
        recipe_from_dict({"model": {"name": "a"}, "update_percent": {"choices": [25, 40]}})
