"""LoRA-GA: Wang, Yu & Li 2024, "LoRA-GA: Low-Rank Adaptation with Gradient Approximation", arXiv:2407.05000.

    g = dL/dW (d_out, d_in), averaged over a few batches;  g = U S Vᵀ
    A₀ = k · rows 1 … r of Vᵀ                  (r, d_in)
    B₀ = k · columns r+1 … 2r of U             (d_out, r)
    k = d_out^¼ / √c,  c = 16                  (section 3, with the constant of the authors' code)
    h = (W − γ B₀A₀) x + γ B A x = W x + γ (B A − B₀A₀) x,  A and B starting at A₀ and B₀
    merge: W <- W + γ (B A − B₀A₀)

Why: a first step of gradient descent changes γ B A by −η γ² (B₀B₀ᵀ g + g A₀ᵀA₀), and B₀B₀ᵀ g + g A₀ᵀA₀ is k²
times the best approximation of g of rank 2r: the adapter starts along full fine-tuning's own first step.
Saved as a plain LoRA of rank 2r, see methods/_offset.py.

PEFT's version spans the same spaces but scales otherwise: A is rows of Vᵀ alone and B is U·diag(S)·k, from a
randomised SVD. Where W has fewer than 2r singular directions, the columns of B₀ without one start at zero
here; the identity above still holds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lora_core.lazy import LazyModule
from lora_core.methods._offset import Offset

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor

    from lora_core.linear import LoRALinear
else:
    torch, F = LazyModule("torch"), LazyModule("torch.nn.functional")

STABLE = 16.0  # c: the larger, the smaller the start; PEFT's `stable_gamma`


class LoRAGA(Offset):
    """LoRA that starts along the gradient of full fine-tuning."""

    name = "lora-ga"
    place = 6
    needs_gradients = True

    def first(self, layer: LoRALinear, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
        assert gradient is not None  # attach sees to it
        return gradient_factors(gradient, layer.rank)


def gradient_factors(gradient: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """A₀ (r, d_in) and B₀ (d_out, r) for a gradient g (d_out, d_in), with r at most min(d_out, d_in)."""
    g = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    U, _, Vh = torch.linalg.svd(g, full_matrices=False)
    k = len(g) ** 0.25 / math.sqrt(STABLE)
    B = U[:, rank : 2 * rank]
    return k * Vh[:rank], k * F.pad(B, (0, rank - B.shape[1]))


METHOD = LoRAGA()
