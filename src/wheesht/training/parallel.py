"""The processes of one run: where each computes, and what they say to each other.

Started by torchrun, every process (rank) trains on its part of each batch; gradients are averaged.
Started alone, a run is one rank that talks to nobody.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from wheesht.endings import tidy_on_termination
from wheesht.errors import ConfigError, StateError

PATIENCE = timedelta(hours=4)  # for the first rank to decode a corpus, or to validate
T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """One process among those of the run.

    Attributes
    ----------
    rank, count : int
        The first is 0; it writes, validates and reports.
    device : torch.device
        Where this process computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        """Let the first rank pass before all others, which find what it has left on disk."""
        if not self.is_first:
            distributed.barrier()
        yield
        if self.is_first and self.count > 1:
            distributed.barrier()

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Return a network whose gradients are means over the ranks."""
        if self.count == 1:
            return network
        here = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=here, broadcast_buffers=False)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the ranks."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values / self.count

    def of_first(self, value: T) -> T:
        """Return what the first rank has."""
        if self.count == 1:
            return value
        box: list[Any] = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


@contextlib.contextmanager
def joined_ranks(device: str) -> Iterator[Ranks]:
    """Join the ranks that torchrun started, if it did, and leave them at the end.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.

    Raises
    ------
    ConfigError
        There is no GPU, or none for this rank.
    StateError
        Another rank ended too early.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    place = _place(device, local)
    if count == 1:
        yield Ranks(device=place)
        return
    backend = "nccl" if place.type == "cuda" else "gloo"
    try:
        with tidy_on_termination():
            distributed.init_process_group(backend, timeout=PATIENCE)
            yield Ranks(rank, count, place)
            distributed.destroy_process_group()
    except (SystemExit, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_lost_connection(error):
            raise
        raise StateError(
            "another process of this run has ended, so this one does too; the same command goes "
            "on from the last checkpoint"
        ) from error


def _place(device: str, local_rank: int) -> torch.device:
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if torch.cuda.device_count() <= local_rank:
        raise ConfigError(
            f"device: got {device}, but process {local_rank + 1} here finds "
            f"{torch.cuda.device_count()} GPUs; needs one for each process"
        )
    place = torch.device("cuda", local_rank)
    torch.cuda.set_device(place)
    return place


def _is_lost_connection(error: RuntimeError) -> bool:
    """Tell whether a collective failed for want of a peer: backends say so in words only."""
    words = ("connection", "connect", "peer", "recv", "socket", "nccl", "gloo")
    return any(word in str(error).lower() for word in words)
