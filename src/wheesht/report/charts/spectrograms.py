"""Spectrograms as small SVG drawings and audio as data URIs."""

import base64
import io

import numpy as np
import soundfile

from wheesht.dsp.stft import sqrt_hann, stft
from wheesht.errors import MissingDependency

SAMPLE_RATE = 16000
WIN_LENGTH = 512  # samples; 32 ms resolves the harmonics of a low voice
FLOOR_DB = -80.0  # of the colour scale, below its top
LEVELS = 40  # colours; 2 dB a step, which is finer than the eye and keeps the image small
COLUMNS = 480  # most columns of an image; more frames than that are merged
_WIDTH, _HEIGHT = 300.0, 110.0  # of the plotting area, in units of the drawing
_LEFT, _BOTTOM, _TOP, _RIGHT = 26.0, 24.0, 4.0, 8.0


def level_db(x: np.ndarray) -> np.ndarray:
    """Return a spectrogram in decibels.

    Parameters
    ----------
    x : ndarray, shape (N,)
        16 kHz, full scale 1.0.

    Returns
    -------
    ndarray, shape (T, F)
        Power of each frame and bin relative to that of a full-scale sine, in dB; silence is
        -200 dB.
    """
    spectrum = stft(np.asarray(x, dtype=np.float64), sqrt_hann(WIN_LENGTH))
    full_scale = np.sum(sqrt_hann(WIN_LENGTH)) / 2
    return 20 * np.log10(np.maximum(np.abs(spectrum) / full_scale, 1e-10))


def image(levels: np.ndarray, top_db: float, seconds: float) -> str:
    """Return a spectrogram as an ``<svg>`` element with axes, kHz against seconds.

    Parameters
    ----------
    levels : ndarray, shape (T, F)
        From `level_db`.
    top_db : float
        Level of the brightest colour; the same for all that are to be compared.
    seconds : float
        Length of the signal.

    Raises
    ------
    MissingDependency
        matplotlib, for its colours, is not installed.
    """
    png = base64.b64encode(_png(_merged(levels), top_db)).decode()
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    parts = [
        f'<svg viewBox="0 0 {width:g} {height:g}" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg">',
        f'<image x="{_LEFT:g}" y="{_TOP:g}" width="{_WIDTH:g}" height="{_HEIGHT:g}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{png}"/>',
    ]
    top_khz = SAMPLE_RATE / 2000
    for khz in (0, 2, 4, 6, 8):
        y = _TOP + _HEIGHT * (1 - khz / top_khz)
        parts.append(f'<text x="{_LEFT - 4:g}" y="{y + 3:g}" text-anchor="end">{khz}</text>')
    for second in _ticks(seconds):
        x = _LEFT + _WIDTH * second / seconds
        parts.append(
            f'<text x="{x:.4g}" y="{_TOP + _HEIGHT + 11:g}" text-anchor="middle">{second:g}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def flac_uri(x: np.ndarray) -> str:
    """Return a signal of 16 kHz as FLAC of 16 bits in a data URI; peaks are cut at full scale."""
    file = io.BytesIO()
    soundfile.write(
        file,
        np.clip(x, -1.0, 1.0),
        SAMPLE_RATE,
        format="FLAC",
        subtype="PCM_16",
        compression_level=1.0,
    )
    return f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode()}"


def _merged(levels: np.ndarray) -> np.ndarray:
    """Merge neighbouring frames by their maximum until they fit; (T, F) -> (at most COLUMNS, F)."""
    factor = -(-len(levels) // COLUMNS)
    starts = np.arange(0, len(levels), factor)
    return np.maximum.reduceat(levels, starts, axis=0)


def _png(levels: np.ndarray, top_db: float) -> bytes:
    try:
        from matplotlib import colormaps
        from PIL import Image
    except ImportError:
        raise MissingDependency("report needs: pip install 'wheesht[eval]'") from None
    share = np.clip((levels - top_db) / -FLOOR_DB + 1.0, 0.0, 1.0)
    indices = np.round(share * (LEVELS - 1)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(indices.T[::-1]), mode="P")
    colours = np.round(255 * colormaps["magma"](np.linspace(0, 1, LEVELS))[:, :3])
    picture.putpalette(colours.astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _ticks(seconds: float) -> list[float]:
    """Return a handful of round times from 0 to the end."""
    for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0):
        if seconds / step <= 6:
            break
    else:
        step = 60.0 * np.ceil(seconds / 360.0)
    return [float(round(i * step, 6)) for i in range(int(seconds / step + 1e-9) + 1)]
