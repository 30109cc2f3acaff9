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
from wheesht.models.gru_host import FILTER_BINS, FILTER_ORDER, Head
from wheesht.spec.model_spec import FFT_SIZES, MAX_FILTER_ORDER, MAX_WIDTH, ModelSpec


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class ModelConfig:
    """What is trained: host network, its sizes, and the update percentage of the mask.

    `win_length` in samples; `head` is ``magnitude`` (a mask) or ``deep_filter``, whose bins and
    frames are `filter_bins` and `filter_order`.
    """

    name: str
    host: str = "gru"
    hidden_size: int = 320
    update_percent: float = 50.0
    win_length: int = 320
    head: Head = "magnitude"
    filter_bins: int = FILTER_BINS
    filter_order: int = FILTER_ORDER

    def __post_init__(self) -> None:
        _require(self.host in HOSTS, f"model.host: got {self.host!r}, known are {sorted(HOSTS)}")
        _require(
            0.0 < self.update_percent <= 100.0,
            f"model.update_percent: got {self.update_percent}, needs above 0 to 100 percent",
        )
        _require(
            1 <= self.hidden_size <= MAX_WIDTH,
            f"model.hidden_size: got {self.hidden_size}, needs 1 to {MAX_WIDTH}",
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
        try:
            self.spec()
        except SpecError as error:
            raise ConfigError(f"model.{error}") from None

    def spec(self) -> ModelSpec:
        """Return the description of the model to train."""
        return HOSTS[self.host](
            self.name,
            self.hidden_size,
            self.update_percent,
            win_length=self.win_length,
            head=self.head,
            filter_bins=self.filter_bins,
            filter_order=self.filter_order,
        )


@dataclass(frozen=True)
class DataConfig:
    """Which corpus: its layout, and folder names for the layout that has them.

    `licence` and `description` go into the bundle's provenance.
    """

    layout: str = "split"
    root: str = ""
    speech: str = "clean"
    noise: str = "noise"
    description: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        _require(
            self.layout in LAYOUTS,
            f"data.layout: got {self.layout!r}, known are {sorted(LAYOUTS)}",
        )


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with linear warm-up and cosine decay; `average` is the decay of the weight average."""

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
            self.weight_decay >= 0.0,
            f"optim.weight_decay: got {self.weight_decay}, needs 0 or more",
        )
        _require(
            self.gradient_norm > 0.0,
            f"optim.gradient_norm: got {self.gradient_norm}, needs above 0",
        )
        _require(
            0.0 <= self.average < 1.0, f"optim.average: got {self.average}, needs 0 to below 1"
        )


@dataclass(frozen=True)
class ValidationConfig:
    """How progress is judged: every `every` updates on `clips` fixed mixtures.

    Training stops when `monitor` has not improved for `patience` validations.
    """

    every: int = 1000
    clips: int = 64
    seconds: float = 6.0
    monitor: Literal["pesq_wb", "si_sdr", "loss"] = "pesq_wb"
    patience: int = 8

    def __post_init__(self) -> None:
        _require(self.every >= 1, f"validation.every: got {self.every}, needs 1 or more")
        _require(self.clips >= 1, f"validation.clips: got {self.clips}, needs 1 or more")
        _require(
            0.5 <= self.seconds <= 60.0,
            f"validation.seconds: got {self.seconds}, needs 0.5 to 60 s",
        )
        _require(self.patience >= 1, f"validation.patience: got {self.patience}, needs 1 or more")


@dataclass(frozen=True)
class Recipe:
    """A complete training run as data."""

    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    mixing: MixingConfig = field(default_factory=MixingConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    loss: str = "compressed_spectral"
    seed: int = 0
    initial_bundle: str = ""  # weights to start from instead of random ones

    def __post_init__(self) -> None:
        _require(self.loss in LOSSES, f"loss: got {self.loss!r}, known are {sorted(LOSSES)}")
        _require(self.seed >= 0, f"seed: got {self.seed}, needs 0 or more")

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, every default filled in."""
        return dataclasses.asdict(self)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from TOML.

    Raises
    ------
    ConfigError
        Not a readable TOML file, an unknown or missing key, a wrong type or a value out of range.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable recipe ({error})") from error
    try:
        return recipe_from_dict(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def recipe_from_dict(document: dict[str, Any]) -> Recipe:
    """Build a recipe from plain data; the inverse of `Recipe.to_dict`."""
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
