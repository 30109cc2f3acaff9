"""Print the measured values of docs/numerics.md: ``python tests/agreement/measure.py``.

What the tests of this folder bound, over more seeds than they run.
"""

import sys
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import test_engine as engines  # noqa: E402
import test_torch as networks  # noqa: E402
from bundles import gru_host, random_bundle_of  # noqa: E402

from wheesht.reference.runner import ReferenceStream  # noqa: E402
from wheesht.spec.bundle import read_bundle, shipped_models  # noqa: E402
from wheesht.spec.cost import macs_per_hop  # noqa: E402

SEEDS = range(8)


def torch_rows():
    for dtype, label in ((torch.float64, "float64"), (torch.float32, "float32")):
        torch.set_default_dtype(dtype)
        worst = 0.0
        for case in networks.CASES:
            hidden, gate, percent, n_fft, order = case.values
            spec = gru_host(hidden, gate, n_fft, filter_order=order)
            for seed in SEEDS:
                bundle = random_bundle_of(spec, seed)
                x = networks.signal(n_fft)
                want = networks.enhanced_by_judge(bundle, x, percent)
                got = networks.enhanced_by_torch(bundle, x, percent)
                worst = max(worst, networks.relative_rms(want, got))
        yield f"torch {label} and judge, output", f"{-20 * np.log10(worst):.0f} dB below the signal"


def integer_rows():
    for dtype, label in ((torch.float64, "float64"), (torch.float32, "float32")):
        torch.set_default_dtype(dtype)
        worst = 0.0
        for name in networks.INTEGERS:
            for seed in SEEDS[:3]:
                bundle, percent, x = networks.integers(name, "s16", seed)
                want = networks.enhanced_by_judge(bundle, x, percent)
                got = networks.enhanced_by_torch(bundle, x, percent)
                worst = max(worst, networks.relative_rms(want, got))
        below = f"{-20 * np.log10(worst):.0f} dB below the signal"
        yield f"torch {label} and judge, integers, output", below


def kind_of(spec):
    """What is measured apart: every head, behind the networks that have it."""
    heads = {"magnitude": "mask", "magnitude_filter": "filter on magnitudes"}
    return heads.get(spec.mask.kind, spec.mask.kind.replace("_", " "))


def engine_rows():
    below, masks, state, n_models = {}, np.inf, 0.0, 0
    for spec, percent, seconds in engines.case_models().values():
        head = kind_of(spec)
        for seed in SEEDS:
            bundle = random_bundle_of(spec, seed)
            x = engines.signal(spec.front_end.n_fft, seconds, seed)
            judge, stream = ReferenceStream(bundle, percent), engines.engine(bundle, percent)
            want = judge.process(x)
            got, _ = stream.process_given(x, engines.given_masks(judge))
            below[head] = min(below.get(head, np.inf), engines.below_db(want, got))
            masks = min(masks, engines.below_db(judge.masks[-1], stream.mask()))
            state = max(state, np.max(np.abs(judge.hidden - stream.hidden()), initial=0.0))
            n_models += 1
    kind = f"engine and judge, choices given, {n_models} random models"
    for head, worst in below.items():
        yield f"{kind}: output of a {head}", f"{worst:.1f} dB below the signal"
    yield f"{kind}: last mask", f"{masks:.1f} dB below the mask"
    yield f"{kind}: states", f"{state:.1e}"


def choice_rows():
    differing = total = 0
    for seed in SEEDS:
        for percent in (75, 50, 25):
            bundle = random_bundle_of(gru_host((320, 320)), seed)
            chosen, wanted = engines.one_step_choices(bundle, percent, engines.signal(seed=seed))
            differing += np.count_nonzero(chosen != wanted)
            total += wanted.size
    yield "engine and judge, choices from one state", f"{differing} of {total:,} differ"


def shipped_rows():
    for name in filter(engines.is_float, shipped_models()):
        bundle = read_bundle(name)
        slow = sum(macs_per_hop(bundle.spec, 100.0)) > engines.SLOW_MACS
        seconds = 1.0 if slow else 10.0
        for percent in (100, 50, 25):
            below, share, free = np.inf, 0.0, np.inf
            for seed in SEEDS:
                x, judge = (
                    engines.signal(seconds=seconds, seed=seed),
                    ReferenceStream(bundle, percent),
                )
                want = judge.process(x)
                masks = engines.given_masks(judge)
                got, _ = engines.engine(bundle, percent).process_given(x, masks)
                below = min(below, engines.below_db(want, got))
                own_share, own_free = engines.free_running(bundle, percent, x)
                share, free = max(share, own_share), min(free, own_free)
            yield f"model {name}, P = {percent}, choices given", f"{below:.1f} dB below the signal"
            level = f"{share:.1e} of the choices differ, {free:.1f} dB below the signal"
            yield f"model {name}, P = {percent}, running freely", level


if __name__ == "__main__":
    for rows in (torch_rows, integer_rows, engine_rows, choice_rows, shipped_rows):
        for what, value in rows():
            print(f"| {what} | {value} |", flush=True)
