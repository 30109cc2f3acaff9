"""What a recipe trains on: its corpus and rooms, opened as mixers."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from wheesht.data.bandwidth import bandwidths_hz
from wheesht.data.bank import Progress, SampleBank, open_bank
from wheesht.data.corpora import LAYOUTS, Corpus, folders_corpus, speaker_of
from wheesht.data.mixing import Mixer
from wheesht.data.rooms import open_rooms
from wheesht.errors import CorpusError
from wheesht.training.config import DataConfig, Recipe

RATE = 16000
TRAIN_ROOMS_SEED, VALID_ROOMS_SEED = 1, 2  # rooms do not vary with the seed of a run
VALID_ROOMS = 40


def open_mixers(recipe: Recipe, root: Path, cache: Path, progress: Progress) -> tuple[Mixer, Mixer]:
    """Return the mixers of training and of validation pairs.

    Parameters
    ----------
    recipe : Recipe
    root : Path
        Of the corpus.
    cache : Path
        Where decoded corpora and simulated rooms are kept; they are made when they are not there.
    progress : callable ``(items, label)``
        Wraps what is made.

    Raises
    ------
    CorpusError
        The corpus is not as the recipe says, or has no speech of the bandwidth asked for.
    MissingDependency
        Rooms are asked for and cannot be simulated.
    """
    corpus = list_corpus(recipe.data, root)

    def bank(files: tuple[Path, ...]) -> SampleBank:
        return open_bank(files, RATE, cache, progress)

    def rooms(count: int, seed: int) -> SampleBank | None:
        if recipe.mixing.reverb_share == 0.0:
            return None
        return open_rooms(count, seed, RATE, cache, progress)

    speech_train = _of_bandwidth(
        bank(corpus.speech_train), recipe.data.least_bandwidth_hz, progress
    )
    train = Mixer(
        speech_train,
        bank(corpus.noise_train),
        recipe.mixing,
        RATE,
        rooms(recipe.mixing.rooms, TRAIN_ROOMS_SEED),
        [speaker_of(corpus.speech_train[i]) for i in speech_train.sources],
    )
    speech_valid = bank(corpus.speech_valid)
    valid = Mixer(
        speech_valid,
        bank(corpus.noise_valid),
        replace(recipe.mixing, seconds=recipe.validation.seconds),
        RATE,
        rooms(VALID_ROOMS, VALID_ROOMS_SEED),
        [speaker_of(corpus.speech_valid[i]) for i in speech_valid.sources],
    )
    return train, valid


def fingerprint(*mixers: Mixer) -> str:
    """Return a text that differs between corpora, wherever they lie: of their recordings' lengths.

    What was left out for its bandwidth is no part of it.
    """
    digest = hashlib.sha256()
    for mixer in mixers:
        for bank in (mixer.speech, mixer.noise):
            lengths = [bank.length(i) for i in range(len(bank))]
            digest.update(np.array([len(lengths), *lengths], "<i8").tobytes())
    return digest.hexdigest()


def list_corpus(config: DataConfig, root: Path) -> Corpus:
    """List the files of the corpus that a recipe names."""
    if config.layout == "folders":
        return folders_corpus(root, config.speech, config.noise)
    return LAYOUTS[config.layout](root)


def _of_bandwidth(speech: SampleBank, least_hz: float, progress: Progress) -> SampleBank:
    if least_hz == 0.0:
        return speech
    kept = np.flatnonzero(bandwidths_hz(speech, RATE, progress) >= least_hz)
    if not len(kept):
        raise CorpusError(f"data.least_bandwidth_hz: no recording reaches {least_hz:g} Hz")
    return speech.select(kept)
