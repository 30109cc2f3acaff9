"""Instructions per hop of the installed engine, counted by callgrind: the noise-free opinion.

The engine reads a clock before and after every layer once profiling is on. Callgrind is told to
write down and clear its counts whenever the function behind that clock is entered, so each hop
falls into the engine's own parts, without symbols of the engine. Reading the clock is in the
counts: fewer than 150 instructions per part.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wheesht.bench.counted import COUNTED_HOPS
from wheesht.bench.process import run_to_the_end
from wheesht.bench.result import Instructions
from wheesht.errors import MissingDependency, StateError
from wheesht.spec.bundle import Bundle, write_bundle
from wheesht.spec.cost import macs_per_hop

CLOCK = "*steady_clock*now*"  # of the C++ library, which the extension hands to the engine
TIMEOUT_SECONDS = 600


def count_instructions(
    models: Mapping[str, Bundle], settings: Mapping[str, Sequence[float]], isas: Sequence[str]
) -> tuple[list[Instructions], list[str]]:
    """Count the instructions of a hop, mean over ten hops of synthesised speech in noise.

    Parameters
    ----------
    models : mapping of str to Bundle
    settings : mapping of str to sequence of float
        Update percentages of each model.
    isas : sequence of str
        Instruction sets; for those that valgrind does not know, the fastest that it knows.

    Returns
    -------
    counts : list of Instructions
        The same in every call on the same machine.
    notes : list of str
        A sentence for each instruction set that was replaced.

    Raises
    ------
    MissingDependency
        valgrind is not on the path.
    StateError
        It failed, or the engine's clock is not where it is looked for.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise MissingDependency("instruction counts need valgrind: sudo apt install valgrind")
    names = list(models)
    with tempfile.TemporaryDirectory(prefix="wheesht-count-") as folder:
        asked: dict[str, list[object]] = {"isas": list(isas), "models": []}
        for i, (name, bundle) in enumerate(models.items()):
            path = os.path.join(folder, f"{i}.safetensors")
            write_bundle(path, bundle.spec, bundle.tensors)
            asked["models"].append([path, [float(percent) for percent in settings[name]]])
        told, totals = _run(valgrind, Path(folder) / "counts", asked)
    counts = []
    for i, isa, percent in told["ran"]:
        bundle = models[names[i]]
        readings = COUNTED_HOPS * (len(bundle.spec.layers) + 3)  # start, before layers, each, end
        mine, totals = totals[:readings], totals[readings:]
        if len(mine) < readings:
            raise StateError(
                f"bench: callgrind saw {len(mine)} readings of the engine's clock where there are "
                f"{readings}; this build takes its time from elsewhere, so leave out --instructions"
            )
        counts.append(_named(names[i], isa, percent, bundle, mine))
    counted = {count.isa for count in counts}
    notes = [
        f"instructions of {isa}: valgrind hides it from programs, the fastest that it shows is "
        f"{told['fastest']}, which was counted"
        for isa in isas
        if isa not in counted
    ]
    return counts, notes


def _run(valgrind: str, out: Path, asked: Mapping[str, object]) -> tuple[dict[str, Any], list[int]]:
    """Return what `counted` told, and the instructions after each reading of the clock."""
    command = [
        valgrind,
        "-q",
        "--tool=callgrind",
        "--combine-dumps=yes",
        f"--callgrind-out-file={out}",
        f"--dump-before={CLOCK}",
        sys.executable,
        "-m",
        "wheesht.bench.counted",
        json.dumps(asked),
    ]
    done = run_to_the_end(command, "valgrind", TIMEOUT_SECONDS)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise StateError(f"bench: valgrind failed: {last}; leave out --instructions")
    return json.loads(done.stdout), read_counts(out.read_text())


def read_counts(text: str) -> list[int]:
    """Return the instructions between each reading of the clock and the next, or the end.

    Parameters
    ----------
    text : str
        Callgrind's file with all dumps in one; a dump that a reading set off holds what came
        before it, so the first holds the start of the program and is left out.
    """
    totals: list[int] = []
    for line in text.splitlines():
        if line.startswith("summary: "):
            totals.append(int(line.split()[1]))
    return totals[1:]


def _named(
    model: str, isa: str, percent: float, bundle: Bundle, totals: Sequence[int]
) -> Instructions:
    """Sort counts (hop by hop: front, layers in order, back, between hops) into a row."""
    hops = np.array(totals, float).reshape(COUNTED_HOPS, -1)[:, :-1]
    names = ["transform, features", *(layer.name for layer in bundle.spec.layers)]
    parts = zip([*names, "mask, inverse transform"], hops.mean(axis=0).tolist(), strict=True)
    layers = tuple({"name": name, "per_hop": round(count, 1)} for name, count in parts)
    macs = sum(macs_per_hop(bundle.spec, percent))
    return Instructions(model, isa, percent, round(float(hops.sum(axis=1).mean()), 1), macs, layers)
