"""Packing and kernels together against the equations, in float64, for sizes around a chunk."""

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of, speech_like

from wheesht.engine import _ext
from wheesht.engine.pack import pack, panels, unit_blocks

# States lie in (-1, 1); float32 rounds a sum of n products to about n 6e-8, and the features,
# two layers and six steps multiply that a few times. Measured: 9e-7 at 65 + 66 inputs.
STATE_BOUND = 5e-6


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def float64_states(bundle, hops, update_masks):
    """Hidden states after the hops, straight from the equations of the two layers."""
    t = {name: array.astype(np.float64) for name, array in bundle.tensors.items()}
    window = np.sin(np.pi * np.arange(320) / 320)
    states = [np.zeros(layer.hidden_size) for layer in bundle.spec.recurrent_layers]
    last = np.zeros(160)
    for hop, rows in zip(hops.astype(np.float64), update_masks, strict=True):
        power = np.abs(np.fft.rfft(np.concatenate([last, hop]) * window)[1:]) ** 2
        last = hop
        x = (np.log(power + 1e-8) - t["features.mean"]) * t["features.scale"]
        x = np.tanh(t["fc_in.weight"] @ x + t["fc_in.bias"])
        for k, update in enumerate(np.split(rows, [len(states[0])])):
            name, h = f"gru{k + 1}", states[k]
            x_r, x_z, x_c = np.split(t[f"{name}.w_x"] @ x + t[f"{name}.b_x"], 3)
            h_r, h_z, h_c = np.split(t[f"{name}.w_h"] @ h + t[f"{name}.b_h"], 3)
            z, c = sigmoid(x_z + h_z), np.tanh(x_c + sigmoid(x_r + h_r) * h_c)
            x = states[k] = np.where(update, z * c + (1.0 - z) * h, h)
    return np.concatenate(states)


@pytest.mark.parametrize("isa", _ext.isa_names())
@pytest.mark.parametrize(
    "hidden", [(1, 1), (2, 15), (16, 17), (31, 7), (33, 48), (65, 66)], ids=str
)
def test_states_follow_the_equations(isa, hidden):
    bundle = random_bundle_of(gru_host(hidden=hidden, activation="tanh"), seed=sum(hidden))
    hops = speech_like(0.06).astype(np.float32).reshape(-1, 160)
    update_masks = np.random.default_rng(1).integers(0, 2, (len(hops), sum(hidden)), np.uint8)
    stream = _ext.Stream(pack(bundle), isa)
    stream.process_given(hops.ravel(), update_masks)
    error = np.abs(stream.hidden() - float64_states(bundle, hops, update_masks)).max()
    assert error <= STATE_BOUND, f"{error:.1e}"


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (16, 16), (17, 3), (39, 37)])
def test_panels_hold_every_element_where_the_header_says(rows, columns):
    matrix = np.arange(1.0, rows * columns + 1).reshape(rows, columns)
    packed = panels(matrix)
    assert packed.size == -(-rows // 16) * 16 * columns
    for row in range(rows):
        for col in range(columns):
            assert packed[(row // 16 * columns + col) * 16 + row % 16] == matrix[row, col]
    assert packed.sum() == matrix.sum()  # the rest is zeros


def test_unit_blocks_hold_every_element_where_the_header_says():
    reset = np.arange(1.0, 3 * 32 + 1).reshape(3, 32)
    packed = unit_blocks(reset, -reset).reshape(3, 2, 2, 16)
    for unit in range(3):
        for col in range(32):
            assert packed[unit, col // 16, 0, col % 16] == reset[unit, col]
            assert packed[unit, col // 16, 1, col % 16] == -reset[unit, col]
