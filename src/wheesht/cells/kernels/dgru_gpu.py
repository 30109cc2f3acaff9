"""What runs a D-GRU over a whole sequence on a GPU.

The Triton kernels of `wheesht.cells.kernels.dgru_triton` where they cover the input, else the loop
with a compiled step. Both need Triton; without it `DGRU` runs its plain loop.
"""

from importlib.util import find_spec

import torch
from torch import Tensor

from wheesht.cells.base import State
from wheesht.cells.controllers import Everyone, Threshold, TopA
from wheesht.cells.gru import GRU

MAX_HIDDEN = 512  # units of a layer that the kernels take


def has_triton(x: Tensor) -> bool:
    """Tell whether Triton, and with it `torch.compile`, makes programs for this tensor's GPU."""
    if x.device.type != "cuda" or find_spec("triton") is None:
        return False
    return torch.cuda.get_device_capability(x.device) >= (7, 0)


def has_triton_steps(x: Tensor, hidden_size: int) -> bool:
    """Tell whether the Triton kernels cover this input: its GPU, size and type of products.

    Needs bfloat16 instructions and 99 KB of shared memory: NVIDIA, compute capability 8.0.
    """
    if torch.is_autocast_enabled("cuda"):
        mixed = torch.get_autocast_dtype("cuda") == torch.bfloat16
        covered = mixed and x.dtype in (torch.float32, torch.bfloat16)
    else:
        covered = x.dtype == torch.float32
    if not (covered and hidden_size <= MAX_HIDDEN and has_triton(x)):
        return False
    return torch.version.hip is None and torch.cuda.get_device_capability(x.device) >= (8, 0)


def compiled_loop(
    cell: GRU, controller: TopA | Threshold | Everyone, x: Tensor, h: Tensor
) -> tuple[Tensor, State]:
    """Run the step in a loop, with what a step proposes made one program by `torch.compile`.

    Parameters
    ----------
    cell : GRU
    controller : TopA, Threshold or Everyone
    x : Tensor, shape (B, T, I)
        T at least 1.
    h : Tensor, shape (B, H)
        The state before the first frame.

    Returns
    -------
    h : Tensor, shape (B, T, H)
    state : dict
        ``h`` and ``update_mask`` (B, H) of the last frame.
    """
    propose = torch.compile(GRU.propose)
    outputs = []
    for frame in x.unbind(1):
        proposal, scores = propose(cell, frame, h)
        mask = controller(scores.detach())
        h = torch.where(mask > 0, proposal, h)
        outputs.append(h)
    return torch.stack(outputs, dim=1), {"h": h, "update_mask": mask}
