"""DoRA: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv:2402.09353.

    V = W + γ B A                                            (d_out, d_in)
    h = (m / ‖V‖) ∘ (W x + γ B A x) + b,  m starting at ‖W‖   (eq. 5)
    ‖·‖ (d_out,): the norm of each output's row;  m (d_out,) trains, like A and B
    merge: W <- (m / ‖V‖) ∘ V

A direction and a magnitude for each output, learned apart. ‖V‖ counts as a constant in the backward pass
(section 4.3). The paper writes W as (d_in, d_out) and speaks of columns. The bias b stays outside; some codes
rescale it too. A row that is zero has ratio m / ‖V‖ = 1 here, and NaN elsewhere.
Dropout acts on A's input alone; PEFT, while dropout is on, drops from the input of (m / ‖V‖ − 1) W x as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core.linear import LoRALinear
from lora_core.methods.lora import LoRA

MAGNITUDE = "lora_magnitude_vector"  # as PEFT calls it in files


class DoRALinear(LoRALinear):
    """A frozen linear layer whose rows' directions get a low-rank update and whose rows' lengths train."""

    additive = False

    def __init__(self, base: nn.Linear, **options: Any) -> None:
        super().__init__(base, **options)
        self.m = nn.Parameter(self.norm().clone())

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        if self.merged is not None:
            return F.linear(x, self.merged, self.base.bias)
        kept = F.dropout(x, self.dropout, self.training) if self.dropout else x
        update = kept @ self.A.mT @ self.B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        base: Tensor = self.base(x)
        plain = base if self.base.bias is None else base - self.base.bias  # W x
        ratio = self.ratio()
        # ratio ∘ (W x + γ B A x) + b, written so that a ratio of 1 leaves the base's output bit for bit.
        return base + (ratio - 1) * plain + ratio * (self.scale * update)

    @torch.no_grad()
    def norm(self) -> Tensor:
        """‖V‖ (d_out,), without a gradient, in W's type."""
        W = self.base.weight
        V = W + super().update()
        norm: Tensor = torch.linalg.vector_norm(V, dim=1).to(W.dtype)
        return norm

    def ratio(self) -> Tensor:
        """m / ‖V‖ (d_out,)."""
        norm = self.norm()
        return torch.where(norm > 0, self.m / norm.where(norm > 0, 1), 1)

    def update(self) -> Tensor:
        """ΔW = (m / ‖V‖) ∘ V − W (d_out, d_in)."""
        update = super().update()
        W = self.base.weight.to(update.dtype)
        ratio = self.ratio().to(update.dtype)[:, None]
        return (ratio - 1) * W + ratio * update

    @property
    def delta_rank(self) -> int:
        return min(self.in_features, self.out_features)

    def tensors(self) -> dict[str, Tensor]:
        return {**super().tensors(), MAGNITUDE: self.m.detach()}

    @staticmethod
    def shapes(d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        return {**LoRALinear.shapes(d_out, d_in, rank), MAGNITUDE: (d_out,)}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        super().load(tensors)
        self.m.copy_(tensors[MAGNITUDE])


class DoRA(LoRA):
    """Magnitude and direction apart; everything else as in LoRA."""

    layer = DoRALinear

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        return {"use_dora": True}


METHOD = DoRA()
