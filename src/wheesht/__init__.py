"""Speech enhancement whose compute can be dialled; importing this package loads nothing heavy."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wheesht import errors
    from wheesht.engine.enhancer import Enhancer, enhance
    from wheesht.engine.governor import Governor
    from wheesht.engine.pool import StreamPool
    from wheesht.engine.stream import Stream

    __version__: str

__all__ = ["Enhancer", "Governor", "Stream", "StreamPool", "__version__", "enhance", "errors"]

_HOME = {
    "Enhancer": "wheesht.engine.enhancer",
    "Governor": "wheesht.engine.governor",
    "Stream": "wheesht.engine.stream",
    "StreamPool": "wheesht.engine.pool",
    "enhance": "wheesht.engine.enhancer",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that ``import wheesht`` stays fast."""
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("wheesht")
    elif name == "errors":
        value = importlib.import_module("wheesht.errors")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'wheesht' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
