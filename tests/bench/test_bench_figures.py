"""From times to rows."""

import numpy as np
import pytest

from wheesht.bench.contestants import Part
from wheesht.bench.figures import rows


def test_median_and_p99_are_medians_over_runs_and_worst_is_of_all(contestant, run_of):
    one = list(range(1, 102))  # us; median 51, 99th percentile 100
    runs = [run_of(one), run_of([v + 10 for v in one]), run_of([v + 1000 for v in one])]
    (row,) = rows([contestant()], [[run] for run in runs])
    assert (row.us_hop_median, row.us_hop_p99, row.us_hop_worst) == (61, 110, 1101)
    assert row.us_per_10ms == 61 and row.rtf == pytest.approx(61e-6 / 0.01)


def test_cpu_time_has_figures_of_its_own(contestant, run_of):
    (row,) = rows([contestant()], 3 * [[run_of([50, 4000], [40, 60])]])
    assert (row.cpu_us_hop_median, row.cpu_us_hop_p99) == (50, 59.8)
    assert (row.cpu_us_hop_worst, row.us_hop_worst) == (60, 4000)
    (row,) = rows([contestant()], 3 * [[run_of([50, 60], [np.nan, np.nan])]])
    assert row.us_hop_worst == 60 and row.cpu_us_hop_worst is None


def test_the_ratio_is_formed_within_a_round(contestant, run_of):
    # The machine slows down twofold half way: the medians of each alone would give 10 / 7.5.
    base, other = [10, 10, 10, 20, 20], [5, 5, 10, 10, 10]
    rounds = [[run_of([b]), run_of([o])] for b, o in zip(base, other, strict=True)]
    first, second = rows([contestant(), contestant()], rounds)
    assert (first.ratio, second.ratio) == (1.0, 0.5)
    assert second.us_hop_median == 10 and first.us_hop_median == 10


def test_ratios_are_per_second_of_audio(contestant, run_of):
    hop_16ms = contestant(seconds=0.016, hop_ms=16.0)
    whole = contestant(seconds=3.0, hop_ms=None, is_long=True)
    rounds = 3 * [[run_of([10]), run_of([32]), run_of([30_000], is_long=True)]]
    base, slow, file = rows([contestant(), hop_16ms, whole], rounds)
    assert (base.ratio, slow.ratio, file.ratio) == (1.0, 2.0, 10.0)
    assert slow.us_per_10ms == 20 and file.us_per_10ms == 100 and file.rtf == 0.01
    assert slow.us_hop_median == 32
    assert file.us_hop_median is file.us_hop_worst is file.cpu_us_hop_median is None


def test_spread_belongs_to_its_row(contestant, run_of):
    rounds = [[run_of([10]), run_of([10 + i])] for i in range(11)]
    quiet, restless = rows([contestant(), contestant()], rounds)
    assert (quiet.spread, restless.spread) == (1.0, round(19 / 11, 4))


def test_layers_share_the_hop_and_the_rest_is_what_is_left(contestant, run_of):
    parts = (Part("fc", "linear", 7), Part("g1", "gru", 20), Part("g2", "gru", 30))
    inside = [[4, 10, 20, 40, 17], [4, 12, 20, 42, 19], [4, 14, 20, 44, 18]]
    behind = Part("hop", "hop"), Part("plain read", "read")
    who = contestant(parts=(*parts, *behind), inside=(list,))
    (row,) = rows([who], 3 * [[run_of([35, 36], inside_us=inside)]])
    assert [(p.name, p.us_median, p.executed_macs) for p in row.layers] == [
        ("fc", 4, 7),
        ("g1", 12, 20),
        ("g2", 20, 30),
        ("rest", 6, 0),
    ]
    assert sum(part.share for part in row.layers) == pytest.approx(1, abs=1e-3)
    assert row.us_recurrent_median == 32 and row.us_network_median == 36
    assert row.us_read_median == 18


def test_another_runtime_has_recurrent_time_and_no_layers(contestant, run_of):
    who = contestant(parts=(Part("recurrent", "recurrent"),), inside=(list,))
    (row,) = rows([who], [[run_of([50], inside_us=[[40], [42], [41]])]])
    assert row.us_recurrent_median == 41 and row.layers == ()
    assert row.us_network_median is None  # its whole call
    (row,) = rows([contestant()], [[run_of([50])]])
    assert row.us_recurrent_median is row.us_network_median is None


def test_a_denoiser_of_others_has_the_time_of_its_network_alone(contestant, run_of):
    who = contestant(parts=(Part("network", "network"),), inside=(list,))
    (row,) = rows([who], [[run_of([50], inside_us=[[30], [32], [31]])]])
    assert row.us_network_median == 31
    assert row.us_recurrent_median is None and row.layers == ()


def test_layers_without_a_recurrent_one_take_no_time_in_such(contestant, run_of):
    who = contestant(
        parts=(Part("fc", "linear"), Part("hop", "hop"), Part("plain read", "read")), inside=(list,)
    )
    (row,) = rows([who], [[run_of([9], inside_us=[[4, 9, 3]])]])
    assert row.us_recurrent_median == 0 and row.us_network_median == 4
