"""Host code of the rivals: blocks, overlap-add, and sessions that keep their state."""

import numpy as np
import pytest

from wheesht.bench.rivals.blocks import Blocks, WindowedBlocks
from wheesht.bench.signals import hops_of

# Of float32 transforms of at most 14 points and values below 4; measured 5e-7.
TOLERANCE = 2e-6


@pytest.mark.parametrize("win_length, hop_length", [(12, 3), (8, 4), (7, 5), (9, 1)])
def test_a_block_is_the_last_samples_and_their_sum_comes_out_hop_by_hop(win_length, hop_length):
    rng = np.random.default_rng(0)
    hops = rng.standard_normal((11, hop_length)).astype(np.float32)
    heard = np.concatenate([np.zeros(win_length, np.float32), hops.ravel()])
    blocks, weight = Blocks(win_length, hop_length), np.arange(win_length, dtype=np.float32)
    want = np.zeros(11 * hop_length + win_length)  # from the first sample of the first block on
    got = []
    for i, hop in enumerate(hops):
        end = win_length + (i + 1) * hop_length
        block = heard[end - win_length : end]
        assert np.array_equal(blocks.push(hop), block)
        want[i * hop_length : i * hop_length + win_length] += weight * block
        got.append(blocks.add(weight * block).copy())
    assert np.allclose(np.ravel(got), want[: 11 * hop_length], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("win_length", [14, 8])
def test_spectra_that_are_left_alone_give_the_signal_late_by_half_a_block(win_length):
    hop_length = win_length // 2
    x = np.random.default_rng(0).standard_normal(9 * hop_length).astype(np.float32)
    blocks, spectrum = (
        WindowedBlocks(win_length, hop_length),
        np.zeros(hop_length + 1, np.complex64),
    )
    got = []
    for hop in hops_of(x, hop_length):
        blocks.push(hop, spectrum)
        got.append(blocks.add(spectrum).copy())
    y = np.ravel(got)
    assert np.max(np.abs(y[:hop_length])) <= TOLERANCE
    assert np.max(np.abs(y[hop_length:] - x[:-hop_length])) <= TOLERANCE


def summing_session():
    """Open a network whose output is the sum of all that it was given, in its state ``s``."""
    helper = pytest.importorskip("onnx").helper
    pytest.importorskip("onnxruntime")
    from wheesht.onnx_session import onnx_session

    def values(*names):
        return [helper.make_tensor_value_info(name, 1, (2, 3)) for name in names]

    nodes = [
        helper.make_node("Add", ["x", "s"], ["s_after"]),
        helper.make_node("Identity", ["s_after"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "sum", values("s", "x"), values("s_after", "y"))
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return onnx_session("a test", "bench", model.SerializeToString())


def test_a_session_takes_its_state_along_and_shares_it_with_none():
    from wheesht.bench.rivals.stateful_session import StatefulSession

    one, other = (StatefulSession(summing_session(), {"s": "s_after"}) for _ in range(2))
    assert set(one.values) == {"x", "y"}
    for i in range(1, 6):
        one.values["x"][:] = i
        one()
        assert np.all(one.values["y"] == i * (i + 1) / 2)
    other.values["x"][:] = 7
    other()
    assert np.all(other.values["y"] == 7)
