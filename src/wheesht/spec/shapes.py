"""What passes between layers: positions along frequency, and channels at each of them."""

import re
from typing import NamedTuple

from wheesht.spec.document import require

MAX_WIDTH = 4096  # units or channels of one layer; a guard against absurd allocations
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class Shape(NamedTuple):
    """Values per frame: `channels` at each of `positions` (bins or bands; 1 for a whole frame)."""

    positions: int
    channels: int

    @property
    def size(self) -> int:
        """Values in all."""
        return self.positions * self.channels

    def __str__(self) -> str:
        """Return ``160 x 64``, or ``320`` for a single position."""
        return f"{self.positions} x {self.channels}" if self.positions > 1 else f"{self.channels}"

    def __repr__(self) -> str:
        """Return the same, in error messages too."""
        return str(self)


def require_width(where: str, value: int) -> None:
    """Raise `SpecError` unless a width is 1 to `MAX_WIDTH`."""
    require(1 <= value <= MAX_WIDTH, where, value, f"1 to {MAX_WIDTH}")


def require_bins(first_bin: int, n_bins: int) -> None:
    """Raise `SpecError` for a range of bins that no spectrum has."""
    require(first_bin >= 0, "first_bin", first_bin, "0 or more")
    require_width("n_bins", n_bins)


def require_name(value: str, where: str = "name") -> None:
    """Raise `SpecError` unless a name can be part of a tensor's name."""
    known = bool(NAME_PATTERN.fullmatch(value))
    require(known, where, value, "a lower-case letter, then a-z 0-9 _ -")
