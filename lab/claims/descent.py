"""One matrix that learns a known ΔW by plain gradient descent, in several parametrisations.

    L = ½ ‖γBA − ΔW‖²,  g = dL/dW = γBA − ΔW,  gA = γ Bᵀg,  gB = γ g Aᵀ;  ΔW (n, n) of rank r, ‖ΔW‖ = 1

What white inputs and a batch without end would give. Float64; no torch until something runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

SGD = ("full", "lora", "pissa", "lora-ga", "lora-pro")  # those that differ under plain gradient descent
RATES = [2 ** (place / 2) for place in range(12, -33, -1)]  # the largest first: those that work end soon


def steps_needed(method: str, recipe: Mapping[str, Any], seed: int) -> int | None:
    """Steps until ‖γBA − ΔW‖ is below the wanted error, at the best rate; None if no rate gets there."""
    best, most = None, recipe["sgd"]["most"]
    for lr in RATES:
        steps = _steps(method, recipe, seed, lr, most)
        if steps is not None:
            best, most = steps, steps - 1
    return best


def _steps(method: str, recipe: Mapping[str, Any], seed: int, lr: float, most: int) -> int | None:
    import torch

    n, rank, wanted = (recipe["sgd"][key] for key in ("size", "rank", "error"))
    generator = torch.Generator().manual_seed(seed)
    U, V = (torch.linalg.qr(torch.randn(n, rank, generator=generator).double())[0] for _ in range(2))
    W = torch.randn(n, n, generator=generator).double() / math.sqrt(n)
    delta = U @ V.mT / math.sqrt(rank)
    if method == "full":
        moved = torch.zeros_like(delta)
        for step in range(1, most + 1):
            moved -= lr * (moved - delta)
            if (moved - delta).norm() <= wanted:
                return step
        return None
    scale = recipe["alpha"] / rank
    A, B = _start(method, W, -delta, rank, scale, generator)
    start = scale * B @ A
    if method in ("lora", "lora-pro"):
        start = torch.zeros_like(delta)
    for step in range(1, most + 1):
        g = scale * B @ A - start - delta
        to_a, to_b = scale * B.mT @ g, scale * g @ A.mT
        if method == "lora-pro":
            from lora_core.methods.lora_pro import Adjustment

            to_a, to_b = Adjustment(A, B, scale)(to_a, to_b)
        A, B = A - lr * to_a, B - lr * to_b
        error = (scale * B @ A - start - delta).norm()
        if not error.isfinite():
            return None
        if error <= wanted:
            return step
    return None


def _start(
    method: str, W: Tensor, g: Tensor, rank: int, scale: float, generator: Any
) -> tuple[Tensor, Tensor]:
    """A and B as the method's own code starts them."""
    import torch

    from lora_core.linear import uniform
    from lora_core.methods.lora_ga import gradient_factors
    from lora_core.methods.pissa import principal_factors

    if method == "lora-ga":
        return gradient_factors(g, rank)
    if method == "pissa":
        return principal_factors(W, rank, scale)
    A = uniform(rank, W.shape[1], dtype=W.dtype, generator=generator)
    return A, torch.zeros(W.shape[0], rank, dtype=W.dtype)
