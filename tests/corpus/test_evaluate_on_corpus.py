"""`wheesht evaluate` on real clips: known scores, and three ways to run one model."""

import pytest

from wheesht.evaluation.replay import replay
from wheesht.evaluation.run import Settings, evaluate

pytestmark = pytest.mark.slow

# Scores of the unprocessed input by an earlier program on the same clips, which called pesq,
# pystoi and the DNSMOS networks by itself.
KNOWN = {
    "dnslike000_ls2414_train_+0dB": {
        "pesq_wb": 1.0783, "pesq_nb": 1.38092, "stoi": 0.67378, "estoi": 0.38186,
        "si_snr": -2.40137, "dnsmos_ovrl": 1.25629, "dnsmos_sig": 1.63622,
        "dnsmos_bak": 1.38098, "dnsmos_p808": 2.66154,
    },
    "p232_001": {
        "pesq_wb": 2.92546, "pesq_nb": 3.6941, "stoi": 0.89638, "estoi": 0.82893,
        "si_snr": 15.46902, "dnsmos_ovrl": 3.23751, "dnsmos_sig": 3.61956,
        "dnsmos_bak": 3.92038, "dnsmos_p808": 3.32749,
    },
}  # fmt: skip
TOLERANCE = {"stoi": 1e-4, "estoi": 1e-4}  # else 1e-3, of MOS or dB
BETWEEN_BACKENDS = 2e-3  # MOS and dB; measured at most 2e-5 and 4e-4


def test_scores_are_the_known_ones(data, tmp_path):
    testsets = (str(data / "testsets" / "dnslike.tsv"), str(data / "vbd_demand"))
    found = evaluate(Settings(testsets, limit=1), tmp_path, jobs=2)
    assert {row.clip for row in found.rows} == set(KNOWN)
    for row in found.rows:
        for name, value in KNOWN[row.clip].items():
            assert row.scores[name] == pytest.approx(value, abs=TOLERANCE.get(name, 1e-3)), name
    assert found.rows[0].snr_db == 0.0 and found.rows[0].noise_kind == "train"


def test_three_backends_give_one_score(data, tmp_path):
    pytest.importorskip("torch")
    for backend in ("engine", "torch", "reference"):
        found = evaluate(
            Settings(
                (str(data / "vbd_demand"),),
                ("gru:100,50",),
                metrics=("pesq_wb", "si_sdr"),
                backend=backend,
                limit=1,
            ),
            tmp_path,
            jobs=1,
        )
    rows = [row for row in found.study.rows if row.backend]
    for percent in (100.0, 50.0):
        first, *others = [row for row in rows if row.update_percent == percent]
        assert [row.backend for row in (first, *others)] == ["engine", "torch", "reference"]
        for row in others:
            assert row.executed_macs == first.executed_macs
            for name, value in row.scores.items():
                assert value == pytest.approx(first.scores[name], abs=BETWEEN_BACKENDS)
        audio = replay(found.study, first)
        assert audio.enhanced.shape == audio.clean.shape
