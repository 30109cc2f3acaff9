"""Memory that a training process has freed, kept for its next update."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, instead of returning it to the system.

    Every update allocates the same large arrays anew. The system would clear each page of them
    before it hands it out again, which costs more than half of the forward pass of a network of
    small recurrent layers. Does nothing where the C library has no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
