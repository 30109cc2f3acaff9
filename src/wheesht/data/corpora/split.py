"""Layout ``split``: ``speech`` and ``noise``, each with folders ``train`` and ``valid``."""

from pathlib import Path

from wheesht.data.corpora.listing import Corpus, audio_files


def split_corpus(root: Path) -> Corpus:
    """List ``root/{speech,noise}/{train,valid}``; a ``test`` folder beside them stays unread.

    Raises
    ------
    CorpusError
        A folder is missing or holds no audio.
    """
    return Corpus(
        audio_files(root / "speech" / "train"),
        audio_files(root / "speech" / "valid"),
        audio_files(root / "noise" / "train"),
        audio_files(root / "noise" / "valid"),
    )
