"""The program that `instructions` runs under callgrind: streams that read their clock.

    python -m wheesht.bench.counted '{"isas": ["avx2"], "models": [["M.safetensors", [100.0]]]}'

It prints what it ran, in order: which model, instruction set, update percentage; and the fastest
instruction set that it found.
"""

import json
import sys
from collections.abc import Sequence

from wheesht.bench.signals import SAMPLE_RATE, hops_of, speech_like
from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.spec.bundle import read_bundle

LEAD_HOPS = 5  # before counting begins
COUNTED_HOPS = 10


def main() -> None:
    """Run `COUNTED_HOPS` hops of each setting with the clock on."""
    asked = json.loads(sys.argv[1])
    ran: list[tuple[int, str, float]] = []
    for i, (path, percents) in enumerate(asked["models"]):
        bundle = read_bundle(path)
        hop_length = bundle.spec.front_end.hop_length
        seconds = (LEAD_HOPS + COUNTED_HOPS) * hop_length / SAMPLE_RATE
        hops, model = hops_of(speech_like(seconds).noisy, hop_length), pack(bundle)
        for isa in usable(asked["isas"], _ext.isa_names()):
            for percent in percents:
                stream = _ext.Stream(model, isa)
                stream.set_update_percent(percent)
                stream.process(hops[:LEAD_HOPS].ravel())
                stream.set_profiling(True)
                stream.process(hops[LEAD_HOPS:].ravel())
                ran.append((i, isa, percent))
    print(json.dumps({"ran": ran, "fastest": _ext.isa_names()[-1]}))


def usable(asked: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the asked instruction sets, the fastest that is there for those that are not.

    Examples
    --------
    >>> usable(["avx512", "sse2"], ["scalar", "sse2", "avx2"])
    ['avx2', 'sse2']
    """
    return list(dict.fromkeys(isa if isa in there else there[-1] for isa in asked))


if __name__ == "__main__":
    main()
