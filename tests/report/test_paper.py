"""The paper's numbers in the package, checked against their own arithmetic and our counts."""

import math

import pytest
from bundles import gru_host

from wheesht.report.numbers.paper import paper_results
from wheesht.spec.cost import paper_macs

HOSTS = {"gru": 1.34, "mpt": 0.28, "dprnn": 0.35}
SETTINGS = (100, 75, 50, 25)
# (1 + 2P/100) / 3 with the four decimals that reproduce all of the paper's cells.
FACTORS = {100: 1.0, 75: 0.8333, 50: 0.6666, 25: 0.5}


def test_every_row_of_table_1_is_there():
    rows = paper_results().rows
    assert [(row.host, row.update_percent) for row in rows] == [
        ("noisy", None),
        *((host, percent) for host in HOSTS for percent in SETTINGS),
    ]
    assert {row.host: row.params_millions for row in rows[1:]} == HOSTS


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("percent", SETTINGS)
def test_table_1_agrees_with_itself(host, percent):
    """GRU MACs scale with the share of rows; sums and percentages are truncated."""
    row, dense = (paper_results().row(host, p) for p in (percent, 100))
    assert row.gru == pytest.approx(dense.gru * FACTORS[percent], abs=0.006)
    assert row.total == pytest.approx(row.non_gru + row.gru, abs=0.011)
    assert row.percent == math.floor(100 * row.total / dense.total)


@pytest.mark.parametrize("percent", SETTINGS)
def test_our_count_in_the_papers_way_is_the_papers(percent):
    row = paper_results().row("gru", percent)
    ours = paper_macs(gru_host((320, 320)), percent)
    # The paper's own rounding; what it rounded is not printed.
    assert ours.total / 1e6 == pytest.approx(row.total, rel=3e-4)
    assert ours.recurrent / 1e6 == pytest.approx(row.gru, rel=3e-4)
    assert ours.other / 1e6 == pytest.approx(row.non_gru, abs=0.01)


def test_p_values_stand_with_their_pairs():
    """What the paper says of them in words: at 5 percent these five differ."""
    p_values = paper_results().p_values
    assert len(p_values) == 18
    assert {pair for pair, p in p_values.items() if p < 0.05} == {
        ("gru", 100, 25),
        ("gru", 75, 25),
        ("gru", 50, 25),
        ("dprnn", 100, 25),
        ("dprnn", 75, 25),
    }
    assert p_values["gru", 100, 50] == 0.508


def test_scores_of_the_unprocessed_input_are_the_known_ones():
    row = paper_results().row("noisy", None)
    assert (row.pesq_wb, row.estoi, row.si_snr, row.dnsmos_ovrl) == (1.58, 81, 9.23, 2.48)
    assert "2408.12425" in paper_results().citation
