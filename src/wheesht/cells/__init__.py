"""Recurrent cells in torch, each usable step by step or over a whole sequence.

`CELLS` lists them for the conformance tests; a new cell is one line here.
"""

from wheesht.cells.dgrnn import DGRNN
from wheesht.cells.dgru import DGRU, from_torch_gru
from wheesht.cells.gru import GRU
from wheesht.cells.integer_dgru import IntegerDGRU

CELLS = {"gru": GRU, "dgru": DGRU, "integer_dgru": IntegerDGRU}

__all__ = ["CELLS", "DGRNN", "DGRU", "GRU", "IntegerDGRU", "from_torch_gru"]
