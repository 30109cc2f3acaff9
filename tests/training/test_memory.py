"""Memory that a training process keeps."""

import subprocess
import sys

import pytest

# Page faults while large arrays come and go, after the first few have warmed the process up.
SCRIPT = """
import resource, sys
import numpy as np
if sys.argv[1] == "keep":
    from wheesht.training.memory import keep_freed_memory
    keep_freed_memory()
def faults():
    for _ in range(4):
        np.ones(1 << 22)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        np.ones(1 << 22)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults())
"""


def page_faults(word):
    run = subprocess.run([sys.executable, "-c", SCRIPT, word], capture_output=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_freed_memory_is_used_again_without_the_system():
    pytest.importorskip("torch")
    assert page_faults("return") > 8 * 16  # 32 MiB: at least one fault in 2 MiB, with huge pages
    assert page_faults("keep") < 8
