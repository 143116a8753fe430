"""Where a run computes."""

from __future__ import annotations

from lora_core.device import devices


def pick_device(name: str = "auto") -> str:
    """A device that exists here. ``auto`` takes cuda before mps before cpu.

    Raises:
        ValueError: the device is unknown or absent; the message lists those that exist.
    """
    there = devices()
    if name == "auto":
        return there[0]
    if name not in there:
        raise ValueError(f"no device {name!r} here; expected auto or one of: {', '.join(there)}")
    return name
