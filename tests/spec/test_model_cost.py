"""Costs from the spec against published tables and independent derivations."""

import dataclasses

import pytest
from bundles import gru_host

from wheesht.errors import ParameterError
from wheesht.spec.cost import macs_per_hop, model_cost, state_bytes
from wheesht.spec.front_end import FrontEnd, LogPower
from wheesht.spec.heads import Mask
from wheesht.spec.layers import GRU, Linear
from wheesht.spec.model_spec import UpdatePercent

# D-GRU paper (arXiv 2408.12425), table 1, host GRU: million MACs per second by P: non-GRU, GRU,
# all. The counting convention is a derivation that fits all of its rows; what is left over
# (0.025 %) is one 320-wide activation per frame that the table seems to count.
TABLE_1 = {
    100: (10.34, 124.98, 135.32),
    75: (10.34, 104.15, 114.48),
    50: (10.34, 83.31, 93.65),
    25: (10.34, 62.49, 72.83),
}
TABLE_1_TOLERANCE = 0.0005


def paper_host():
    return gru_host((320, 320), activation="relu")


@pytest.mark.parametrize("percent", TABLE_1)
def test_paper_convention_gives_the_published_table(percent):
    paper = model_cost(paper_host(), percent).paper
    computed = [paper.other / 1e6, paper.recurrent / 1e6, paper.total / 1e6]
    for got, published in zip(computed, TABLE_1[percent], strict=True):
        assert abs(got / published - 1) <= TABLE_1_TOLERANCE


def test_paper_convention_gives_the_derived_numbers():
    # 2 (3 320 640 + 13 320) 101 and 2 160 320 101, derived by hand from the layer sizes.
    paper = model_cost(paper_host(), 100).paper
    assert (paper.recurrent, paper.other) == (2 * 618_560 * 101, 102_400 * 101)


@pytest.mark.parametrize("percent, share", [(100, 1), (75, 5 / 6), (50, 2 / 3), (25, 1 / 2)])
def test_recurrent_cost_scales_with_one_third_plus_two_thirds_of_p(percent, share):
    cost = model_cost(paper_host(), percent)
    assert cost.strict.recurrent == round(2 * 3 * 320 * 640 * 100 * share)
    assert cost.paper.recurrent == round(2 * 618_560 * 101 * share)
    assert cost.strict.other == 102_400 * 100


def test_bytes_and_parameters_of_the_paper_host():
    cost = model_cost(paper_host())
    assert cost.update_percent == 50.0
    assert round(cost.params / 1e6, 3) == 1.336  # published as 1.34 M
    assert cost.weight_bytes == 4 * (1_335_520 + 2 * 160)
    assert cost.state_bytes == 4 * (320 + 320 + 160 + 160)


def ns_net_2(n_bins):
    """The nsNet2 baseline as a spec: FC 400, two GRUs of 400, FC 600 twice, FC bins."""
    layers = (
        Linear("fc1", n_bins, 400, "none"),
        GRU("gru1", 400, 400, "none"),
        GRU("gru2", 400, 400, "none"),
        Linear("fc2", 400, 600, "relu"),
        Linear("fc3", 600, 600, "relu"),
        Linear("fc4", 600, n_bins, "sigmoid"),
    )
    return dataclasses.replace(
        gru_host((7,), "none", 512),
        host="nsnet2",
        front_end=FrontEnd(512, 256, 512),
        features=LogPower(0, n_bins, 1e-8),
        layers=layers,
        mask=Mask(0, n_bins),
        update_percent=UpdatePercent(100, 100),
    )


def test_ns_net_2_has_its_published_size():
    # Braun et al. (arXiv 2101.09249) and the DNS-Challenge baseline: 2.78 M parameters, of which
    # 2.777 M are weights of matrices; one MAC per weight and frame.
    spec = ns_net_2(257)
    assert abs(spec.params / 1e6 - 2.78) < 0.005
    assert abs(sum(macs_per_hop(spec, 100)) / 1e6 - 2.777) < 0.0005


def test_seconds_hold_as_many_frames_as_the_hop_says():
    spec = ns_net_2(257)
    cost = model_cost(spec)
    assert cost.strict.total == round(62.5 * sum(macs_per_hop(spec, 100)))
    # Only the table's GRU host counts a centred transform.
    assert cost.paper.other == round(62.5 * (257 * 400 + 400 * 600 + 600 * 600 + 600 * 257))


def test_layers_without_a_gate_do_not_scale():
    spec = gru_host((7, 33))
    mixed = list(spec.layers)
    mixed[1] = dataclasses.replace(mixed[1], gate="none")
    spec = dataclasses.replace(spec, layers=tuple(mixed))
    assert macs_per_hop(spec, 1) == [160 * 7, 3 * 7 * 14, (33 + 2) * 40, 33 * 160]
    dense = model_cost(spec, 100).paper.recurrent
    assert dense - model_cost(spec, 1).paper.recurrent == round(
        101 * (3 * 33 * 40 + 13 * 33) * (1 - 1.02 / 3)
    )


def test_a_threshold_gate_counts_its_worst_hop():
    assert macs_per_hop(gru_host((7,), "threshold"), 100)[1] == 3 * 7 * 14


@pytest.mark.parametrize("n_fft", [320, 512])
def test_state_is_hidden_units_and_two_half_windows(n_fft):
    assert state_bytes(gru_host((7, 33), n_fft=n_fft)) == 4 * (7 + 33 + n_fft)


@pytest.mark.parametrize("order, past", [(1, 0), (5, 4)])
def test_a_filter_costs_four_macs_per_coefficient_and_keeps_its_past(order, past):
    plain, spec = gru_host((7,)), gru_host((7,), filter_order=order)  # 96 bins
    cost, more = model_cost(plain), model_cost(spec)
    rows = 2 * order * 96  # of the last layer
    per_second = rows * 7 + 4 * order * 96
    assert more.strict.other - cost.strict.other == 100 * per_second
    assert more.paper.other - cost.paper.other == 101 * per_second
    assert (more.strict.recurrent, more.paper.recurrent) == (
        cost.strict.recurrent,
        cost.paper.recurrent,
    )
    assert more.params - cost.params == rows * 8
    assert more.state_bytes - cost.state_bytes == 4 * 2 * past * 96


@pytest.mark.parametrize("percent", [0, 0.5, 100.1, float("nan")])
def test_a_dial_outside_the_models_range_has_no_cost(percent):
    with pytest.raises(ParameterError, match="update_percent: got .* needs 1 to 100"):
        model_cost(gru_host((7,)), percent)
