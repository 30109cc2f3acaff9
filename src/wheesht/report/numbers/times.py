"""Measured times of models and rivals, from what `wheesht bench --json` and others print."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheesht.errors import StudyError
from wheesht.report.digits import shown
from wheesht.report.numbers.scores import Variant

ENGINE = "wheesht"  # backend of the engine's own rows
SAME_MACS = 0.005  # relative; counts of one network differ by rounding only


@dataclass(frozen=True)
class Time:
    """One line of a benchmark; one thread.

    Attributes
    ----------
    backend : str
        ``wheesht``, another runtime on the same weights, or a rival's name.
    model, model_sha256 : str
        Name and begin of the hash of the model where the file says it, else empty.
    dtype, isa : str
        Number type and instruction set where known.
    update_percent : float or None
        In percent.
    us_hop_median, us_hop_p99 : float or None
        Microseconds per hop.
    us_recurrent_median : float or None
        Microseconds per hop of the recurrent layers, where the file says it.
    hop_ms : float or None
        Length of a hop in milliseconds.
    rtf : float
        Computing time over audio time.
    executed_macs : float or None
        Per second of audio.
    timed : str
        What the timed call holds; empty where the file does not say.
    machine : str
        Processor; empty where the file does not say.
    document : str
        Which file, and which document in it, the line is from.
    is_quiet : bool
        Whether the machine was quiet enough to quote from; taken as true where not said.
    """

    backend: str
    model: str
    model_sha256: str
    dtype: str
    isa: str
    update_percent: float | None
    us_hop_median: float | None
    us_hop_p99: float | None
    us_recurrent_median: float | None
    hop_ms: float | None
    rtf: float
    executed_macs: float | None
    timed: str
    machine: str
    document: str
    is_quiet: bool

    @property
    def ms_per_second(self) -> float:
        """Milliseconds of computing for a second of audio, comparable across hop lengths."""
        return 1e3 * self.rtf

    @property
    def us_per_hop(self) -> float | None:
        """Microseconds of computing per hop as the real-time factor has them.

        For hops above a millisecond that is CPU time, which holds no wait for the core; else the
        same as `us_hop_median`.
        """
        return None if self.hop_ms is None else 1e3 * self.rtf * self.hop_ms

    @property
    def place(self) -> str:
        """What times must share to be compared: the machine, or the document that names none."""
        return self.machine or self.document


@dataclass(frozen=True)
class Times:
    """All times found, in the order of the files.

    With `place`, models and rivals have the times of that machine only, since times of different
    machines do not compare; see `Time.place`.
    """

    entries: tuple[Time, ...] = ()
    place: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """Machines that the engine's times are from."""
        return tuple(dict.fromkeys(e.place for e in self.entries if e.backend == ENGINE))

    @property
    def machine(self) -> str:
        """Name of the machine that was settled on; empty where the files do not say."""
        return next((e.machine for e in self.entries if e.place == self.place), "")

    def of_model(self, variant: Variant, executed_macs: float | None) -> Time | None:
        """Return the engine's fastest time for a model at a setting.

        Times depend on the shape of a network and not on its weights, so where the file does not
        name its model an entry of the same setting and the same executed MACs is the one.
        """
        return min(
            self._of_model(variant, executed_macs), key=lambda entry: entry.rtf, default=None
        )

    def of_pair(
        self, variants: Sequence[Variant], executed_macs: Sequence[float | None]
    ) -> tuple[Time, Time] | None:
        """Return times of two settings that may be divided by each other.

        Both are of one document, instruction set and number type: the one in which the first is
        fastest. None where no document has both.
        """
        first, second = (
            self._of_model(variant, macs)
            for variant, macs in zip(variants, executed_macs, strict=True)
        )
        pairs = [
            (a, b)
            for a in first
            for b in second
            if (a.document, a.isa, a.dtype, a.timed) == (b.document, b.isa, b.dtype, b.timed)
        ]
        return min(pairs, key=lambda pair: (pair[0].rtf, pair[1].rtf), default=None)

    def of_rival(self, name: str) -> Time | None:
        """Return a rival's fastest time; case and punctuation of its name do not matter.

        One that was measured on another machine does not count; where the file does not say on
        which, it does.
        """
        fitting = [
            entry
            for entry in self.entries
            if _plain(entry.backend) == _plain(name)
            and (not self.machine or entry.machine in ("", self.machine))
        ]
        return min(fitting, key=lambda entry: entry.rtf, default=None)

    def _of_model(self, variant: Variant, executed_macs: float | None) -> list[Time]:
        if variant.kind != "model":
            return []
        return [
            entry
            for entry in self.entries
            if entry.backend == ENGINE
            and self.place in ("", entry.place)
            and entry.update_percent == variant.update_percent
            and _is_of(entry, variant, executed_macs)
        ]


def read_times(paths: Iterable[Path]) -> Times:
    """Read files of `wheesht bench --json`, or of lines with ``peer``, ``rtf`` and more.

    Raises
    ------
    StudyError
        A file cannot be read or holds no time; the message names it.
    """
    entries: list[Time] = []
    for path in paths:
        try:
            documents = _documents(path.read_text(encoding="utf-8"))
            found = [
                entry
                for i, document in enumerate(documents)
                for entry in _entries(document, f"{path}:{i}" if "rows" in document else str(path))
            ]
        except OSError as error:
            raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                f"{path}: not what wheesht bench --json prints, nor lines of a rival's times "
                f"({error!r}); make it again"
            ) from error
        if not found:
            raise StudyError(f"{path}: holds no time; make it with wheesht bench MODEL --json")
        entries.extend(found)
    return Times(tuple(entries))


def _documents(text: str) -> list[dict[str, Any]]:
    """Return the JSON documents of a file: one, a list of them, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _entries(document: dict[str, Any], source: str) -> list[Time]:
    if "rows" in document:
        return [_entry(row | {"of": document}, source) for row in document["rows"]]
    if "peer" in document and "rtf" in document:
        return [_entry(document | {"backend": document["peer"], "of": document}, source)]
    if "left_out" in document:
        return []
    raise ValueError(f"neither rows nor peer among {', '.join(document)}")


def _entry(row: dict[str, Any], source: str) -> Time:
    document = row["of"]
    rtf, us = _float(row["rtf"]), _float(row.get("us_hop_median"))
    if rtf is None or rtf <= 0:
        raise ValueError(f"rtf is {rtf}, needs a number above 0")
    hop_ms = _float(row.get("hop_ms", document.get("hop_ms")))
    if hop_ms is None and us:
        hop_ms = round(us / rtf / 1e3, 1)
    return Time(
        backend=_text(row["backend"]),
        model=_text(row.get("model")),
        model_sha256=_text(row.get("model_sha256")),
        dtype=_text(row.get("dtype")),
        isa=_text(row.get("isa")),
        update_percent=_float(row.get("update_percent")),
        us_hop_median=us,
        us_hop_p99=_float(row.get("us_hop_p99")),
        us_recurrent_median=_float(row.get("us_recurrent_median")),
        hop_ms=hop_ms,
        rtf=rtf,
        executed_macs=_float(row.get("executed_macs")),
        timed=_text(row.get("timed")),
        machine=_text(document.get("machine")),
        document=source,
        is_quiet=bool(document.get("quiet", True)),
    )


def _text(value: Any) -> str:
    return shown(str(value or ""))


def _float(value: Any) -> float | None:
    found = None if value is None else float(value)
    if found is not None and not math.isfinite(found):
        raise ValueError(f"{found} is not a time")
    return found


def _is_of(entry: Time, variant: Variant, executed_macs: float | None) -> bool:
    if entry.model_sha256:
        return entry.model_sha256 == variant.model_sha256
    if entry.model:
        return entry.model == variant.system
    if entry.executed_macs is None or executed_macs is None:
        return False
    return abs(entry.executed_macs - executed_macs) <= SAME_MACS * executed_macs


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
