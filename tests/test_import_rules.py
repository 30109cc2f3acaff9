"""Imports point downwards, and the lower layers live without torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "wheesht"
LAYER = {
    "errors": 0,
    "onnx_session": 1,
    "endings": 0,
    "workers": 1,
    "folder_lock": 1,
    "dsp": 1,
    "spec": 1,
    "audio": 1,
    "reference": 2,
    "engine": 2,
    "metrics": 2,
    "statistics": 2,
    "__init__": 3,
    "cells": 3,
    "losses": 5,  # above models: it sees signals as networks do
    "data": 3,
    "bench": 3,
    "models": 4,
    "compress": 5,
    "probe": 5,
    "export": 5,  # below training, which ends by writing a bundle
    "training": 6,
    "evaluation": 5,
    "report": 6,
    "batch": 7,
    "lab": 7,
    "cli": 7,
    "__main__": 8,
}
TORCH_FREE = [name for name, layer in LAYER.items() if layer <= 2 and (SRC / name).is_dir()]
TORCH_FREE += ["compress"]  # who only runs models can make them smaller
FILES = sorted(SRC.rglob("*.py"))
HEAVY = ["torch", "soundfile", "soxr", "numpy", "scipy", "click", "importlib.metadata"]


def package_imports(path):
    """Names below ``wheesht.`` that a file imports at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write absolute imports"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("wheesht."))


def part_of(path):
    """First folder or file of the package that a path belongs to."""
    return path.relative_to(SRC).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_downwards(path):
    own = part_of(path)
    for other in set(package_imports(path)) - {own, "__version__"}:
        assert LAYER[other] < LAYER[own], f"{own} (layer {LAYER[own]}) imports {other}"


def test_every_part_of_the_package_has_a_layer():
    assert {part_of(path) for path in FILES} <= set(LAYER)


@pytest.mark.parametrize("name", TORCH_FREE)
def test_core_imports_without_torch(name):
    modules = [p for p in FILES if part_of(p) == name and p.stem != "__init__"]
    dotted = [".".join(("wheesht", *p.relative_to(SRC).with_suffix("").parts)) for p in modules]
    code = f"import sys; sys.modules['torch'] = None; import {', '.join(dotted)}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, wheesht; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_stream_loads_neither_torch_nor_file_formats():
    code = (
        "import sys, wheesht; wheesht.Stream; wheesht.enhance; "
        "print([m for m in ('torch', 'soundfile', 'scipy', 'click') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
