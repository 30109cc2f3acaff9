"""Layouts that folders of test clips come in, and how each one's files become clips."""

import re
from collections.abc import Callable
from pathlib import Path

from wheesht.audio.formats import EXTENSIONS
from wheesht.data.testset import Clip, Pair, Recording
from wheesht.errors import CorpusError, ParameterError

VOICEBANK_LOG = "log_testset.txt"  # lines "p232_001 bus 2.5": clip, kind of noise, SNR in dB
DNS_ID = re.compile(r"fileid_(\d+)$")
DNS_SNR = re.compile(r"_snr(-?\d+)_")


def clips_of_folder(folder: Path, layout: str | None = None) -> list[Clip]:
    """Return the clips of a folder, sorted by name.

    Parameters
    ----------
    folder : path
    layout : str, optional
        One of `LAYOUTS`; recognised when left out, except ``clean``, which looks like ``noisy``.

    Raises
    ------
    CorpusError
        The folder has none of the layouts, or not the one that was named; or files are missing.
    ParameterError
        There is no such layout.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ParameterError(f"layout: got {layout!r}, needs one of {', '.join(LAYOUTS)}")
    clips = LAYOUTS[layout or layout_of(folder)](folder)
    if not clips:
        raise CorpusError(f"{folder}: holds no audio files, needs at least one clip")
    return clips


def layout_of(folder: Path) -> str:
    """Return the name of the layout that a folder has.

    Raises
    ------
    CorpusError
        It has none.
    """
    if (folder / "noisy_testset_wav").is_dir():
        return "voicebank"
    if (folder / "noisy").is_dir() and (folder / "clean").is_dir():
        pairs = set(audio_files(folder / "noisy")) <= set(audio_files(folder / "clean"))
        ids = [DNS_ID.search(name) for name in audio_files(folder / "noisy")]
        return "dns" if not pairs and all(ids) else "pairs"
    if folder.is_dir() and audio_files(folder):
        return "noisy"
    raise CorpusError(
        f"{folder}: needs noisy and clean, noisy_testset_wav and clean_testset_wav, or audio files"
    )


def pairs_of_folder(folder: Path) -> list[Clip]:
    """Return the pairs of ``noisy`` and ``clean``, matched by file name."""
    return [Clip(*found) for found in _pairs(folder, "noisy", "clean")]


def voicebank_clips(folder: Path) -> list[Clip]:
    """Return the pairs of VoiceBank-DEMAND, with noise and SNR where its log is there.

    Notes
    -----
    Valentini-Botinhao, Edinburgh DataShare 10283/2791: 824 pairs at 48 kHz, named
    ``<speaker>_<number>.wav``.
    """
    told = _voicebank_log(folder / VOICEBANK_LOG)
    clips = []
    for name, pair in _pairs(folder, "noisy_testset_wav", "clean_testset_wav"):
        kind, snr_db = told.get(name, ("", None))
        clips.append(Clip(name, pair, snr_db, kind, name.partition("_")[0]))
    return clips


def dns_clips(folder: Path) -> list[Clip]:
    """Return the pairs of a DNS-Challenge synthetic test set, matched by the id in their names.

    Notes
    -----
    Reddy et al., INTERSPEECH 2020: ``noisy/..._snr5_tl-20_fileid_7.wav`` belongs to
    ``clean/clean_fileid_7.wav``. Names say neither the kind of noise nor the speaker.
    """
    clean = {}
    for name, path in audio_files(_existing(folder / "clean")).items():
        if match := DNS_ID.search(name):
            clean[int(match[1])] = path
    clips = []
    for name, path in audio_files(_existing(folder / "noisy")).items():
        match = DNS_ID.search(name)
        if match is None or int(match[1]) not in clean:
            raise CorpusError(f"{path}: no clean file with its fileid in {folder / 'clean'}")
        snr = DNS_SNR.search(name)
        clips.append(Clip(name, Pair(path, clean[int(match[1])]), float(snr[1]) if snr else None))
    return clips


def recordings_of_folder(folder: Path) -> list[Clip]:
    """Return the audio files of a folder as clips without a clean signal."""
    return [Clip(name, Recording(path)) for name, path in audio_files(_existing(folder)).items()]


def clean_recordings(folder: Path) -> list[Clip]:
    """Return the clean recordings of a folder, to be heard as they are.

    Whatever a system changes in them is damage.
    """
    return [Clip(name, Pair(path, path)) for name, path in audio_files(_existing(folder)).items()]


LAYOUTS: dict[str, Callable[[Path], list[Clip]]] = {
    "pairs": pairs_of_folder,
    "voicebank": voicebank_clips,
    "dns": dns_clips,
    "noisy": recordings_of_folder,
    "clean": clean_recordings,
}


def audio_files(folder: Path) -> dict[str, Path]:
    """Return the audio files of a folder by name without extension, sorted.

    Raises
    ------
    CorpusError
        Two files have the same name but for their extension, or the folder cannot be read.
    """
    found: dict[str, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise CorpusError(f"{folder}: cannot be read ({error.strerror})") from error
    for path in paths:
        if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
            continue
        if path.stem in found:
            raise CorpusError(f"{path}: {found[path.stem].name} has the same name; remove one")
        found[path.stem] = path
    return dict(sorted(found.items()))


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder, which this layout needs")
    return folder


def _pairs(folder: Path, noisy: str, clean: str) -> list[tuple[str, Pair]]:
    clean_files = audio_files(_existing(folder / clean))
    pairs = []
    for name, path in audio_files(_existing(folder / noisy)).items():
        if name not in clean_files:
            raise CorpusError(f"{path}: no clean file of that name in {folder / clean}")
        pairs.append((name, Pair(path, clean_files[name])))
    return pairs


def _voicebank_log(path: Path) -> dict[str, tuple[str, float]]:
    told = {}
    try:
        for line in path.read_text().splitlines():
            if line.strip():
                name, kind, snr_db = line.split()
                told[name] = kind, float(snr_db)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path}: cannot be read ({error}); needs lines such as 'p232_001 bus 2.5'"
        ) from error
    return told
