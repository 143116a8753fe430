"""Where a run computes."""

from __future__ import annotations

import torch


def pick_device(name: str = "auto") -> str:
    """A device that exists here. ``auto`` takes cuda before mps before cpu.

    Raises:
        ValueError: the device is unknown or absent; the message lists those that exist.
    """
    there = [kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()] + ["cpu"]
    if name == "auto":
        return there[0]
    if name not in there:
        raise ValueError(f"no device {name!r} here; expected auto or one of: {', '.join(there)}")
    return name
