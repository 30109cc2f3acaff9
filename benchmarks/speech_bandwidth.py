"""How much of the spectrum the speech recordings of a corpus hold.

    python benchmarks/speech_bandwidth.py DATA

Prints the share of the training recordings below `wheesht.data.bandwidth` limits, and in which
folder or of which speaker (the file name up to its first `_`) they are. The corpus is decoded once
into the cache of `wheesht train`.
"""

import argparse
from collections import Counter
from pathlib import Path

from wheesht.data.bandwidth import bandwidths_hz
from wheesht.data.bank import cache_folder, open_bank
from wheesht.data.corpora import split_corpus

RATE = 16000
LIMITS_HZ = (5000, 6000, 6500, 7000, 7500)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="corpus of the layout `split`")
    files = split_corpus(parser.parse_args().data).speech_train
    bank = open_bank(files, RATE, cache_folder())
    if len(bank) != len(files):
        raise SystemExit(f"{len(files) - len(bank)} files cannot be decoded; remove them")
    measured = bandwidths_hz(bank, RATE)
    print(f"{len(files)} recordings\n\n| below, Hz | share | most of them |\n| --- | --- | --- |")
    for limit in LIMITS_HZ:
        below = [f.name.split("_")[0] for f, hz in zip(files, measured, strict=True) if hz < limit]
        most = ", ".join(f"{name} {count}" for name, count in Counter(below).most_common(3))
        print(f"| {limit} | {100 * len(below) / len(files):.1f} % | {most} |")


if __name__ == "__main__":
    main()
