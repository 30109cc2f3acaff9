"""What packing hands to the engine for layers of integers, laid out as wheesht.h says.

Offsets above all: only instruction sets with dot products of unsigned bytes read them, which the
machine at hand may lack.
"""

import numpy as np
import pytest
from bundles import band_host, gru_host, integer_bundle, random_bundle_of

from wheesht.engine import _ext, pack
from wheesht.spec.bands import band_bounds

ROWS, LANES = _ext.PANEL_ROWS, _ext.LANES


@pytest.fixture
def calls(monkeypatch):
    """What was given to the methods of a model, by their names."""
    made = []

    class Recorder:
        def __init__(self, **_):
            pass

        def __getattr__(self, name):
            return lambda *given, **named: made.append((name, given))

    monkeypatch.setattr(pack._ext, "Model", Recorder)

    def of(name, bundle):
        made.clear()
        pack.pack(bundle)
        return [given for called, given in made if called == name]

    return of


def panel_sums(packed, rows, columns):
    """Sums of the rows of integer panels, padding rows among them."""
    fours = -(-columns // 4)
    assert packed.dtype == np.int8 and packed.size == -(-rows // ROWS) * ROWS * 4 * fours
    return packed.reshape(-1, fours, ROWS, 4).astype(np.int64).sum(axis=(1, 3)).ravel()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (16, 16), (17, 3), (39, 37)])
def test_int_panels_hold_every_element_where_the_header_says(rows, columns):
    matrix = (np.arange(rows * columns) % 251 - 125).astype(np.int8).reshape(rows, columns)
    packed, fours = pack.int_panels(matrix), -(-columns // 4)
    for row in range(rows):
        for col in range(columns):
            at = ((row // ROWS * fours + col // 4) * ROWS + row % ROWS) * 4 + col % 4
            assert packed[at] == matrix[row, col]
    assert np.count_nonzero(packed) == np.count_nonzero(matrix)  # the rest is zeros


@pytest.mark.parametrize("dtype", ["s8", "s16"])
def test_numbers_of_a_linear_layer_stand_beside_its_rows(calls, dtype):
    bundle = random_bundle_of(gru_host((17, 5)))
    bundle = integer_bundle(bundle, {"fc_in": dtype})
    ((inputs, rows, weight, scale, offset, inverse, fine, *_),) = calls("add_int_linear", bundle)
    own, reach = bundle.tensors, bundle.tensors["fc_in.input_scale"][0]
    assert np.array_equal(offset, 128 * panel_sums(weight, rows, inputs))
    assert np.allclose(scale[:rows], own["fc_in.weight_scale"] * reach, rtol=1e-6, atol=0)
    assert len(scale) == len(offset) == 32 and not scale[rows:].any()
    assert inverse == pytest.approx(1.0 / reach) and fine == (dtype == "s16")


def test_numbers_of_a_synthesis_stand_beside_its_rows_band_by_band(calls):
    bundle = integer_bundle(random_bundle_of(band_host()))
    layer = bundle.spec.layers[-2]
    given = calls("add_int_band_synthesis", bundle)[0]
    inputs, bounds, outputs, weight, scale, offset = given[:6]
    assert tuple(bounds) == band_bounds(layer.n_bins, layer.n_bands)
    scales, at = bundle.tensors["bins.weight_scale"].ravel(), 0
    seen = 0
    for low, high in zip(bounds, bounds[2:], strict=False):
        rows = int(high - low) * outputs
        padded = -(-rows // ROWS) * ROWS
        size = padded * -(-inputs // 4) * 4
        part = weight[at * size // padded : at * size // padded + size]
        assert np.array_equal(offset[at : at + padded], 128 * panel_sums(part, rows, inputs))
        ratio = scale[at : at + rows] / scales[seen : seen + rows]
        assert np.allclose(ratio, bundle.tensors["bins.input_scale"][0], rtol=1e-6, atol=0)
        at, seen = at + padded, seen + rows
    assert at == len(offset) == len(scale)


@pytest.mark.parametrize("scan", ["time", "both", "down"])
def test_numbers_of_a_gru_stand_beside_its_rows_direction_by_direction(calls, scan):
    bundle = integer_bundle(random_bundle_of(band_host(((scan, 19),), channels=21)))
    inputs, n, z, rc, scale, units, offset, inverse, *_ = calls("add_int_gru", bundle)[0]
    layer, own = bundle.spec.recurrent_layers[0], bundle.tensors
    padded, of_x, of_h = 32, 32 * 24, 32 * 20  # rows of panels; bytes of those of x and of h
    x_columns = -(-inputs // LANES) * LANES
    reach = own[f"{layer.name}.input_scale"][0]
    assert len(z) == len(layer.directions) * (of_x + of_h)
    blocks = np.reshape(rc, (len(layer.directions), n, -1, 2, LANES)).astype(np.int64)
    for d, direction in enumerate(layer.directions):
        here = z[d * (of_x + of_h) :]
        sums = [panel_sums(here[:of_x], n, inputs), panel_sums(here[of_x:][:of_h], n, n)]
        mine = offset[d * (2 * padded + 4 * n) :][: 2 * padded + 4 * n]
        assert np.array_equal(mine[: 2 * padded], 128 * np.concatenate(sums))
        chunks = x_columns // LANES
        parts = [blocks[d, :, :chunks].sum((1, 3)), blocks[d, :, chunks:].sum((1, 3))]
        want = np.stack([parts[0][:, 0], parts[1][:, 0], parts[0][:, 1], parts[1][:, 1]], axis=1)
        assert np.array_equal(mine[2 * padded :].reshape(n, 4), 128 * want)
        s_x, s_h = (own[f"{layer.name}.{direction}{t}_scale"].reshape(3, n) for t in ("w_x", "w_h"))
        s_x, s_h = s_x * reach, s_h / 127
        z_scales = scale[2 * padded * d :][: 2 * padded].reshape(2, padded)[:, :n]
        assert np.allclose(z_scales, [s_x[1], s_h[1]], rtol=1e-6, atol=0)
        numbers = units[8 * n * d :][: 8 * n].reshape(n, 8)
        assert np.allclose(numbers[:, :4].T, [s_x[0], s_h[0], s_x[2], s_h[2]], rtol=1e-6, atol=0)
        assert not numbers[:, 5].any()
    assert inverse == pytest.approx(1.0 / reach)
