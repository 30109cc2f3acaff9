"""What listeners compare: the systems of a study that take part in a test."""

from collections.abc import Sequence
from dataclasses import dataclass

from wheesht.errors import ParameterError
from wheesht.report.digits import percent
from wheesht.report.numbers.scores import Scores, Variant

KINDS = ("mushra", "ab")
MOST_IN_MUSHRA = 12  # signals of one clip, BS.1534-3 section 5
REFERENCE, ANCHOR, NOISY, SYSTEM = "reference", "anchor", "noisy", "system"
NAMES = {REFERENCE: "hidden reference", ANCHOR: "low anchor (3.5 kHz)", NOISY: "noisy"}


@dataclass(frozen=True)
class Condition:
    """One of the versions of each clip.

    Attributes
    ----------
    role : str
        ``reference`` (clean), ``anchor``, ``noisy`` (unprocessed) or ``system``.
    name : str
        For people; unique in a test.
    variant : Variant or None
        The system and its setting; None for the other roles.
    """

    role: str
    name: str
    variant: Variant | None = None


def choose_conditions(
    scores: Scores, kind: str, systems: Sequence[str] | None
) -> tuple[Condition, ...]:
    """Return the conditions of a test.

    Parameters
    ----------
    scores : Scores
        Of the study.
    kind : str
        One of `KINDS`.
    systems : sequence of str or None
        Names of systems, or ``NAME:P`` for one setting of the dial; None for all. In a test of
        preference ``noisy`` may be among them; it is there of itself where only one system is.

    Returns
    -------
    tuple of Condition
        For ``mushra`` hidden reference, low anchor and noisy, then the systems; for ``ab`` the
        two or more that are compared with each other.

    Raises
    ------
    ParameterError
        No such kind or system, or too many for one test.
    """
    if kind not in KINDS:
        raise ParameterError(f"listening test: got kind {kind!r}, needs {' or '.join(KINDS)}")
    chosen = _choose(scores, systems)
    tested = [
        Condition(SYSTEM, variant.label, variant) for variant in chosen if variant.kind != "noisy"
    ]
    if not tested:
        raise ParameterError(
            "listening test: no system but the unprocessed input takes part; evaluate a model or "
            "a folder of enhanced files first, or name one"
        )
    if kind == "mushra":
        conditions = [*(Condition(role, NAMES[role]) for role in (REFERENCE, ANCHOR, NOISY))]
        conditions += tested
        if len(conditions) > MOST_IN_MUSHRA:
            raise ParameterError(
                f"listening test: {len(tested)} systems and 3 hidden signals make "
                f"{len(conditions)}, listeners can compare {MOST_IN_MUSHRA}; name fewer systems "
                f"({_known(scores)})"
            )
        return tuple(conditions)
    named_noisy = systems is not None and len(tested) < len(chosen)
    if named_noisy or len(tested) == 1:
        tested.append(Condition(NOISY, NAMES[NOISY]))
    return tuple(tested)


def _choose(scores: Scores, systems: Sequence[str] | None) -> list[Variant]:
    if systems is None:
        return list(scores.all_variants)
    chosen: dict[Variant, None] = {}
    for text in systems:
        found = [variant for variant in scores.all_variants if text in _spellings(variant)]
        if not found:
            raise ParameterError(
                f"listening test: the study has no system {text!r}, needs one of {_known(scores)}"
            )
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _spellings(variant: Variant) -> set[str]:
    """Return all that a variant may be called."""
    names = {variant.system, variant.name}
    if variant.update_percent is not None:
        names |= {f"{name}:{percent(variant.update_percent)}" for name in tuple(names)}
    return names | {variant.label}


def _known(scores: Scores) -> str:
    names = []
    for variant in scores.all_variants:
        setting = variant.update_percent
        names.append(variant.name if setting is None else f"{variant.name}:{percent(setting)}")
    return ", ".join(names)
