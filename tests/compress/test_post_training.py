"""A model made of integers in one go: what is calibrated on, what errors are measured on."""

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of, speech_like

from wheesht.compress.calibration import input_ranges
from wheesht.compress.material import Material
from wheesht.compress.post_training import quantize_after_training


@pytest.fixture(scope="module")
def bundle():
    return random_bundle_of(gru_host((7, 13)))


def test_scales_come_from_what_is_heard_and_errors_from_what_was_not(bundle):
    heard, faint = (gain * speech_like(0.5).astype(np.float32) for gain in (1.0, 1e-5))
    done = quantize_after_training(bundle, Material((heard,), (faint,), {}), {"fc_in": "s8"}, "m")
    reach = input_ranges(bundle, [heard])["fc_in"]  # of log powers, which silence makes large
    assert done.bundle.tensors["fc_in.input_scale"] == pytest.approx(reach / 127)
    first = done.errors.layers[0]
    assert first.input_range == reach and first.beyond_range > 0.01
    assert done.errors.seconds == 0.5
