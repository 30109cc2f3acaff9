"""One clip scored: read once, enhanced by every system, each result measured."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from wheesht.data.mixing import active_power
from wheesht.data.testset import RATE, Clip
from wheesht.errors import BundleError, MissingDependency, WheeshtError
from wheesht.evaluation.study import Key, Row, key_of
from wheesht.evaluation.systems.backends import Enhanced
from wheesht.evaluation.systems.kinds import SHORT, EnhancedFile, System
from wheesht.metrics import METRICS, score
from wheesht.workers import stop_asked

LEAST_POWER = 1e-12  # mean square; below it a signal counts as silence


@dataclass(frozen=True)
class ClipJob:
    """What is to be done with one clip.

    Attributes
    ----------
    testset : str
    clip : Clip
    systems : tuple of System
    metrics : tuple of str
        Names; those that need a clean signal are left out where there is none.
    known : dict of Key to Row
        Rows of an earlier run, which stay where audio and model are still the same.
    """

    testset: str
    clip: Clip
    systems: tuple[System, ...]
    metrics: tuple[str, ...]
    known: dict[Key, Row]


def score_clip(job: ClipJob) -> list[Row]:
    """Return a row for each system, in order; runs in a worker process.

    Raises
    ------
    BundleError, MissingDependency
        What no clip could do anything about. All else is a row's own error.
    """
    try:
        noisy, clean = job.clip.samples()
        checksum, snr_db = audio_sha256(noisy, clean), _snr_db(job.clip, noisy, clean)
    except (WheeshtError, OSError) as error:
        return failed(job, str(error))
    except Exception as error:  # a fault of ours; the other clips shall not pay for it
        return failed(job, _unexpected(error))
    rows = []
    for system in job.systems:
        if stop_asked():
            raise KeyboardInterrupt
        blank = replace(_blank(job, system), audio_sha256=checksum, snr_db=snr_db)
        try:
            rows.append(_scored(job, system, blank, noisy, clean))
        except (BundleError, MissingDependency):
            raise
        except (WheeshtError, OSError) as error:
            rows.append(replace(blank, error=str(error)))
        except Exception as error:  # likewise
            rows.append(replace(blank, error=_unexpected(error)))
    return rows


def failed(job: ClipJob, error: str) -> list[Row]:
    """Return rows without scores, which say why."""
    return [replace(_blank(job, system), error=error) for system in job.systems]


def audio_sha256(*signals: np.ndarray | None) -> str:
    """Return the first digits of a checksum over signals; None is a signal that is not there."""
    digest = hashlib.sha256()
    for x in signals:
        if x is not None:
            digest.update(f"{len(x)}:".encode())
            digest.update(np.ascontiguousarray(x, dtype="<f4").tobytes())
    return digest.hexdigest()[:SHORT]


def applicable(metrics: tuple[str, ...], has_clean: bool) -> tuple[str, ...]:
    """Return the metrics that a clip with or without a clean signal can have."""
    return tuple(name for name in metrics if has_clean or not METRICS[name].needs_clean)


def _scored(
    job: ClipJob, system: System, blank: Row, noisy: np.ndarray, clean: np.ndarray | None
) -> Row:
    enhanced: Enhanced | None = None
    if isinstance(system, EnhancedFile):  # no checksum but that of its samples says what it is
        enhanced = system.enhance(noisy)
        blank = replace(blank, audio_sha256=audio_sha256(noisy, clean, enhanced.samples))
    known = _still_valid(job, blank)
    missing = [n for n in applicable(job.metrics, clean is not None) if n not in known.scores]
    if not missing:
        return known
    enhanced = enhanced or system.enhance(noisy)
    values, errors = score(missing, clean, enhanced.samples, RATE)
    for name, value in list(values.items()):
        if not np.isfinite(value):
            del values[name]
            errors[name] = f"{name}: the result is {value}"
    return replace(
        known,
        executed_macs=enhanced.executed_macs,
        update_fraction=enhanced.update_fraction,
        scores=known.scores | values,
        error=" | ".join(dict.fromkeys(errors.values())),  # what metrics share is said once
    )


def _still_valid(job: ClipJob, blank: Row) -> Row:
    """Return the row that is known, told anew about its clip, or the blank one."""
    known = job.known.get(key_of(blank))
    if known is None or (known.audio_sha256, known.model_sha256) != (
        blank.audio_sha256,
        blank.model_sha256,
    ):
        return blank
    return replace(
        blank,
        executed_macs=known.executed_macs,
        update_fraction=known.update_fraction,
        scores=known.scores,
    )


def _blank(job: ClipJob, system: System) -> Row:
    clip = job.clip
    return Row(
        testset=job.testset,
        clip=clip.name,
        system=system.name,
        update_percent=system.update_percent,
        backend=system.backend,
        model_sha256=system.sha256,
        audio_sha256="",
        snr_db=clip.snr_db,
        noise_kind=clip.noise_kind,
        speaker=clip.speaker,
        executed_macs=None,
        update_fraction=None,
        scores={},
    )


def _snr_db(clip: Clip, noisy: np.ndarray, clean: np.ndarray | None) -> float | None:
    """Return the ratio that the test set states, else that of speech-active to noise power."""
    if clip.snr_db is not None or clean is None or not len(clean):
        return clip.snr_db
    speech = active_power(clean.astype(np.float64))
    noise = float(np.mean((noisy.astype(np.float64) - clean) ** 2))
    if not (speech > LEAST_POWER and noise > LEAST_POWER):  # also when a sample is NaN
        return None
    return round(10 * float(np.log10(speech / noise)), 1)


def _unexpected(error: Exception) -> str:
    return f"failed unexpectedly ({type(error).__name__}: {error})"
