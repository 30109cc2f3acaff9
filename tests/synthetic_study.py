"""Studies written by hand, with scores drawn from a generator: no audio, no model runs."""

import csv
import json
from pathlib import Path

import numpy as np

METRICS = ("pesq_wb", "estoi", "si_sdr", "si_snr", "dnsmos_ovrl", "lufs")
BEFORE = (
    "testset,clip,system,update_percent,backend,model_sha256,audio_sha256,snr_db,noise_kind,"
    "speaker,executed_macs,update_fraction"
).split(",")
SYSTEMS = ("noisy", "gru:100", "gru:50")
SHA = {"gru": "a" * 12, "other": "b" * 12}
MEANS = {  # of a clip at 0 dB, and what a model adds
    "pesq_wb": (1.4, 0.5),
    "estoi": (0.6, 0.05),
    "si_sdr": (3.0, 5.0),
    "si_snr": (3.1, 5.0),
    "dnsmos_ovrl": (2.0, 0.6),
    "lufs": (-26.0, -1.0),
}


def rows_of(
    testset="pairs",
    n=12,
    systems=SYSTEMS,
    metrics=METRICS,
    seed=0,
    names=None,
    snrs=(-5.0, 0.0, 5.0),
    kinds=("rain", "babble"),
    offsets=None,
    spread=0.02,
):
    """Return rows of a scores.csv as dicts of text; `offsets` adds to pesq_wb by system."""
    rng = np.random.default_rng(seed)
    rows = []
    hardness = rng.standard_normal(n)
    for system in systems:
        name, _, percent = system.partition(":")
        is_model = bool(percent)
        for i in range(n):
            row = dict.fromkeys([*BEFORE, *metrics, "error"], "")
            row |= {
                "testset": testset,
                "clip": names[i] if names else f"{testset}{i:03d}",
                "system": name,
                "update_percent": percent,
                "backend": "engine" if is_model else "",
                "model_sha256": SHA.get(name, "") if is_model else "",
                "audio_sha256": f"{i:012x}",
                "snr_db": f"{snrs[i % len(snrs)]:g}" if snrs else "",
                "noise_kind": kinds[i % len(kinds)] if kinds else "",
            }
            if is_model:
                share = (1 + 2 * float(percent) / 100) / 3
                row["executed_macs"] = f"{1.024e7 + 1.2288e8 * share:.0f}"
                row["update_fraction"] = f"{float(percent) / 100:.6f}"
            for metric in metrics:
                start, gain = MEANS[metric]
                value = start + 0.2 * start * hardness[i] * 0.3
                if name != "noisy":
                    value += gain * (1 + spread * rng.standard_normal())
                    if metric == "pesq_wb" and offsets:
                        value += offsets.get(system, 0.0)
                row[metric] = f"{value:.6f}"
            rows.append(row)
    return rows


def write_study(folder, rows, metrics=METRICS, **facts):
    """Write scores.csv and study.json; `facts` replace those of the latter."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "scores.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*BEFORE, *metrics, "error"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    counts = {}
    for row in rows:
        counts.setdefault(row["testset"], set()).add(row["clip"])
    kinds = {
        row["system"]: "noisy"
        if row["system"] == "noisy"
        else ("model" if row["update_percent"] else "folder")
        for row in rows
    }
    document = {
        "format": 1,
        "commands": ["wheesht evaluate gru:100,50 --testset pairs -o study"],
        "machine": "A Processor",
        "versions": {"wheesht": "0.0", "pesq": "0.0.4"},
        "testsets": {
            name: {
                "kind": "pairs",
                "path": f"/somewhere/{name}",
                "data": None,
                "sha256": "c" * 64,
                "clips": len(clips),
                "seconds": 10.0 * len(clips),
            }
            for name, clips in counts.items()
        },
        "systems": {
            name: {"kind": kind}
            if kind == "noisy"
            else {
                "kind": kind,
                "path": f"/somewhere/{name}",
                "sha256": SHA.get(name, "") + "0" * 52,
            }
            | ({"params": 1335521, "host": "gru"} if kind == "model" else {"lag_samples": {}})
            for name, kind in kinds.items()
        },
    } | facts
    (folder / "study.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def values(rows, testset, system, metric):
    """Return the scores of a system by clip, read from the rows' own text."""
    name, _, percent = system.partition(":")
    return {
        row["clip"]: float(row[metric])
        for row in rows
        if (row["testset"], row["system"], row["update_percent"]) == (testset, name, percent)
        and row[metric]
    }
