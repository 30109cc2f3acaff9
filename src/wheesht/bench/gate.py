"""The gate of the engine: what does not compute what the judge computes is not timed.

Every instruction set and every setting of the dial that is to be timed passes it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wheesht.bench.signals import hops_of
from wheesht.engine import _ext
from wheesht.errors import GateError
from wheesht.reference.runner import ReferenceStream
from wheesht.spec.bundle import Bundle

GATE_DB = 100.0  # least distance of the engine's error below its output; 122 is usual
GATE_HOPS = 60
# Of the units chosen from one state; 4e-7 is usual (docs/numerics.md): scores that tie in float32.
CHOICE_SHARE = 1e-3

Found = dict[str, Any]  # what was compared and how close it came, for the report


def check_engine(
    name: str,
    bundle: Bundle,
    streams: Sequence[tuple[float, _ext.Stream]],
    plain: _ext.Stream,
    x: np.ndarray,
) -> list[Found]:
    """Compare the engine with the judge, and every instruction set with plain C.

    The judge's choices of units are given to the engine, because one choice that falls the other
    way by rounding is no error of arithmetic; and in every hop the engine is asked what it would
    have chosen itself. Left to itself over the whole signal, it must give the bits that plain C
    gives.

    With layers of integers the judge rounds as the engine does and starts from its features. What
    the last layer gives must then be equal, and states and choices too; head and synthesis, which
    the judge has in float64, remain for the error in dB.

    Parameters
    ----------
    name : str
        Of the model.
    bundle : Bundle
    streams : sequence of (float, _ext.Stream)
        To be timed, with the update percentage that each is set to; they are reset.
    plain : _ext.Stream
        Of the same weights, in plain C; not to be timed.
    x : ndarray, shape (N,)
        The signal to be timed on.

    Returns
    -------
    list of dict
        For each stream its place and its error in dB below the output.

    Raises
    ------
    GateError
        Error above -`GATE_DB`, too many other choices, other MACs than the judge's, other bits
        than plain C's; of integers, other bits than the judge's behind the last layer.
    """
    hops = hops_of(x, bundle.spec.front_end.hop_length)
    heard, exact = hops[:GATE_HOPS].ravel(), bundle.spec.dtype != "f32"
    found = []
    for percent in dict.fromkeys(percent for percent, _ in streams):
        judge = ReferenceStream(bundle, percent, exact=exact)
        plain.reset()
        plain.set_update_percent(percent)
        want = judge.process(heard, features=plain.trace(heard)[0] if exact else None)
        plain.reset()
        free, _ = plain.process(hops.ravel())
        for own, stream in streams:
            if own != percent:
                continue
            where = f"{name} on {stream.isa} at P = {percent:g}"
            if exact:
                _equal_judge(where, stream, heard, judge)
            error_db = _follow_judge(where, stream, hops[:GATE_HOPS], judge, want, exact)
            stream.reset()
            if not np.array_equal(stream.process(hops.ravel())[0], free):
                raise _refusal(where, "the output is not that of plain C, bit for bit")
            stream.reset()
            found.append(
                {
                    "backend": "wheesht",
                    "model": name,
                    "isa": stream.isa,
                    "update_percent": percent,
                    "error_db": round(error_db, 1),
                }
            )
    return found


def _equal_judge(
    where: str, stream: _ext.Stream, heard: np.ndarray, judge: ReferenceStream
) -> None:
    """Refuse an engine whose last layer and states are not the exact judge's."""
    stream.reset()
    wrong = np.any(stream.trace(heard)[-1] != judge.outputs, axis=(1, 2))
    if np.any(wrong):
        raise _refusal(
            where, f"in {np.sum(wrong)} of {len(wrong)} hops the last layer does not give what "
            f"the exact reference's gives, the first of them hop {np.argmax(wrong)}"
        )  # fmt: skip
    if not np.array_equal(stream.hidden(), judge.hidden):
        raise _refusal(where, "its hidden states are not the exact reference's")


def _follow_judge(
    where: str,
    stream: _ext.Stream,
    hops: np.ndarray,
    judge: ReferenceStream,
    want: np.ndarray,
    exact: bool,
) -> float:
    """Return the error in dB below the output, the judge's choices given."""
    stream.reset()
    masks = judge.update_masks.astype(np.uint8)
    pieces, chosen = [], []
    for hop, mask in zip(hops, masks, strict=True):
        free = stream.clone()
        free.process(hop)
        chosen.append(free.selected())
        pieces.append(stream.process_given(hop, mask[np.newaxis])[0])
    error = np.sum((np.concatenate(pieces) - want) ** 2)
    power = max(np.sum(want**2), np.finfo(float).tiny)
    error_db = float(-10 * np.log10(max(error / power, 1e-30)))
    if not error_db >= GATE_DB:
        raise _refusal(
            where, f"the output is only {error_db:.1f} dB away from the reference's, {GATE_DB:g} "
            f"is the least"
        )  # fmt: skip
    other = float(np.mean(np.array(chosen) != masks)) if masks.size else 0.0
    most = 0.0 if exact else CHOICE_SHARE
    if other > most:
        raise _refusal(
            where, f"{100 * other:.2g} % of its choices of units are not the reference's, at most "
            f"{100 * most:g} % may differ"
        )  # fmt: skip
    if stream.executed_macs() != judge.executed_macs:
        raise _refusal(
            where, f"it counted {sum(stream.executed_macs())} MACs, the reference "
            f"{sum(judge.executed_macs)}"
        )  # fmt: skip
    return error_db


def _refusal(where: str, what: str) -> GateError:
    return GateError(
        f"not timed: {where}: {what}; the installed engine is wrong on this machine: reinstall "
        f"wheesht, and if that does not help, report the compiler and the processor"
    )
