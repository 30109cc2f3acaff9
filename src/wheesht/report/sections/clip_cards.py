"""Cards of clips: spectrograms on one scale and players, made from the audio that was scored."""

import numpy as np

from wheesht.errors import WheeshtError
from wheesht.evaluation.replay import Audio, replay
from wheesht.evaluation.study import Row, Study, key_of
from wheesht.report.charts.spectrograms import SAMPLE_RATE, flac_uri, image, level_db
from wheesht.report.digits import shown
from wheesht.report.document import ClipCard, Sound
from wheesht.report.material import Material
from wheesht.report.numbers.scores import Variant

MOST_SECONDS = 15.0  # of a clip; the rest is left out
MOST_BYTES = 24_000_000  # of all drawings and sounds; a larger page opens slowly
LEAST_TOP_DB = -60.0  # of the colour scale, so that silence is not drawn as if it were noise
Place = tuple[str, str]  # test set, clip


def clip_cards(
    material: Material, variant: Variant, numbers: dict[Place, int], facts: dict[Place, str]
) -> tuple[tuple[ClipCard, ...], str]:
    """Return cards of clips, as many as can be had and as fit on a page.

    Parameters
    ----------
    material : Material
    variant : Variant
        Whose output to show.
    numbers, facts : dict
        Number and a line about each clip; the order is that of the cards.

    Returns
    -------
    cards : tuple of ClipCard
    why_not : str
        Empty, or the sentence why a clip's audio could not be had.
    """
    cards: list[ClipCard] = []
    why_not, size = "", 0
    for place, count in numbers.items():
        row = material.scores.rows[place[0], variant][place[1]]
        try:
            audio = replay(_study_of(material, row), row, material.options.data)
        except (WheeshtError, OSError) as error:
            why_not = why_not or shown(str(error))
            continue
        sounds = _sounds(audio, place[1])
        size += sum(len(sound.audio) + len(sound.spectrogram) for sound in sounds)
        if size > MOST_BYTES:
            break
        cards.append(ClipCard(f"{count}. {place[1]}", facts[place], sounds))
    return tuple(cards), why_not


def _study_of(material: Material, row: Row) -> Study:
    """Return the study that a row is from."""
    wanted = key_of(row), row.model_sha256, row.audio_sha256
    return next(
        study
        for study in material.studies
        if any((key_of(r), r.model_sha256, r.audio_sha256) == wanted for r in study.rows)
    )


def _sounds(audio: Audio, clip: str) -> tuple[Sound, ...]:
    """Return unprocessed, enhanced and clean, with colours that mean the same in all three."""
    signals = {"Unprocessed": audio.noisy, "Enhanced": audio.enhanced}
    if audio.clean is not None:
        signals["Clean"] = audio.clean
    signals = {name: x[: round(MOST_SECONDS * SAMPLE_RATE)] for name, x in signals.items()}
    levels = {name: level_db(x) for name, x in signals.items()}
    top = max(LEAST_TOP_DB, *(float(np.max(one)) for one in levels.values()))
    seconds = len(audio.noisy[: round(MOST_SECONDS * SAMPLE_RATE)]) / SAMPLE_RATE
    return tuple(
        Sound(
            name,
            image(levels[name], top, seconds),
            flac_uri(signals[name]),
            f"{name}: {clip}",
        )
        for name in signals
    )
