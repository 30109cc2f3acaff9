"""Make the golden vectors: every equation once more, in plain Python loops and `math`.

Nothing of wheesht is imported, so that agreement means two independent writings of one equation.
numpy only stores the results. Run ``python tests/golden/make_golden.py`` to rewrite the files
and MANIFEST; the values must not change unless the equations do.
"""

import cmath
import hashlib
import math
import platform
import random
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SEED = 20240823


def uniform(rng, *shape, low=-1.0, high=1.0):
    """Nested lists of random numbers; `random.Random` gives the same ones everywhere."""
    if not shape:
        return rng.uniform(low, high)
    return [uniform(rng, *shape[1:], low=low, high=high) for _ in range(shape[0])]


def as_float32(values):
    """Round to what a bundle can hold."""
    return np.asarray(values, np.float32).astype(float).tolist()


def sig(x):
    return 1.0 / (1.0 + math.exp(-x))


def row_sum(weights, values, bias):
    total = 0.0
    for w, v in zip(weights, values, strict=True):
        total += w * v
    return total + bias


def largest(scores, count):
    """Indices of the `count` largest scores, ties to the lowest index, by repeated search."""
    taken = []
    while len(taken) < count:
        best = None
        for j, score in enumerate(scores):
            if j not in taken and (best is None or score > scores[best]):
                best = j
        taken.append(best)
    return taken


def gru_step(x, h, weights, choose):
    """One step of a D-GRU; `choose` maps the update gates before the sigmoid to indices."""
    w_x, w_h, b_x, b_h = weights
    units = len(h)

    def both(row):
        return row_sum(w_x[row], x, b_x[row]), row_sum(w_h[row], h, b_h[row])

    z_pre = [sum(both(units + j)) for j in range(units)]
    chosen = choose(z_pre)
    new = list(h)
    for j in chosen:
        r = sig(sum(both(j)))
        from_x, from_h = both(2 * units + j)
        c = math.tanh(from_x + r * from_h)
        z = sig(z_pre[j])
        new[j] = z * c + (1.0 - z) * h[j]
    return new, [1 if j in chosen else 0 for j in range(units)]


def gru_sequences(rng):
    """Nine steps of a layer for every way of choosing units."""
    inputs, units, frames = 5, 7, 9
    weights = [
        uniform(rng, 3 * units, inputs),
        uniform(rng, 3 * units, units),
        uniform(rng, 3 * units),
        uniform(rng, 3 * units),
    ]
    # Units 2 and 5 have the same update gate always, so that ties are decided in every frame.
    for tensor in weights:
        tensor[units + 5] = tensor[units + 2]
    threshold = uniform(rng, units, low=0.3, high=0.7)
    x = uniform(rng, frames, inputs, low=-2.0, high=2.0)
    limits = [math.log(t / (1.0 - t)) for t in threshold]
    ways = {
        "all": lambda z: list(range(units)),
        "top_4": lambda z: largest(z, 4),
        "top_1": lambda z: largest(z, 1),
        "above": lambda z: [j for j in range(units) if z[j] > limits[j]],
    }
    out = dict(zip(("w_x", "w_h", "b_x", "b_h"), weights, strict=True), threshold=threshold, x=x)
    for name, choose in ways.items():
        h, states, masks = [0.0] * units, [], []
        for frame in x:
            h, mask = gru_step(frame, h, weights, choose)
            states.append(h)
            masks.append(mask)
        out[f"h_{name}"], out[f"update_mask_{name}"] = states, masks
    return out


def transform(samples, sign):
    """Discrete Fourier transform by its definition; sign -1 forward, +1 inverse without 1/N."""
    n = len(samples)
    turn = [cmath.exp(sign * 2j * math.pi * k / n) for k in range(n)]
    return [sum(s * turn[f * i % n] for i, s in enumerate(samples)) for f in range(n)]


def add_filtered(spectrum, past, outputs, order, first, count, share):
    """Add to bins `first` to `first + count - 1` what a deep filter makes of the last frames.

    `past` holds spectra, the present one first; `outputs` its coefficients, tap by tap the real
    parts of all bins and then the imaginary ones.
    """

    def limited(value):
        return max(-100.0, min(100.0, value))

    for tap in range(min(order, len(past))):
        for b in range(count):
            re = limited(outputs[2 * tap * count + b])
            im = limited(outputs[(2 * tap + 1) * count + b])
            added = share * complex(re, im) * past[tap][first + b]
            spectrum[first + b] += added
            spectrum[-(first + b)] += added.conjugate()  # the upper half mirrors the lower


def stream(rng, filter_bins=0, order=0):
    """A whole small model: STFT, features, PReLU layer, D-GRU, last layer, overlap-add.

    The last layer is a mask, or with `order` gains and a deep filter. Its features and its mask
    start above bin 1 and end below the last bin, the dial is at 60 and the gain floor at 0.1, so
    that every rule about edges is used.
    """
    window_length, hop, hops = 320, 160, 6
    first_bin, bins, mask_first, mask_bins, hidden, units, chosen = 2, 9, 3, 6, 4, 5, 3
    floor, min_gain = 1e-6, 0.1
    outputs = mask_bins + 2 * order * filter_bins
    t = {
        "features.mean": uniform(rng, bins, low=-4.0, high=-2.0),
        "features.scale": uniform(rng, bins, low=0.2, high=0.5),
        "fc_in.weight": uniform(rng, hidden, bins),
        "fc_in.bias": uniform(rng, hidden),
        "fc_in.slope": [0.25],
        "gru1.w_x": uniform(rng, 3 * units, hidden),
        "gru1.w_h": uniform(rng, 3 * units, units),
        "gru1.b_x": uniform(rng, 3 * units),
        "gru1.b_h": uniform(rng, 3 * units),
        "fc_out.weight": uniform(rng, outputs, units, low=-3.0, high=3.0),
        "fc_out.bias": uniform(rng, outputs),
    }
    if order:
        t["fc_out.bias"][-1] = 150.0  # a coefficient beyond its limit
    t = {name: as_float32(values) for name, values in t.items()}
    weights = [t[f"gru1.{name}"] for name in ("w_x", "w_h", "b_x", "b_h")]
    x = uniform(rng, hops * hop, low=-0.5, high=0.5)
    x[3], x[700], x[701] = math.inf, math.nan, 3e6  # become 0, 0 and 1e6
    heard = [0.0 if not math.isfinite(v) else max(-1e6, min(1e6, v)) for v in x]
    window = [math.sin(math.pi * n / window_length) for n in range(window_length)]

    previous, overlap, h = [0.0] * hop, [0.0] * hop, [0.0] * units
    y, masks, update_masks, states, past = [], [], [], [], []
    for start in range(0, hops * hop, hop):
        frame = [s * w for s, w in zip(previous + heard[start : start + hop], window, strict=True)]
        previous = heard[start : start + hop]
        spectrum = transform(frame, -1)
        seen = []
        for k in range(bins):
            power = abs(spectrum[first_bin + k]) ** 2
            seen.append((math.log(power + floor) - t["features.mean"][k]) * t["features.scale"][k])
        sums = [
            row_sum(w, seen, b) for w, b in zip(t["fc_in.weight"], t["fc_in.bias"], strict=True)
        ]
        inner = [s if s > 0 else t["fc_in.slope"][0] * s for s in sums]
        h, update_mask = gru_step(inner, h, weights, lambda z: largest(z, chosen))
        sums = [row_sum(w, h, b) for w, b in zip(t["fc_out.weight"], t["fc_out.bias"], strict=True)]
        mask = [max(sig(s), min_gain) for s in sums[:mask_bins]]
        past = [list(spectrum), *past]
        for f in range(window_length):
            folded = min(f, window_length - f)  # the upper half mirrors the lower
            spectrum[f] *= mask[min(max(folded - mask_first, 0), mask_bins - 1)]
        add_filtered(
            spectrum, past, sums[mask_bins:], order, mask_first, filter_bins, 1.0 - min_gain
        )
        back = [
            v.real / window_length * w for v, w in zip(transform(spectrum, 1), window, strict=True)
        ]
        y += [a + b for a, b in zip(overlap, back[:hop], strict=True)]
        overlap = back[hop:]
        masks.append(mask)
        update_masks.append(update_mask)
        states.append(h)
    return {**t, "x": x, "y": y, "mask": masks, "update_mask": update_masks, "h": states}


def transforms(rng):
    """Spectra of one frame of each FFT size by the definition."""
    out = {}
    for size in (320, 512):
        x = uniform(rng, size)
        spectrum = transform(x, -1)[: size // 2 + 1]
        out[f"x_{size}"] = x
        out[f"real_{size}"] = [v.real for v in spectrum]
        out[f"imag_{size}"] = [v.imag for v in spectrum]
    return out


def deep_filter(rng):
    """The same model with a filter over three frames on four of its six bins."""
    return stream(rng, filter_bins=4, order=3)


CASES = {
    "gru_steps": gru_sequences,
    "stream": stream,
    "deep_filter": deep_filter,
    "transform": transforms,
}


def make(folder):
    """Write every case and MANIFEST into `folder`."""
    lines = [
        "# Made by make_golden.py: SHA-256, seed, file. Python "
        f"{platform.python_version()}, numpy {np.__version__}.",
    ]
    for name, case in CASES.items():
        arrays = {key: np.asarray(value) for key, value in case(random.Random(SEED)).items()}
        path = Path(folder) / f"{name}.npz"
        np.savez_compressed(path, **arrays)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {SEED}  {path.name}")
    (Path(folder) / "MANIFEST").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else FOLDER)
