"""Which container and sample coding a file gets."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from wheesht.audio.pcm import PCM_BY_SUBTYPE
from wheesht.errors import AudioFileError

OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)  # Hz
EXTENSIONS = {  # containers by libsndfile's names; also what a folder run picks up
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
}
SAME_AS_WAV = {"WAVEX": "WAV", "RF64": "WAV"}  # variants that hold the same sample codings
NO_FLOAT_SUBTYPE = "PCM_24"  # what float becomes where only integers fit
WAV_LIMIT_BYTES = 4_000_000_000  # of samples; RIFF counts bytes in 32 bits, the rest is margin


@dataclass(frozen=True)
class AudioFormat:
    """What is known of some audio before its samples are read.

    `frames` is the number of samples per channel, None when only the end of a pipe will tell.
    `container` and `subtype` are libsndfile's names. `speakers` is the layout that an extensible
    WAV states, a bit for each loudspeaker.
    """

    sample_rate: int
    channels: int
    container: str
    subtype: str
    frames: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    speakers: int | None = None


def target_coding(path: str | os.PathLike[str], source: AudioFormat) -> tuple[str, str]:
    """Return container and subtype for a target file.

    The extension chooses the container. The sample coding stays that of the source where the
    container has it; otherwise it is the container's usual one, 24 bits for float.

    Raises
    ------
    AudioFileError
        The extension is not known.
    """
    extension = Path(path).suffix.lower()
    if extension not in EXTENSIONS:
        raise AudioFileError(
            f"{path}: cannot tell the format from the extension {extension!r}; use one of "
            f"{' '.join(EXTENSIONS)}"
        )
    container = EXTENSIONS[extension]
    if extension == ".opus":
        return container, "OPUS"
    if extension == ".wav" and source.container == "WAVEX":
        return "WAVEX", source.subtype  # the variant that says which loudspeaker has which channel
    kin = SAME_AS_WAV.get(container, container)
    if kin == SAME_AS_WAV.get(source.container, source.container):
        keeps = source.subtype in soundfile.available_subtypes(container)
        if keeps and not source.subtype.startswith("MPEG") or container == "MP3":
            return container, source.subtype
    elif source.subtype in PCM_BY_SUBTYPE:
        if source.subtype in soundfile.available_subtypes(container):
            return container, source.subtype
        if container == "FLAC" and source.subtype in ("PCM_32", "FLOAT", "DOUBLE"):
            return container, NO_FLOAT_SUBTYPE
    return container, USUAL_SUBTYPE.get(container, "PCM_16")


USUAL_SUBTYPE = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}


def container_for_size(container: str, subtype: str, source: AudioFormat) -> str:
    """Return RF64 instead of WAV when the samples may not fit into 4 GB."""
    if container in ("WAV", "WAVEX") and source.frames is not None:
        width = PCM_BY_SUBTYPE[subtype].bytes_per_sample if subtype in PCM_BY_SUBTYPE else 1
        if source.frames * source.channels * width > WAV_LIMIT_BYTES:
            return "RF64"
    return container
