"""The corpus beside the project: its folder comes from WHEESHT_DATA."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data():
    """Folder of the corpus, or skip."""
    folder = os.environ.get("WHEESHT_DATA")
    if not folder:
        pytest.skip("needs the corpus: set WHEESHT_DATA to its folder")
    assert Path(folder).is_dir(), f"WHEESHT_DATA names {folder}, which is no folder"
    return Path(folder)
