"""What a plain read of a hop's weights takes, for the roofline: the bytes that the hop needs."""

import numpy as np
import pytest
from bundles import gru_host, random_bundle_of, speech_like

from wheesht.engine import _ext
from wheesht.engine.pack import pack
from wheesht.spec.bundle import bundle_path, read_bundle
from wheesht.spec.cost import weight_bytes_per_hop


@pytest.mark.parametrize("name", ["default", "small", "small-int8"])
@pytest.mark.parametrize("percent", [100.0, 50.0, 25.0])
def test_a_hop_reads_as_many_bytes_as_the_cost_model_says(name, percent):
    """Of shapes that need no padding. The count by hand, for `default` at 50 %: 256 x 384, twice
    384 + 2 x 192 rows of 768, 384 x 832."""
    bundle = read_bundle(bundle_path(name))
    stream = _ext.Stream(pack(bundle))
    stream.set_update_percent(percent)
    stream.process(speech_like(0.5).astype(np.float32)[: 2 * bundle.spec.front_end.hop_length])
    counted, nanoseconds = stream.read_weights(stream.selected())
    assert counted == weight_bytes_per_hop(bundle.spec, percent) and nanoseconds > 0
    if (name, percent) == ("default", 50.0):
        assert counted == 256 * 384 + 2 * 768 * 768 + 384 * 832


def test_a_reading_needs_a_mark_for_every_unit():
    stream = _ext.Stream(pack(random_bundle_of(gru_host(hidden=(7, 33)))))
    with pytest.raises(ValueError, match="selected: got 39 numbers, needs 40"):
        stream.read_weights(np.ones(39, np.uint8))
