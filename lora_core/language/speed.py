"""Which device and type a language model is computed in."""

from __future__ import annotations

import time
from functools import cache

import torch
import torch.nn.functional as F

from lora_core.device import devices

ROWS, D_IN, D_OUT = 128, 576, 1536
"""Of the product that is timed: a step's tokens, and a matrix of SmolLM2's MLP."""
TURNS = 6


def opened_device(name: str) -> torch.device:
    """A device that works here; empty is a GPU if there is one.

    Raises:
        ValueError: torch does not know it, or cannot use it here.
    """
    try:
        device = torch.device(name or devices()[0])
        torch.zeros(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"the device {name!r} cannot be used here ({reason}); try cpu") from None
    return device


@cache
def fast_dtype(device: str = "cpu") -> torch.dtype:
    """bfloat16 where products in it are quicker than in float32, float32 elsewhere; measured once, in 0.1 s.

    A processor without instructions for bfloat16 may take many times as long for it.
    """
    return min((torch.bfloat16, torch.float32), key=lambda dtype: product_seconds(dtype, device))


def product_seconds(dtype: torch.dtype, device: str = "cpu") -> float:
    """Seconds of x Wᵀ and of y W, as a step's two passes take them; the quickest of a few turns."""
    x = torch.ones(ROWS, D_IN, dtype=dtype, device=device)
    W = torch.ones(D_OUT, D_IN, dtype=dtype, device=device)
    found = []
    for _ in range(TURNS):
        begin = time.perf_counter()
        y = F.linear(x, W)
        float((y @ W)[0, 0])  # a GPU is waited for
        found.append(time.perf_counter() - begin)
    return min(found)
