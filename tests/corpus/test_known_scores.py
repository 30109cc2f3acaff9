"""Scores of real recordings that others have published or that other programs give."""

import csv
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wheesht.data.testset import clips_of_table
from wheesht.data.testset_folders import clips_of_folder
from wheesht.metrics import METRICS, score

pytestmark = pytest.mark.slow

RATE = 16000
# The log of the noisy VoiceBank-DEMAND test set in the repository ruizhecao96/CMGAN (commit
# 1977dac, src/tools/Noisy_metrics_results/python_noisy_metrics.log), which its authors found
# identical to the MATLAB programs of Loizou's book; the 26 tracks that the corpus holds.
LOG = Path(__file__).with_name("vbd_demand_log.tsv")
COMPOSITES = ("csig", "cbak", "covl", "seg_snr")
# 13 of the 26 are the log's very samples, the others were resampled on their way here.
SAME_SAMPLES = 13
AS_PRINTED = 2e-6  # six decimals, and the last of them
RESAMPLED = 0.03  # 0.019 at most, where PESQ is up to 0.005 apart
# The noisy rows of the peers' tables, which have five decimals; targets are ten times as wide.
PEERS = {
    "pesq_wb": 1e-4,
    "pesq_nb": 1e-4,
    "stoi": 1e-5,
    "estoi": 1e-5,
    "si_snr": 1e-4,
    "dnsmos_ovrl": 1e-4,  # float32 networks: 2e-5 on the processor they were compared on
    "dnsmos_sig": 1e-4,
    "dnsmos_bak": 1e-4,
    "dnsmos_p808": 1e-4,
}
COLUMN = {"si_snr": "si_sdr"}  # theirs has the means removed
MIR_EVAL_DB = 1e-6


def all_scores(clip):
    """Every metric of the unprocessed clip, and its SDR by mir_eval."""
    noisy, clean = clip.samples()
    values, errors = score(METRICS, clean, noisy, RATE)
    assert errors == {}
    from mir_eval.separation import bss_eval_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mir_eval 0.9 will drop it
        pair = (x.astype(np.float64)[None] for x in (clean, noisy))
        values["mir_eval"] = bss_eval_sources(*pair, compute_permutation=False)[0][0]
    return values


def scored(clips):
    with ProcessPoolExecutor(2) as pool:
        return dict(zip([c.name for c in clips], pool.map(all_scores, clips), strict=True))


def peers_rows(data, testset):
    table = data.parent / "peers" / f"scores_{testset}.csv"
    if not table.is_file():
        pytest.skip("needs the peers' scores beside the corpus")
    with open(table, newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file) if row["peer"] == "noisy"}


@pytest.fixture(scope="module")
def voicebank(data):
    return scored(clips_of_folder(data / "vbd_demand"))


@pytest.fixture(scope="module")
def dnslike(data):
    """Six of the 150: SNR 3, 8, 13, 18, 2, 7 dB."""
    return scored(list(clips_of_table(data / "testsets" / "dnslike.tsv", data))[3::25])


@pytest.fixture(scope="module")
def log():
    with open(LOG, newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row.pop("clip"): {k: float(v) for k, v in row.items()} for row in rows}


@pytest.mark.parametrize("name", COMPOSITES)
def test_ratings_of_voicebank_demand_equal_the_public_log(name, voicebank, log):
    assert voicebank.keys() == log.keys() and len(log) == 26
    same = {
        clip
        for clip in log
        if voicebank[clip]["pesq_wb"] == pytest.approx(log[clip]["pesq_wb"], abs=1e-5)
    }
    assert len(same) == SAME_SAMPLES
    for clip, row in log.items():
        limit = AS_PRINTED if clip in same else RESAMPLED
        assert voicebank[clip][name] == pytest.approx(row[name], abs=limit), clip


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("testset", ["vbd_demand", "dnslike"])
def test_noisy_scores_equal_those_in_the_peers_tables(testset, name, data, request):
    found = request.getfixturevalue({"vbd_demand": "voicebank"}.get(testset, testset))
    known = peers_rows(data, testset)
    for clip, values in found.items():
        want = float(known[clip][COLUMN.get(name, name)])
        assert values[name] == pytest.approx(want, abs=PEERS[name]), clip


@pytest.mark.parametrize("testset", ["voicebank", "dnslike"])
def test_sdr_equals_that_of_mir_eval(testset, request):
    for clip, values in request.getfixturevalue(testset).items():
        assert values["sdr"] == pytest.approx(values["mir_eval"], abs=MIR_EVAL_DB), clip


@pytest.mark.parametrize("testset", ["voicebank", "dnslike"])
def test_measures_keep_their_order(testset, request):
    for clip, values in request.getfixturevalue(testset).items():
        assert values["sdr"] >= values["si_sdr"], clip  # it forgives a filter besides the level
        assert values["estoi"] <= values["stoi"], clip
        assert values["pesq_nb"] >= values["pesq_wb"], clip
