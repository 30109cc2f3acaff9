"""Layout ``dns``: the folders of the Deep Noise Suppression Challenge's repository."""

from pathlib import Path

from wheesht.data.corpora.folders import folders_corpus
from wheesht.data.corpora.listing import Corpus
from wheesht.errors import CorpusError

# The 2020 challenge keeps 16 kHz folders, later ones full-band folders.
PAIRS = (("clean", "noise"), ("clean_fullband", "noise_fullband"))


def dns_corpus(root: Path) -> Corpus:
    """List the challenge's clean speech and noise, below ``root`` or ``root/datasets``.

    Raises
    ------
    CorpusError
        Neither the folders of 2020 nor those of later years are there.
    """
    for base in (root / "datasets", root):
        for speech, noise in PAIRS:
            if (base / speech).is_dir() and (base / noise).is_dir():
                return folders_corpus(base, speech, noise)
    raise CorpusError(
        f"{root}: not a DNS Challenge folder; needs datasets/clean and datasets/noise, or "
        f"datasets/clean_fullband and datasets/noise_fullband"
    )
