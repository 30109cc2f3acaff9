"""ONNX Runtime as every part uses it."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

NEEDED = ("onnxruntime", "speechmos")  # found, not imported: other tests look for their code


@pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs wheesht[eval]")
def test_nothing_is_recorded_for_sending(tmp_path):
    code = (
        "import numpy as np; from wheesht.metrics import METRICS; "
        "METRICS['dnsmos_p808'](None, np.random.default_rng(0).standard_normal(16000) * 0.1)"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | home
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.rglob("*")) == []
