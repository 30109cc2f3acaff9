"""Hold a model on every instruction set of this machine to the exact judge, to the last bit.

    python benchmarks/integer_equality.py [MODEL] [--minutes 10]

Streams at P = 100, 75, 50 and 25 hear the same synthesised speech in noise; the judge starts from
their features. In every hop what the last layer gives must be equal, and once in `PIECE_HOPS` hops
the states, the choice of units and the counts of MACs. A table says so; the exit status is 1 if
anything differs. A model of floats is held to the same, which takes much longer.
"""

import argparse
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # rows of a few hundred: threads only wait

import numpy as np  # noqa: E402

from wheesht.bench.signals import speech_like  # noqa: E402
from wheesht.engine import _ext  # noqa: E402
from wheesht.engine.pack import pack  # noqa: E402
from wheesht.errors import BundleError  # noqa: E402
from wheesht.reference.runner import ReferenceStream  # noqa: E402
from wheesht.spec.bundle import Bundle, read_bundle  # noqa: E402

PERCENTS = (100.0, 75.0, 50.0, 25.0)
PIECE_HOPS = 1000
LOUD = 20.0  # of every seventh piece, so that integers reach their limits


def pieces_of(x: np.ndarray, hop: int) -> list[np.ndarray]:
    """Cut the signal into runs of whole hops, some of them loud."""
    hops = x[: len(x) // hop * hop].astype(np.float32).reshape(-1, hop)
    pieces = np.split(hops, range(PIECE_HOPS, len(hops), PIECE_HOPS))
    return [np.ravel(p) * np.float32(LOUD if k % 7 == 6 else 1.0) for k, p in enumerate(pieces)]


class Equality:
    """What was compared of one instruction set, and how often it differed."""

    def __init__(self, model: _ext.Model, percent: float, isa: str) -> None:
        self.stream = _ext.Stream(model, isa)
        self.stream.set_update_percent(percent)
        self.hops = self.ends = 0

    def hear(self, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what the first layer saw and what the last one gave."""
        traces = self.stream.trace(piece)
        return traces[0], traces[-1]

    def compare(self, given: np.ndarray, judge: ReferenceStream) -> None:
        """Compare a piece that the judge has heard, too."""
        want, stream = judge.outputs[-len(given) :], self.stream
        self.hops += int(np.sum(np.any(given != want, axis=(1, 2))))
        self.ends += int(
            not np.array_equal(stream.hidden(), judge.hidden)
            or not np.array_equal(stream.selected().astype(bool), judge.update_masks[-1])
            or stream.executed_macs() != judge.executed_macs
        )


def rows(bundle: Bundle, percent: float, pieces: list[np.ndarray]) -> list[tuple[str, int]]:
    """Return a row of the table for every instruction set, and its differences."""
    model = pack(bundle)
    entries = {isa: Equality(model, percent, isa) for isa in _ext.isa_names()}
    judge = ReferenceStream(bundle, percent, exact=True)
    for piece in pieces:
        heard = [entry.hear(piece) for entry in entries.values()]
        features = heard[0][0]
        judge.process(piece, features=features)
        for entry, (seen, given) in zip(entries.values(), heard, strict=True):
            entry.compare(given, judge)
            entry.ends += int(not np.array_equal(seen, features))
    result = []
    for isa, entry in entries.items():
        wrong = entry.hops + entry.ends
        verdict = f"{entry.hops} hops and {entry.ends} states differ" if wrong else "equal"
        result.append((f"| {percent:g} | {isa} | {judge.hops} | {verdict} |", wrong))
    return result


def main() -> int:
    """Print the table; 0 if all is equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    if not options.minutes > 0:
        parser.error(f"--minutes: got {options.minutes:g}, needs a number above 0")
    try:
        bundle = read_bundle(options.model)
    except BundleError as error:
        parser.error(str(error))
    x = speech_like(60.0 * options.minutes).noisy
    pieces, wrong = pieces_of(x, bundle.spec.front_end.hop_length), 0
    print(f"{bundle.spec.name} ({bundle.spec.dtype}), {options.minutes:g} minutes\n")
    print("| P | instruction set | hops | and the exact judge |\n| --- | --- | --- | --- |")
    dial = bundle.spec.update_percent
    for percent in (p for p in PERCENTS if dial.min <= p <= dial.max):
        for row, differing in rows(bundle, percent, pieces):
            print(row, flush=True)
            wrong += differing
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
