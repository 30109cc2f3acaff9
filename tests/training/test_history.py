"""The log of a run that was cut and goes on."""

import json

import pytest

torch = pytest.importorskip("torch")

from wheesht.training.history import History  # noqa: E402


def test_lines_after_the_checkpoint_and_a_torn_last_line_are_dropped(tmp_path):
    with History(tmp_path, resume_step=0) as history:
        for step in (50, 100, 150):
            history.write(step, "train", {"loss": 1.0 / step})
    with open(tmp_path / "history.jsonl", "a") as file:
        file.write('{"step": "50"}\n[1]\n7\n\ufffd\n')  # damaged on the disk
        file.write('{"step": 20')  # killed while writing
    with History(tmp_path, resume_step=100) as history:
        history.write(150, "train", {"loss": 0.5})
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").open()]
    assert [row["step"] for row in rows] == [50, 100, 150] and rows[-1]["loss"] == 0.5
