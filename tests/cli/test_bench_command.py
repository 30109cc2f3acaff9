"""`wheesht bench`: what it refuses."""

import pytest

from wheesht.cli.main import run
from wheesht.engine import _ext


@pytest.mark.parametrize("asked", ["foo", "scalar,foo", "AVX2"])
def test_an_instruction_set_that_is_not_there_is_wrong_use(small_bundle, asked, capsys):
    assert run(["bench", str(small_bundle), "--isa", asked]) == 2
    out, err = capsys.readouterr()
    name = asked.split(",")[-1]
    known = ", ".join(_ext.isa_names())
    assert out == ""
    assert err == (f"wheesht: bench: no instruction set {name!r} on this machine; it has {known}\n")
