"""The pages that the code refers to: they say what they are referred to for."""

import re
from pathlib import Path

import numpy as np
import pytest
from bundles import band_host, bin_host, gru_host, random_bundle_of

from wheesht.compress.quantize import quantize_bundle
from wheesht.spec.bundle import write_bundle
from wheesht.spec.model_spec import with_dtypes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCES = [
    path
    for folder, suffixes in (("src", {".py"}), ("engine", {".c", ".h", ".cpp"}))
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in suffixes
]


def fields(value):
    """Names of all fields of a document, free JSON left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name != "provenance":
                yield from fields(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from fields(inner)


@pytest.mark.parametrize(
    "spec",
    [
        gru_host((7,), "threshold", filter_order=5),
        band_host(affine=True),
        bin_host(),
        with_dtypes(gru_host((7,)), {"fc_in": "s16", "gru1": "s8"}),
    ],
    ids=["gru", "mpt", "dprnn", "integers"],
)
def test_the_format_page_lists_every_field_kind_and_tensor(spec):
    page = (DOCS / "bundle_format.md").read_text()
    named = set(re.findall(r"(?<=[.`])[a-z_]+(?=[.`])", page))
    assert set(fields(spec.to_dict())) - named == set()
    kinds = {name.split(".")[-1] for name in spec.tensor_shapes()}
    kinds |= {spec.features.kind, spec.mask.kind, *(layer.type for layer in spec.layers)}
    kinds |= {layer.scan for layer in spec.recurrent_layers}
    assert kinds - named == set()


def test_the_format_pages_example_reads_a_bundle(tmp_path, monkeypatch, capsys):
    bundle = random_bundle_of(gru_host((7,)))
    bundle = quantize_bundle(bundle, {"gru1": 1.0}, {"gru1": "s8"})
    write_bundle(tmp_path / "model.safetensors", bundle.spec, bundle.tensors)
    monkeypatch.chdir(tmp_path)
    page, names = (DOCS / "bundle_format.md").read_text(), {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    assert "random ['fc_in', 'gru1', 'fc_out']" in capsys.readouterr().out
    assert sorted(names["tensors"]) == sorted(bundle.tensors)
    for name, tensor in bundle.tensors.items():
        assert names["tensors"][name].dtype == tensor.dtype
        assert np.array_equal(names["tensors"][name], tensor)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_equations_that_the_code_refers_to_exist(path):
    page = (DOCS / "equations.md").read_text()
    labels = set(re.findall(r"\*\*([A-Z]\d)\*\*", page))
    for text in re.findall(r"Equations? ([^.]*?) of\s+(?:\*\s+)?docs/equations", path.read_text()):
        referred = set(re.findall(r"[A-Z]\d", text))
        assert referred and referred <= labels


def test_pages_that_the_code_refers_to_exist():
    for path in SOURCES:
        for page in re.findall(r"docs/([a-z_]+\.md)", path.read_text()):
            assert (DOCS / page).is_file(), f"{path} refers to {page}"


@pytest.mark.parametrize("page", ["equations", "bundle_format", "numerics", "latency"])
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([a-z_]+\.md)\)", (DOCS / f"{page}.md").read_text()):
        assert (DOCS / target).is_file()
