"""Answer sheets made up for a key, as the page writes them."""

import csv

from wheesht.report.listening.key import Key, KeyCondition, KeyItem
from wheesht.report.listening.sheets import COLUMNS

ROLES = ("reference", "anchor", "noisy", "system", "system")
NAMES = ("hidden reference", "low anchor (3.5 kHz)", "noisy", "gru, P = 50", "rival")


def item(clip, stimuli, snr_db=0.0):
    return KeyItem("made", clip, "babble", "s1", snr_db, 0.0, 8.0, -26.0, {}, stimuli)


def mushra_key(n_items=4):
    conditions = tuple(map(KeyCondition, ROLES, NAMES))
    items = {
        f"i{k}": item(f"clip{k}", {f"s{k}{c}": c for c in (3, 0, 4, 1, 2)}, 5.0 * k)
        for k in range(n_items)
    }
    return Key("abc123", "mushra", conditions, items, {"selection": "By hand.", "notes": []})


def ab_key(n_clips=4, n_conditions=2):
    conditions = tuple(KeyCondition("system", name) for name in ("old", "new", "other"))
    pairs = [(a, b) for a in range(n_conditions) for b in range(a)]
    items = {
        f"i{k}{a}{b}": item(f"clip{k}", {f"s{k}{a}": a, f"t{k}{b}": b})
        for k in range(n_clips)
        for a, b in pairs
    }
    return Key("def456", "ab", conditions[:n_conditions], items, {"selection": "", "notes": []})


def lines_of(key, listener, score, device="headphones"):
    """Lines of a sheet; `score` is a function of item name and index of the condition."""
    lines = [list(COLUMNS)]
    for trial, (name, one) in enumerate(key.items.items(), start=1):
        for slot, (stimulus, condition) in enumerate(one.stimuli.items(), start=1):
            cells = [key.kit, key.kind, listener, device, 7, "2026-05-04T10:00:00Z", trial, name]
            lines.append([*map(str, [*cells, slot, stimulus, score(name, condition), 2, 30])])
    return lines


def write_lines(path, lines):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    return path


def write_sheet(folder, key, listener, score, **settings):
    return write_lines(folder / f"{listener}.csv", lines_of(key, listener, score, **settings))
