"""The stub of the extension names what the extension has."""

import ast
from pathlib import Path

from wheesht.engine import _ext

STUB = Path(__file__).parents[2] / "src" / "wheesht" / "engine" / "_ext.pyi"


def public(names):
    return {name for name in names if not name.startswith("_")}


def test_stub_and_extension_have_the_same_names():
    tree = ast.parse(STUB.read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    assert public(dir(_ext)) == set(classes) | functions | constants
    for name, node in classes.items():
        methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        assert public(dir(getattr(_ext, name))) == public(methods)


def test_stub_and_extension_have_the_same_parameters():
    tree = ast.parse(STUB.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            owner = getattr(_ext, node.name)
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and len(item.args.args) > 1:
                    signature = getattr(owner, item.name).__doc__.splitlines()[0]
                    listed = [part.split(":")[0].strip("( ") for part in signature.split(", ")]
                    for argument in item.args.args[1:]:
                        assert argument.arg in listed, (node.name, item.name, argument.arg)
