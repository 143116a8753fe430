"""Which device, and which type of weights it is fastest with: many processors have no bfloat16."""

from __future__ import annotations

import time

import torch

ROWS, WIDTH, OUT = 256, 576, 1536
"""Of the products that are timed: a step's tokens through an MLP of SmolLM2."""
TRIALS = 5


def opened_device(name: str) -> torch.device:
    """A device that works here; empty is a GPU if there is one.

    Raises:
        ValueError: torch does not know it, or cannot use it here.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"the device {name!r} cannot be used here ({reason}); try cpu") from None
    return device


def faster_type(device: torch.device) -> torch.dtype:
    """bfloat16 or float32, by the best of a few products on the CPU; on a GPU bfloat16 if it has it."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type != "cpu":
        return torch.float32
    return min((torch.bfloat16, torch.float32), key=_seconds)


def _seconds(dtype: torch.dtype) -> float:
    x, W = torch.ones(ROWS, WIDTH, dtype=dtype), torch.ones(OUT, WIDTH, dtype=dtype)
    best = float("inf")
    for _ in range(TRIALS + 1):  # the first prepares
        begin = time.perf_counter()
        torch.nn.functional.linear(x, W)
        best = min(best, time.perf_counter() - begin)
    return best
