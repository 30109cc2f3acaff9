"""A whole file of one channel as an array, at the rate that is asked for."""

import os
from contextlib import closing

import numpy as np
import soundfile
import soxr

from wheesht.audio.reader import FileReader, library_path
from wheesht.errors import AudioFileError

QUALITY = "VHQ"  # the whole signal is there, so the longest filter costs no delay


def read_mono(path: str | os.PathLike[str], sample_rate: int) -> np.ndarray:
    """Read a file of one channel, resampled where needed.

    Parameters
    ----------
    path : str or path
        Of any container that libsndfile knows.
    sample_rate : int
        Wanted, Hz.

    Returns
    -------
    ndarray of float32, shape (N,)
        Full scale 1.0.

    Raises
    ------
    AudioFileError
        Not found, not audio, damaged, of several channels, or of a rate that is not supported.
    """
    with closing(FileReader(path, os.fspath(path))) as reader:
        if reader.format.channels != 1:
            raise AudioFileError(
                f"{path}: has {reader.format.channels} channels, needs one; write the one that is "
                f"meant to a file of its own"
            )
        x = np.concatenate(list(reader.blocks()), axis=1)[0]
        if reader.warnings:
            raise AudioFileError(
                f"{path}: is cut off or damaged, needs the whole file; get it anew"
            )
    if reader.format.sample_rate == sample_rate:
        return x
    return np.asarray(soxr.resample(x, reader.format.sample_rate, sample_rate, QUALITY))


def samples_at(path: str | os.PathLike[str], sample_rate: int) -> int:
    """Return how many samples a file would have at a rate, from its header; 0 if unreadable."""
    try:
        info = soundfile.info(library_path(path))
    except (soundfile.LibsndfileError, OSError):
        return 0  # reading it will say why
    return round(info.frames * sample_rate / info.samplerate)
