"""The child's side: its pipes, its priority, its memory."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import psutil

NICE = 5


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for frames alone: whatever a library prints goes to stderr."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return source, sink


def lower_priority() -> None:
    """Run behind the server: a page that redraws comes first."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(NICE)


def limit_memory(most: int) -> None:
    """Have the system refuse memory beyond `most` bytes of data, where it can (Linux)."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))
