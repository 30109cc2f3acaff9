"""Time per hop of the MPT and DPRNN hosts in other runtimes, every unit, random weights.

    python benchmarks/dense_networks.py [--hops N]

Each network is first compared with the reference; then the runtimes take turns, one thread, from
features to the last layer, a hop per call. In CPU time, because a hop of some milliseconds does
not end before the scheduler gives the core to others. Column `recurrent`: the GRU layers alone.
"""

import argparse
import time

import numpy as np

from wheesht.bench.contestants import network
from wheesht.bench.figures import rows
from wheesht.bench.gate_rivals import check_network, seen_by
from wheesht.bench.machine import machine, one_core
from wheesht.bench.rivals import NETWORKS
from wheesht.bench.signals import SAMPLE_RATE, speech_like
from wheesht.bench.timing import Clocks, take_turns
from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.models.mpt_host import mpt_host_spec
from wheesht.spec.bundle import Bundle
from wheesht.spec.model_spec import ModelSpec

RUNS = 7


def random_bundle(spec: ModelSpec) -> Bundle:
    """Draw weights with which states keep moving."""
    rng = np.random.default_rng(0)
    tensors = {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        for name, shape in spec.tensor_shapes().items()
    }
    return Bundle(spec, tensors, sha256="0" * 64)


def main() -> None:
    """Compare, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hops", type=int, default=100, help="a run; default 100")
    hops = parser.parse_args().hops
    print(f"{machine()}, one thread, median of {RUNS} runs of {hops} hops, us of CPU time per hop")
    print(f"{'model':<8}{'runtime':<13}{'hop':>9}{'recurrent':>11}{'spread':>8}{'error':>10}")
    with one_core():
        for spec in (mpt_host_spec("mpt"), dprnn_host_spec("dprnn")):
            measure(random_bundle(spec), hops)


def measure(bundle: Bundle, hops: int) -> None:
    """Print the rows of one network."""
    name = bundle.spec.name
    x = speech_like(hops * bundle.spec.front_end.hop_length / SAMPLE_RATE).noisy
    rivals = [make(bundle) for make in NETWORKS.values()]
    errors = [check_network(name, bundle, rival, x)["output_error"] for rival in rivals]
    seen, rng = seen_by(bundle, x), np.random.default_rng(0)
    field = [network(name, bundle, rival, seen, time.thread_time_ns) for rival in rivals]
    rounds = [take_turns(field, Clocks(), rng) for _ in range(RUNS)]
    for row, error in zip(rows(field, rounds), errors, strict=True):
        print(
            f"{name:<8}{row.backend:<13}{row.cpu_us_hop_median:9.1f}{row.us_recurrent_median:11.1f}"
            f"{row.spread:8.2f}{error:10.1e}",
            flush=True,
        )
    for rival in rivals:
        rival.close()


if __name__ == "__main__":
    main()
