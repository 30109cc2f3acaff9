"""From a bundle to the arrays that the C engine reads; layouts in engine/include/wheesht.h."""

import numpy as np

from wheesht.dsp.stft import sqrt_hann
from wheesht.engine import _ext
from wheesht.spec.bundle import Bundle
from wheesht.spec.heads import DeepFilter
from wheesht.spec.layers import GRU, Linear


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
    spec, tensors = bundle.spec, bundle.tensors
    front = spec.front_end
    deep_filter = spec.mask if isinstance(spec.mask, DeepFilter) else None
    model = _ext.Model(
        win_length=front.win_length,
        hop_length=front.hop_length,
        n_fft=front.n_fft,
        window=_f32(sqrt_hann(front.win_length)),
        twiddle=twiddle_factors(front.n_fft),
        first_bin=spec.features.first_bin,
        floor=spec.features.floor,
        mean=_f32(tensors["features.mean"]),
        scale=_f32(tensors["features.scale"]),
        mask_first_bin=spec.mask.first_bin,
        mask_bins=spec.mask.n_bins,
        filter_bins=deep_filter.filter_bins if deep_filter else 0,
        filter_order=deep_filter.order if deep_filter else 0,
    )
    for layer in spec.layers:
        own = {kind: tensors[f"{layer.name}.{kind}"] for kind in layer.tensor_shapes()}
        if isinstance(layer, GRU):
            _add_gru(model, layer, own)
        else:
            _add_linear(model, layer, own)
    return model


def twiddle_factors(n_fft: int) -> np.ndarray:
    """Return cos and -sin of 2 pi k / n_fft, k = 0..n_fft-1, interleaved: (2 n_fft,), float32."""
    angle = 2.0 * np.pi * np.arange(n_fft) / n_fft
    return _f32(np.stack([np.cos(angle), -np.sin(angle)], axis=1).ravel())


def panels(matrix: np.ndarray) -> np.ndarray:
    """Pack a matrix whose columns are whole chunks into panels of rows.

    Parameters
    ----------
    matrix : ndarray, shape (R, C)
        C a multiple of ``_ext.LANES``; see `pad_columns`.

    Returns
    -------
    ndarray, shape (ceil(R / PANEL_ROWS) * PANEL_ROWS * C,), float32
    """
    rows, columns = matrix.shape
    whole = np.zeros((-(-rows // _ext.PANEL_ROWS) * _ext.PANEL_ROWS, columns), np.float32)
    whole[:rows] = matrix
    split = whole.reshape(-1, _ext.PANEL_ROWS, columns // _ext.LANES, _ext.LANES)
    return _f32(split.transpose(0, 2, 1, 3).ravel())


def unit_blocks(reset: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Interleave the reset and candidate rows of each unit, chunk by chunk.

    Parameters
    ----------
    reset, candidate : ndarray, shape (H, C)
        C a multiple of ``_ext.LANES``.

    Returns
    -------
    ndarray, shape (2 * H * C,), float32
    """
    both = np.stack([reset, candidate], axis=1)  # (H, 2, C)
    split = both.reshape(len(reset), 2, -1, _ext.LANES)
    return _f32(split.transpose(0, 2, 1, 3).ravel())


def pad_columns(*parts: np.ndarray) -> np.ndarray:
    """Join matrices side by side, each padded with zero columns to whole chunks.

    Examples
    --------
    >>> pad_columns(np.ones((2, 3)), np.ones((2, 16))).shape
    (2, 32)
    """
    return np.concatenate([np.pad(p, ((0, 0), (0, -p.shape[1] % _ext.LANES))) for p in parts], 1)


def _add_linear(model: _ext.Model, layer: Linear, own: dict[str, np.ndarray]) -> None:
    slope = float(own["slope"][0]) if "slope" in own else 0.0
    model.add_linear(
        layer.input_size,
        layer.output_size,
        panels(pad_columns(own["weight"])),
        _f32(own["bias"]),
        layer.activation,
        slope,
    )


def _add_gru(model: _ext.Model, layer: GRU, own: dict[str, np.ndarray]) -> None:
    rows = pad_columns(own["w_x"], own["w_h"])  # (3H, I' + H'), stacked r, z, c
    reset, update, candidate = np.split(rows, 3)
    x_r, x_z, x_c = np.split(own["b_x"].astype(np.float64), 3)
    h_r, h_z, h_c = np.split(own["b_h"].astype(np.float64), 3)
    threshold = None
    if "threshold" in own:
        theta = own["threshold"].astype(np.float64)
        threshold = _f32(np.log(theta / (1.0 - theta)))
    model.add_gru(
        layer.input_size,
        layer.hidden_size,
        panels(update),
        unit_blocks(reset, candidate),
        _f32(np.stack([x_z + h_z, x_r + h_r, x_c, h_c])),
        layer.gate,
        threshold,
    )


def _f32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
