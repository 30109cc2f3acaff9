"""Where the files of a corpus lie; `LAYOUTS` lists the layouts by the name a recipe uses."""

from collections.abc import Callable
from pathlib import Path

from wheesht.data.corpora.dns import dns_corpus
from wheesht.data.corpora.folders import folders_corpus
from wheesht.data.corpora.listing import Corpus, speaker_of
from wheesht.data.corpora.split import split_corpus

LAYOUTS: dict[str, Callable[[Path], Corpus]] = {
    "split": split_corpus,
    "folders": folders_corpus,
    "dns": dns_corpus,
}

__all__ = ["LAYOUTS", "Corpus", "dns_corpus", "folders_corpus", "speaker_of", "split_corpus"]
