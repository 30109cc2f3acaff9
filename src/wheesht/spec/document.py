"""From a parsed JSON document to frozen dataclasses, every field checked and named.

The type hints of the dataclasses are the schema: ``bool``, ``int``, ``float``, ``str``,
``Literal`` of strings, other dataclasses, a union of dataclasses told apart by their field
``type`` or ``kind``, a tuple of one kind, and ``dict`` for free JSON.
"""

import math
import types
import typing
import unicodedata
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar

from wheesht.errors import SpecError

MAX_JSON_DEPTH = 16  # of free JSON; deeper nesting would exhaust the stack of those who copy it
MAX_SHOWN = 80  # characters of a refused value that a message repeats

T = TypeVar("T")


def require(condition: bool, where: str, arrived: object, needed: str) -> None:
    """Raise `SpecError` ``where: got arrived, needs needed`` unless `condition` holds."""
    if not condition:
        raise SpecError(f"{where}: got {shown(arrived)}, needs {needed}")


def shown(value: object) -> str:
    """Return `value` for an error message: its repr, shortened, also when it has none."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # integers beyond 4300 digits; deep nesting
        return f"a {type(value).__name__} too large to print"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def build(cls: type[T], document: object, path: str) -> T:
    """Build dataclass `cls` from a parsed JSON object.

    Parameters
    ----------
    cls : type
        A dataclass as described above.
    document : object
        What a JSON parser returned; lists may be tuples.
    path : str
        Where the object was found (``layers[1]``), empty for the whole document.

    Raises
    ------
    SpecError
        A field is missing, unknown, of the wrong type or out of range; the message begins with
        its path.
    """
    if not isinstance(document, dict):
        raise SpecError(f"{path or 'spec'}: got {type(document).__name__}, needs an object")
    hints = typing.get_type_hints(cls)
    prefix = f"{path}." if path else ""
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    for key in document:
        if key not in known:
            name = key if isinstance(key, str) and key.isprintable() else shown(key)
            raise SpecError(
                f"{prefix}{name[:MAX_SHOWN]}: unknown field; known are {', '.join(known)}"
            )
    for name in known:
        if name not in document:
            raise SpecError(f"{prefix}{name}: missing")
    values = {name: _convert(hints[name], document[name], f"{prefix}{name}") for name in known}
    try:
        return cls(**values)
    except SpecError as error:
        raise SpecError(f"{prefix}{error}") from None


def check_json(value: object, path: str, depth: int = 0) -> None:
    """Raise `SpecError` unless `value` is plain JSON that can be copied, written and printed.

    That is: at most `MAX_JSON_DEPTH` levels, finite numbers, keys and strings that UTF-8 can
    hold (JSON can spell lone surrogates, which no terminal or file accepts), and no control
    characters (a model's description must not be able to steer the terminal that shows it).
    """
    require(depth <= MAX_JSON_DEPTH, path, "more", f"at most {MAX_JSON_DEPTH} levels of nesting")
    if isinstance(value, dict):
        for key, item in value.items():
            require(isinstance(key, str), path, key, "names that are strings")
            _check_text(key, path)
            check_json(item, f"{path}.{key[:MAX_SHOWN]}", depth + 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            check_json(item, f"{path}[{i}]", depth + 1)
    elif isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        require(math.isfinite(value), path, value, "a finite number")
    elif isinstance(value, int):
        require(abs(value) < 2**63, path, value, "an integer of 64 bits")
    else:
        require(value is None, path, value, "JSON: an object, list, string, number or null")


def _check_text(text: str, path: str) -> None:
    refused = [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    needed = "text without control characters and lone surrogates"
    require(not refused, path, text, needed)


def _convert(hint: Any, value: object, path: str) -> Any:
    """Check `value` against a type hint of the dataclasses and return it converted."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        choices = typing.get_args(hint)
        known = isinstance(value, str) and value in choices
        require(known, path, value, f"one of {', '.join(choices)}")
        return value
    if origin is tuple:
        require(isinstance(value, list | tuple), path, value, "a list")
        kind = typing.get_args(hint)[0]
        items = typing.cast(list[object], value)
        return tuple(_convert(kind, item, f"{path}[{i}]") for i, item in enumerate(items))
    if origin in (types.UnionType, typing.Union):
        return _build_variant(typing.get_args(hint), value, path)
    if is_dataclass(hint):
        return build(typing.cast(type, hint), value, path)
    if hint is float:
        return _to_float(value, path)
    if hint is int:
        require(isinstance(value, int) and not isinstance(value, bool), path, value, "an integer")
        return value
    if hint is bool:
        require(isinstance(value, bool), path, value, "true or false")
        return value
    if hint is str:
        require(isinstance(value, str), path, value, "a string")
        return value
    require(isinstance(value, dict), path, value, "an object")
    return value


def _build_variant(variants: tuple[type, ...], value: object, path: str) -> Any:
    require(isinstance(value, dict), path, value, "an object")
    hints = [typing.get_type_hints(variant) for variant in variants]
    tag = "type" if "type" in hints[0] else "kind"
    kinds = {typing.get_args(h[tag])[0]: v for h, v in zip(hints, variants, strict=True)}
    document = typing.cast(dict[str, object], value)
    if tag not in document:
        raise SpecError(f"{path}.{tag}: missing")
    kind = document[tag]
    known = isinstance(kind, str) and kind in kinds
    require(known, f"{path}.{tag}", kind, f"one of {', '.join(kinds)}")
    return build(kinds[str(kind)], value, path)


def _to_float(value: object, path: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    require(number, path, value, "a number")
    try:
        result = float(typing.cast(float, value))
    except OverflowError:  # an integer beyond the range of float64
        result = math.inf
    require(math.isfinite(result), path, value, "a finite number")
    return result
