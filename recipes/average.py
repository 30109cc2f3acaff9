"""Average the weights of two bundles of one model.

    python recipes/average.py A.safetensors B.safetensors --share-of-second 0.5 -o OUT.safetensors

Between weights of which one went on from the other, the mean often keeps what each is better at
(Wortsman et al., "Model soups", ICML 2022). The provenance of both goes into the result.
"""

import argparse
import dataclasses

import numpy as np

from wheesht.spec.bundle import read_bundle, write_bundle


def main() -> None:
    """Average what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", help="bundle, or the name of a shipped model")
    parser.add_argument("second", help="the same model with other weights")
    parser.add_argument("--share-of-second", type=float, default=0.5, help="0 to 1; default 0.5")
    parser.add_argument("-o", "--output", required=True)
    asked = parser.parse_args()
    first, second, share = (
        read_bundle(asked.first),
        read_bundle(asked.second),
        asked.share_of_second,
    )
    if not 0.0 <= share <= 1.0:
        parser.error(f"--share-of-second: got {share}, needs 0 to 1")
    for name, bundle in ((asked.first, first), (asked.second, second)):
        if bundle.spec.dtype != "f32":
            parser.error(f"{name}: holds integers, needs floats; average these, then compress")
    if first.spec.tensor_shapes() != second.spec.tensor_shapes():
        parser.error(f"{asked.second}: not the same model as {asked.first}")
    tensors = {
        name: ((1.0 - share) * weights + share * second.tensors[name]).astype(np.float32)
        for name, weights in first.tensors.items()
    }
    provenance = dict(second.spec.provenance)
    provenance["averaged_with"] = dict(first.spec.provenance)
    provenance["share_of_this"] = share
    write_bundle(asked.output, dataclasses.replace(second.spec, provenance=provenance), tensors)


if __name__ == "__main__":
    main()
