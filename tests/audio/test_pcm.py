"""Raw sample codings."""

import numpy as np
import pytest

from wheesht.audio.pcm import PCM_FORMATS, decode, encode, quantize

INTEGER_BITS = {"u8": 8, "s16le": 16, "s24le": 24, "s32le": 32}


@pytest.mark.parametrize("name", PCM_FORMATS)
def test_bytes_survive_decoding_and_encoding(name):
    pcm = PCM_FORMATS[name]
    if pcm.bits == 32:  # float32 holds 24 bits, so the lowest 8 cannot survive
        data = (np.arange(-50, 50, dtype="<i4") << 20).tobytes()
    elif pcm.bits:
        data = np.random.default_rng(0).bytes(6 * pcm.bytes_per_sample * 101)
    else:
        numbers = np.random.default_rng(0).standard_normal(606).astype(np.float32)
        data = numbers.astype(f"<f{pcm.bytes_per_sample}").tobytes()
    x = decode(data, pcm, channels=2)
    assert x.dtype == np.float32
    assert encode(x, pcm) == data


@pytest.mark.parametrize(("name", "bits"), INTEGER_BITS.items())
def test_integers_saturate_and_never_wrap(name, bits):
    pcm = PCM_FORMATS[name]
    x = np.array([[1.0, 1.5, 1e6, -1.0, -1.5, -1e6]], np.float32)
    back = decode(encode(x, pcm), pcm, 1)[0].astype(np.float64)
    top = 1 - 2.0 ** (1 - min(bits, 24))
    assert np.all(back[:3] >= top)
    np.testing.assert_array_equal(back[3:], -1.0)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_quantize_rounds_to_the_nearest_step(bits):
    x = np.linspace(-1, 1, 1001).astype(np.float32)
    want = np.clip(np.rint(x.astype(np.float64) * 2.0 ** (bits - 1)), None, 2.0 ** (bits - 1) - 1)
    np.testing.assert_array_equal(quantize(x, bits), want)


def test_channels_are_interleaved():
    x = np.array([[0.25, 0.5], [-0.25, -0.5]], np.float32)
    data = encode(x, PCM_FORMATS["s16le"])
    np.testing.assert_array_equal(np.frombuffer(data, "<i2"), [8192, -8192, 16384, -16384])
    np.testing.assert_array_equal(decode(data, PCM_FORMATS["s16le"], 2), x)


def test_24_bits_keep_their_sign():
    data = bytes([0xFF, 0xFF, 0xFF, 0x01, 0x00, 0x00])
    np.testing.assert_array_equal(decode(data, PCM_FORMATS["s24le"], 1), [[-(2.0**-23), 2.0**-23]])
