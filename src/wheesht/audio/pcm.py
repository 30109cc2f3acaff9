"""Samples as raw bytes: little-endian integers and floats, channels interleaved."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PcmFormat:
    """One coding of a sample; `bits` is 0 for floating point, which has no full scale."""

    name: str
    subtype: str  # libsndfile's word for it
    bytes_per_sample: int
    bits: int


_ALL = (
    PcmFormat("u8", "PCM_U8", 1, 8),
    PcmFormat("s16le", "PCM_16", 2, 16),
    PcmFormat("s24le", "PCM_24", 3, 24),
    PcmFormat("s32le", "PCM_32", 4, 32),
    PcmFormat("f32le", "FLOAT", 4, 0),
    PcmFormat("f64le", "DOUBLE", 8, 0),
)
PCM_FORMATS = {pcm.name: pcm for pcm in _ALL}
PCM_BY_SUBTYPE = {pcm.subtype: pcm for pcm in _ALL}


def quantize(x: np.ndarray, bits: int) -> np.ndarray:
    """Round samples to integers of `bits` bits, saturating: 1.0 is 2^(bits-1), less one step.

    Returns
    -------
    ndarray of int32, same shape
    """
    scale = 2.0 ** (bits - 1)
    wide = x.astype(np.float64) if bits > 24 else x  # float32 holds integers up to 24 bits
    return np.clip(np.rint(wide * scale), -scale, scale - 1).astype(np.int32)


def encode(x: np.ndarray, pcm: PcmFormat) -> bytes:
    """Return samples, shape (C, n), as interleaved bytes."""
    frames = np.ascontiguousarray(x.T)
    if not pcm.bits:
        return frames.astype(f"<f{pcm.bytes_per_sample}").tobytes()
    whole = quantize(frames, pcm.bits)
    if pcm.bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if pcm.bits == 24:
        return whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype(f"<i{pcm.bytes_per_sample}").tobytes()


def decode(data: bytes, pcm: PcmFormat, channels: int) -> np.ndarray:
    """Return interleaved bytes, a whole number of frames, as float32 of shape (C, n)."""
    samples: np.ndarray
    if not pcm.bits:
        with np.errstate(over="ignore"):
            samples = np.frombuffer(data, f"<f{pcm.bytes_per_sample}").astype(np.float32)
    elif pcm.bits == 8:
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif pcm.bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = (padded.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    else:
        whole = np.frombuffer(data, f"<i{pcm.bytes_per_sample}")
        samples = (whole / 2.0 ** (pcm.bits - 1)).astype(np.float32)
    return np.ascontiguousarray(samples.reshape(-1, channels).T)
