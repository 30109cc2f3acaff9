"""Layout ``folders``: one folder of clean speech, one folder of noise, any rate, any depth."""

from pathlib import Path

from wheesht.data.corpora.listing import Corpus, audio_files, hold_out


def folders_corpus(root: Path, speech: str = "clean", noise: str = "noise") -> Corpus:
    """List a corpus of two folders; about a twentieth of the files is held out for validation.

    Parameters
    ----------
    root : Path
        What `speech` and `noise` are relative to.
    speech, noise : str
        Folder names.

    Raises
    ------
    CorpusError
        A folder is missing or holds no audio.
    """
    speech_train, speech_valid = hold_out(audio_files(root / speech), root)
    noise_train, noise_valid = hold_out(audio_files(root / noise), root)
    return Corpus(speech_train, speech_valid, noise_train, noise_valid)
