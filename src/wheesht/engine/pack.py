"""From a bundle to the arrays that the C engine reads; layouts in engine/include/wheesht.h."""

import numpy as np

from wheesht.dsp.stft import sqrt_hann
from wheesht.engine import _ext
from wheesht.spec.bands import band_bounds
from wheesht.spec.bundle import Bundle
from wheesht.spec.front_end import ScaledSpectrum
from wheesht.spec.heads import DeepFilter, Head, MagnitudeFilter
from wheesht.spec.integers import INPUT_SCALE, SCALE, STATE_SCALE
from wheesht.spec.layers import (
    GRU,
    BandAnalysis,
    BandSynthesis,
    Conv,
    LayerNorm,
    Linear,
    Rectifier,
    Residual,
)


def pack(bundle: Bundle) -> _ext.Model:
    """Return a model that streams of the C engine can be made from.

    Parameters
    ----------
    bundle : Bundle
        A checked bundle, as `wheesht.spec.bundle.read_bundle` returns it.

    Returns
    -------
    _ext.Model
        Holds copies of all tensors; may serve any number of streams and threads.
    """
    spec = bundle.spec
    front = spec.front_end
    model = _ext.Model(
        win_length=front.win_length,
        hop_length=front.hop_length,
        n_fft=front.n_fft,
        window=_f32(sqrt_hann(front.win_length)),
        twiddle=twiddle_factors(front.n_fft),
    )
    _set_features(model, bundle)
    _set_head(model, spec.mask)
    width = spec.features.output_shape.channels
    places: dict[str, int] = {}
    for i, (layer, shape) in enumerate(zip(spec.layers, spec.layer_shapes, strict=True)):
        own = {t: bundle.tensors[f"{layer.name}.{t}"] for t in layer.tensor_shapes()}
        match layer:
            case Linear():
                _add_linear(model, layer, own)
            case GRU():
                _add_gru(model, layer, own)
            case Conv():
                weight = panels(own["weight"].reshape(layer.output_size, -1))
                sizes = layer.input_size, layer.output_size, layer.kernel_size
                model.add_conv(*sizes, weight, _f32(own["bias"]))
            case LayerNorm():
                model.add_layer_norm(width, *(_f32(own[t]) for t in own))
            case Rectifier():
                model.add_rectifier(width)
            case Residual():
                model.add_residual(width, places[layer.source])
            case BandAnalysis():
                bounds = band_bounds(layer.input_size, layer.n_bands)
                parts = _bands(bounds, own["weight"].T)
                weight = np.concatenate([panels(part.T) for part in parts])
                model.add_band_analysis(_i32(bounds), layer.output_size, weight)
            case BandSynthesis():
                _add_band_synthesis(model, layer, own)
        places[layer.name], width = i, shape.channels
    return model


def twiddle_factors(n_fft: int) -> np.ndarray:
    """Return cos and -sin of 2 pi k / n_fft, k = 0..n_fft-1, interleaved: (2 n_fft,), float32."""
    angle = 2.0 * np.pi * np.arange(n_fft) / n_fft
    return _f32(np.stack([np.cos(angle), -np.sin(angle)], axis=1).ravel())


def panels(matrix: np.ndarray) -> np.ndarray:
    """Pack a matrix into panels of rows, column by column.

    Parameters
    ----------
    matrix : ndarray, shape (R, C)

    Returns
    -------
    ndarray, shape (ceil(R / PANEL_ROWS) * PANEL_ROWS * C,), float32
    """
    rows, columns = matrix.shape
    whole = np.zeros((-(-rows // _ext.PANEL_ROWS) * _ext.PANEL_ROWS, columns), np.float32)
    whole[:rows] = matrix
    return _f32(whole.reshape(-1, _ext.PANEL_ROWS, columns).transpose(0, 2, 1).ravel())


def unit_blocks(reset: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Interleave the reset and candidate rows of each unit, chunk by chunk.

    Parameters
    ----------
    reset, candidate : ndarray of float32 or int8, shape (H, C)
        C a multiple of ``_ext.LANES``.

    Returns
    -------
    ndarray, shape (2 * H * C,), of the same type
    """
    both = np.stack([reset, candidate], axis=1)  # (H, 2, C)
    split = both.reshape(len(reset), 2, -1, _ext.LANES)
    return np.ascontiguousarray(split.transpose(0, 2, 1, 3).ravel())


def pad_columns(*parts: np.ndarray) -> np.ndarray:
    """Join matrices side by side, each padded with zero columns to whole chunks.

    Examples
    --------
    >>> pad_columns(np.ones((2, 3)), np.ones((2, 16))).shape
    (2, 32)
    """
    return np.concatenate([np.pad(p, ((0, 0), (0, -p.shape[1] % _ext.LANES))) for p in parts], 1)


def int_panels(matrix: np.ndarray) -> np.ndarray:
    """Pack a matrix of integers into panels of rows, four columns by four.

    Parameters
    ----------
    matrix : ndarray of int8, shape (R, C)

    Returns
    -------
    ndarray of int8, shape (ceil(R / PANEL_ROWS) * PANEL_ROWS * ceil(C / 4) * 4,)
    """
    rows, columns = matrix.shape
    whole = np.pad(matrix, ((0, -rows % _ext.PANEL_ROWS), (0, -columns % 4)))
    fours = whole.reshape(-1, _ext.PANEL_ROWS, whole.shape[1] // 4, 4)
    return np.ascontiguousarray(fours.transpose(0, 2, 1, 3).ravel())


def _add_linear(model: _ext.Model, layer: Linear, own: dict[str, np.ndarray]) -> None:
    slope = float(own["slope"][0]) if "slope" in own else 0.0
    sizes, bias = (layer.input_size, layer.output_size), _f32(own["bias"])
    if layer.dtype == "f32":
        model.add_linear(*sizes, panels(own["weight"]), bias, layer.activation, slope)
        return
    weight, fine = int_panels(own["weight"]), layer.dtype == "s16"
    rows = _row_numbers(own["weight"], own["weight_scale"], own[INPUT_SCALE])
    scale, offset = (_padded(numbers) for numbers in rows)
    inverse = 1.0 / float(own[INPUT_SCALE][0])
    model.add_int_linear(
        *sizes, weight, scale, offset, inverse, fine, bias, layer.activation, slope
    )


def _row_numbers(
    weight: np.ndarray, scale: np.ndarray, input_scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return for every row its scale times that of the inputs, and 128 times its weights' sum."""
    scales = scale.astype(np.float64).ravel() * float(input_scale[0])
    sums = weight.reshape(len(scales), -1).sum(axis=1, dtype=np.int32)
    return _f32(scales), 128 * sums


def _padded(numbers: np.ndarray) -> np.ndarray:
    """Return as many numbers as panels have rows."""
    return np.pad(numbers, (0, -len(numbers) % _ext.PANEL_ROWS))


def _set_features(model: _ext.Model, bundle: Bundle) -> None:
    part = bundle.spec.features
    own = {t: _f32(bundle.tensors[f"features.{t}"]) for t in part.tensor_shapes()}
    root = isinstance(part, ScaledSpectrum) and part.compression == "root"
    model.set_features(part.kind, part.first_bin, part.n_bins, part.floor, root=root, **own)


def _set_head(model: _ext.Model, head: Head) -> None:
    filter_bins = head.filter_bins if isinstance(head, DeepFilter) else 0
    order = head.order if isinstance(head, DeepFilter | MagnitudeFilter) else 0
    width = head.width if isinstance(head, MagnitudeFilter) else 0
    model.set_head(head.kind, head.first_bin, head.n_bins, filter_bins, order, width)


def _add_gru(model: _ext.Model, layer: GRU, own: dict[str, np.ndarray]) -> None:
    bias, threshold = [], []
    for direction in layer.directions:
        x_r, x_z, x_c = np.split(own[f"{direction}b_x"].astype(np.float64), 3)
        h_r, h_z, h_c = np.split(own[f"{direction}b_h"].astype(np.float64), 3)
        bias += [x_z + h_z, x_r + h_r, x_c, h_c]
        if layer.gate == "threshold":
            theta = own[f"{direction}threshold"].astype(np.float64)
            threshold.append(np.log(theta / (1.0 - theta)))
    limits = _f32(np.concatenate(threshold)) if threshold else None
    biases, sizes = _f32(np.stack(bias)), (layer.input_size, layer.hidden_size)
    if layer.dtype == "f32":
        z, rc = _gru_floats(layer, own)
        model.add_gru(*sizes, z, rc, biases, layer.gate, limits, layer.scan)
        return
    z, rc, scale, units, offset = _gru_integers(layer, own, bias)
    inverse = 1.0 / float(own[INPUT_SCALE][0])
    packed = z, rc, scale, units, offset
    model.add_int_gru(*sizes, *packed, inverse, biases, layer.gate, limits, layer.scan)


def _gru_floats(layer: GRU, own: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the panels of z and the unit blocks of r and c, of all directions."""
    z, rc = [], []
    for direction in layer.directions:
        w_x, w_h = own[f"{direction}w_x"], own[f"{direction}w_h"]
        reset, _, candidate = np.split(pad_columns(w_x, w_h), 3)  # (3H, I' + H'), r, z, c
        update = [np.split(w, 3)[1] for w in (w_x, w_h)]
        if layer.scan == "time":
            z.append(panels(np.concatenate(update, axis=1)))
        else:
            z += [panels(part) for part in update]
        rc.append(unit_blocks(reset, candidate))
    return np.concatenate(z), np.concatenate(rc)


def _gru_integers(
    layer: GRU, own: dict[str, np.ndarray], bias: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of integers, and the scales, units' numbers and offsets of all rows."""
    z, rc, scale, units, offset = [], [], [], [], []
    for k, direction in enumerate(layer.directions):
        w_x, w_h = own[f"{direction}w_x"], own[f"{direction}w_h"]
        reset, _, candidate = np.split(pad_columns(w_x, w_h), 3)
        z += [int_panels(np.split(w, 3)[1]) for w in (w_x, w_h)]
        rc.append(unit_blocks(reset, candidate))
        of_x = _row_numbers(w_x, own[f"{direction}w_x{SCALE}"], own[INPUT_SCALE])
        of_h = _row_numbers(w_h, own[f"{direction}w_h{SCALE}"], STATE_SCALE)
        (x_r, x_z, x_c), (h_r, h_z, h_c) = np.split(of_x[0], 3), np.split(of_h[0], 3)
        scale += [_padded(x_z), _padded(h_z)]
        _, b_r, b_cx, b_ch = bias[4 * k : 4 * k + 4]
        numbers = [x_r, h_r, x_c, h_c, b_r, np.zeros_like(b_r), b_cx, b_ch]
        units.append(np.stack(numbers, axis=1).ravel())
        (x_r, x_z, x_c), (h_r, h_z, h_c) = np.split(of_x[1], 3), np.split(of_h[1], 3)
        offset += [_padded(x_z), _padded(h_z), np.stack([x_r, h_r, x_c, h_c], axis=1).ravel()]
    of_rows, of_units = (_f32(np.concatenate(part)) for part in (scale, units))
    return np.concatenate(z), np.concatenate(rc), of_rows, of_units, np.concatenate(offset)


def _add_band_synthesis(
    model: _ext.Model, layer: BandSynthesis, own: dict[str, np.ndarray]
) -> None:
    bounds = band_bounds(layer.n_bins, layer.n_bands)
    parts = [part.reshape(-1, layer.input_size) for part in _bands(bounds, own["weight"])]
    sizes, bias = (layer.input_size, _i32(bounds), layer.output_size), _f32(own["bias"].ravel())
    if layer.dtype == "f32":
        model.add_band_synthesis(*sizes, np.concatenate([panels(part) for part in parts]), bias)
        return
    scales = [part.ravel() for part in _bands(bounds, own["weight_scale"])]
    rows = [_row_numbers(w, s, own[INPUT_SCALE]) for w, s in zip(parts, scales, strict=True)]
    scale, offset = (
        np.concatenate([_padded(numbers) for numbers in part]) for part in zip(*rows, strict=True)
    )
    weight = np.concatenate([int_panels(part) for part in parts])
    inverse, fine = 1.0 / float(own[INPUT_SCALE][0]), layer.dtype == "s16"
    model.add_int_band_synthesis(*sizes, weight, scale, offset, inverse, fine, bias)


def _bands(bounds: tuple[int, ...], rows: np.ndarray) -> list[np.ndarray]:
    """Split an array whose first axis is the bands' bins, band by band."""
    widths = [high - low for low, high in zip(bounds, bounds[2:], strict=False)]
    return np.split(rows, np.cumsum(widths)[:-1])


def _i32(numbers: tuple[int, ...]) -> np.ndarray:
    return np.array(numbers, dtype=np.int32)


def _f32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
