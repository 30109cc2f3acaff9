"""A recipe: one frozen dataclass a concern, read from TOML; unknown keys are errors."""

import dataclasses
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wheesht.data.corpora import LAYOUTS
from wheesht.data.mixing import MixingConfig
from wheesht.errors import ConfigError, SpecError
from wheesht.losses import LOSSES
from wheesht.models import HOSTS
from wheesht.models.dprnn_host import Compression
from wheesht.models.gru_host import FILTER_BINS, FILTER_ORDER, HeadKind
from wheesht.spec.document import check_json
from wheesht.spec.front_end import FFT_SIZES
from wheesht.spec.heads import MAX_FILTER_ORDER
from wheesht.spec.model_spec import ModelSpec, UpdatePercent
from wheesht.spec.shapes import MAX_WIDTH

MAX_LOSS_WEIGHT = 1e6  # far more than any ratio of terms that makes sense; float32 holds the sums
MAX_WEIGHT_DECAY = 100.0
OWN_FIELDS = {  # of `ModelConfig`, by host
    "gru": ("hidden_size", "win_length", "head", "filter_bins", "filter_order"),
    "mpt": (),
    "dprnn": ("hidden_size", "compression"),
}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class ModelConfig:
    """What is trained: host network, its sizes, and the update percentage of the mask.

    The GRU host takes `hidden_size` (320 when left out), `win_length` in samples, and as `head`
    ``magnitude`` (a mask) or ``deep_filter``, whose bins and frames are `filter_bins` and
    `filter_order`. The DPRNN host takes `hidden_size` (64) and `compression`; the MPT host has one
    size.
    """

    name: str
    host: str = "gru"
    hidden_size: int = 0  # 0: the host's own
    update_percent: float = 50.0
    win_length: int = 320
    head: HeadKind = "magnitude"
    filter_bins: int = FILTER_BINS
    filter_order: int = FILTER_ORDER
    compression: Compression = "root"

    def __post_init__(self) -> None:
        _require(self.host in HOSTS, f"model.host: got {self.host!r}, known are {list(HOSTS)}")
        _require(
            0.0 < self.update_percent <= 100.0,
            f"model.update_percent: got {self.update_percent}, needs above 0 to 100 percent",
        )
        _require(
            0 <= self.hidden_size <= MAX_WIDTH,
            f"model.hidden_size: got {self.hidden_size}, needs 1 to {MAX_WIDTH}, or 0 for the "
            f"host's own",
        )
        _require(
            self.win_length in FFT_SIZES,
            f"model.win_length: got {self.win_length}, needs one of {FFT_SIZES} samples",
        )
        _require(
            1 <= self.filter_bins <= self.win_length // 2,
            f"model.filter_bins: got {self.filter_bins}, needs 1 to {self.win_length // 2}",
        )
        _require(
            1 <= self.filter_order <= MAX_FILTER_ORDER,
            f"model.filter_order: got {self.filter_order}, needs 1 to {MAX_FILTER_ORDER} frames",
        )
        self._require_own_fields()
        try:
            self.spec()
        except SpecError as error:
            raise ConfigError(f"model.{error}") from None

    def _require_own_fields(self) -> None:
        """Refuse settings of another host: they would be ignored."""
        for part in dataclasses.fields(self):
            taken = part.name in ("name", "host", "update_percent", *OWN_FIELDS[self.host])
            _require(
                taken or getattr(self, part.name) == part.default,
                f"model.{part.name}: host {self.host!r} has no such setting",
            )

    def spec(self) -> ModelSpec:
        """Return the description of the model to train."""
        own = {name: getattr(self, name) for name in OWN_FIELDS[self.host]}
        if own.get("hidden_size") == 0:
            del own["hidden_size"]
        return HOSTS[self.host](self.name, update_percent=self.update_percent, **own)


@dataclass(frozen=True)
class DataConfig:
    """Which corpus: its layout, and folder names for the layout that has them.

    Speech recordings whose bandwidth (`wheesht.data.bandwidth`) is below `least_bandwidth_hz` are
    left out; 0 measures nothing. `licence` and `description` go into the bundle's provenance.
    """

    layout: str = "split"
    root: str = ""
    speech: str = "clean"
    noise: str = "noise"
    description: str = ""
    licence: str = ""
    least_bandwidth_hz: float = 0.0

    def __post_init__(self) -> None:
        _require(
            0.0 <= self.least_bandwidth_hz <= 8000.0,
            f"data.least_bandwidth_hz: got {self.least_bandwidth_hz}, needs 0 to 8000 Hz",
        )
        _require(
            self.layout in LAYOUTS,
            f"data.layout: got {self.layout!r}, known are {sorted(LAYOUTS)}",
        )


@dataclass(frozen=True)
class OptimConfig:
    """Linear warm-up and cosine decay; `average` is the decay of the weight average.

    ``muon`` takes the matrices of the recurrent layers, AdamW the rest; with ``adamw`` it takes
    all. Learning rate and weight decay mean the same for both.
    """

    name: Literal["adamw", "muon"] = "adamw"
    updates: int = 12000
    batch_size: int = 8
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    warm_up: int = 200
    weight_decay: float = 1e-3
    gradient_norm: float = 5.0
    average: float = 0.998

    def __post_init__(self) -> None:
        _require(self.updates >= 1, f"optim.updates: got {self.updates}, needs 1 or more")
        _require(self.batch_size >= 1, f"optim.batch_size: got {self.batch_size}, needs 1 or more")
        _require(
            0.0 < self.learning_rate <= 1.0,
            f"optim.learning_rate: got {self.learning_rate}, needs above 0 to 1",
        )
        _require(
            0.0 <= self.final_learning_rate <= self.learning_rate,
            f"optim.final_learning_rate: got {self.final_learning_rate}, needs 0 to learning_rate",
        )
        _require(self.warm_up >= 0, f"optim.warm_up: got {self.warm_up}, needs 0 or more")
        _require(
            0.0 <= self.weight_decay <= MAX_WEIGHT_DECAY,
            f"optim.weight_decay: got {self.weight_decay}, needs 0 to {MAX_WEIGHT_DECAY:g}",
        )
        _require(
            self.gradient_norm > 0.0,
            f"optim.gradient_norm: got {self.gradient_norm}, needs above 0",
        )
        _require(
            0.0 <= self.average < 1.0, f"optim.average: got {self.average}, needs 0 to below 1"
        )


@dataclass(frozen=True)
class UpdatePercentConfig:
    """Positions of the dial that are trained: each update, or each clip, draws one of `choices`.

    Without choices it is `model.update_percent`. Several choices are the range of the bundle's dial
    too: outside it nobody knows what the weights do.
    """

    choices: tuple[float, ...] = ()
    per: Literal["batch", "sequence"] = "batch"

    def __post_init__(self) -> None:
        _require_percents(self.choices, "update_percent.choices")


@dataclass(frozen=True)
class ValidationConfig:
    """How progress is judged: every `every` updates on `clips` fixed mixtures.

    Training stops when `monitor` has not improved for `patience` validations. It is the mean over
    the positions of the dial in `update_percent`, which without any is `model.update_percent`.
    """

    every: int = 1000
    clips: int = 64
    seconds: float = 6.0
    monitor: Literal["pesq_wb", "si_sdr", "loss"] = "pesq_wb"
    patience: int = 8
    update_percent: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _require_percents(self.update_percent, "validation.update_percent")
        _require(self.every >= 1, f"validation.every: got {self.every}, needs 1 or more")
        _require(self.clips >= 1, f"validation.clips: got {self.clips}, needs 1 or more")
        _require(
            0.5 <= self.seconds <= 60.0,
            f"validation.seconds: got {self.seconds}, needs 0.5 to 60 s",
        )
        _require(self.patience >= 1, f"validation.patience: got {self.patience}, needs 1 or more")


@dataclass(frozen=True)
class QuantizeConfig:
    """Training that goes on from a bundle of integers: their scales are ``fixed`` or ``learned``.

    With ``none`` floats are trained.
    """

    ranges: Literal["none", "fixed", "learned"] = "none"


@dataclass(frozen=True)
class Recipe:
    """A complete training run as data.

    `loss` weighs the terms of `wheesht.losses`; a recipe may also give the name of a single one.
    `device` ``auto`` is a GPU where there is one. With `precision` ``bfloat16`` the network's
    products are made in that type; weights, transforms and the loss stay float32. With `quantize`
    which layers are of integers is what the initial bundle says.
    """

    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    mixing: MixingConfig = field(default_factory=MixingConfig)
    update_percent: UpdatePercentConfig = field(default_factory=UpdatePercentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    loss: dict[str, float] = field(default_factory=lambda: {"compressed_spectral": 1.0})
    seed: int = 0
    initial_bundle: str = ""  # weights to start from instead of random ones
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        _require(bool(self.loss), f"loss: got no term, known are {sorted(LOSSES)}")
        for name, weight in self.loss.items():
            _require(name in LOSSES, f"loss: got {name!r}, known are {sorted(LOSSES)}")
            _require(
                0.0 < weight <= MAX_LOSS_WEIGHT,
                f"loss.{name}: got a weight of {weight}, needs above 0 to {MAX_LOSS_WEIGHT:g}",
            )
        _require(0 <= self.seed < 2**63, f"seed: got {self.seed}, needs 0 to 2^63 - 1")
        self._require_integers()
        try:
            self.spec()
        except SpecError as error:
            raise ConfigError(f"model.update_percent: {error}, of update_percent.choices") from None

    def _require_integers(self) -> None:
        ranges = self.quantize.ranges
        _require(
            ranges == "none" or bool(self.initial_bundle),
            f"quantize.ranges: {ranges} needs an initial_bundle of integers, which "
            f"`wheesht compress` makes of a trained model",
        )
        _require(
            ranges == "none" or self.precision == "float32",
            f"precision: got {self.precision}, needs float32 with quantize.ranges {ranges}: "
            f"integers are no bfloat16 numbers",
        )

    def spec(self) -> ModelSpec:
        """Return the description of the model to train; its dial goes where it is trained.

        All layers are float; an initial bundle may make integers of some.
        """
        spec, choices = self.model.spec(), self.update_percent.choices
        if len(set(choices)) < 2:
            return spec
        dial = UpdatePercent(self.model.update_percent, min(choices), max(choices))
        return dataclasses.replace(spec, update_percent=dial)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, every default filled in."""
        return dataclasses.asdict(self)

    def identity(self) -> dict[str, Any]:
        """Return `to_dict` without what only decides where and how fast the run is made."""
        document = self.to_dict()
        del document["device"], document["mixing"]["workers"]
        if self.quantize == QuantizeConfig():  # unknown to checkpoints from before it
            del document["quantize"]
        return document


def _require_percents(values: tuple[float, ...], path: str) -> None:
    _require(
        all(0.0 < value <= 100.0 for value in values),
        f"{path}: got {list(values)}, needs above 0 to 100 percent",
    )


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from TOML.

    Raises
    ------
    ConfigError
        Not a readable TOML file, an unknown or missing key, a wrong type or a value out of range.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable recipe ({error})") from error
    try:
        return recipe_from_dict(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def recipe_from_dict(document: dict[str, Any]) -> Recipe:
    """Build a recipe from plain data; the inverse of `Recipe.to_dict`.

    Raises
    ------
    ConfigError
        An unknown or missing key, a wrong type, a value out of range, or one that the bundle of
        the trained model could not hold: a number that is not finite, a control character.
    """
    try:
        for key, value in document.items():
            check_json(value, key)
    except SpecError as error:
        raise ConfigError(str(error)) from None
    return typing.cast(Recipe, _build(Recipe, document, ""))


def _build(cls: type, document: object, path: str) -> object:
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: got {document!r}, needs a table")
    prefix = f"{path}." if path else ""
    hints = typing.get_type_hints(cls)
    for key in document:
        if key not in hints:
            raise ConfigError(f"{prefix}{key}: unknown key; known are {', '.join(sorted(hints))}")
    for part in dataclasses.fields(cls):
        required = (
            part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING
        )
        if required and part.name not in document:
            raise ConfigError(f"{prefix}{part.name}: missing")
    return cls(**{k: _convert(hints[k], v, f"{prefix}{k}") for k, v in document.items()})


def _convert(hint: Any, value: object, path: str) -> object:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, path)
    if hint == dict[str, float]:
        if isinstance(value, str):  # a single name stands for itself with the weight one
            return {value: 1.0}
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: got {value!r}, needs a name or a table")
        return {k: _convert(float, v, f"{path}.{k}") for k, v in value.items()}
    if origin is tuple and choices[-1] is Ellipsis:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{path}: got {value!r}, needs a list")
        return tuple(_convert(choices[0], v, path) for v in value)
    if origin is tuple:
        if not isinstance(value, list | tuple) or len(value) != len(choices):
            raise ConfigError(f"{path}: got {value!r}, needs {len(choices)} numbers")
        return tuple(_convert(h, v, path) for h, v in zip(choices, value, strict=True))
    if origin is Literal:
        if value not in choices:
            raise ConfigError(f"{path}: got {value!r}, needs one of {', '.join(choices)}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or isinstance(value, bool):
        raise ConfigError(f"{path}: got {value!r}, needs {hint.__name__}")
    return value
