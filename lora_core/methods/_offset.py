"""What PiSSA and LoRA-GA share: an update that starts elsewhere than at B = 0, and still from the base.

    y = W x + γ (B A − B₀ A₀) x,  A₀ and B₀ being A and B as they started

Their authors subtract γ B₀A₀ from W once and for all. Subtracted in the forward pass it is the same function,
and exactly the base at the start; W never changes, so that taking the adapter off is exact in every type; and
the update is a plain LoRA of rank 2r with half its factors frozen, A' = [A; A₀] and B' = [B, −B₀], which is
how it is saved. It costs two more thin products a forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lora_core.lazy import LazyModule
from lora_core.methods.lora import LoRA

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lora_core.linear import LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch = LazyModule("torch")


class Offset(LoRA):
    """A low-rank update less what it was at the start."""

    parts = ("A", "B", "A0", "B0")
    form = "offset"

    def first(self, layer: LoRALinear, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
        """A₀ (r, d_in) and B₀ (d_out, r)."""
        raise NotImplementedError

    def start(self, layer: LoRALinear, generator: torch.Generator | None, gradient: Tensor | None) -> None:
        self.begin(layer, *self.first(layer, gradient))

    def begin(self, layer: LoRALinear, A: Tensor, B: Tensor) -> None:
        """Sets a layer's factors, and keeps them as its start."""
        layer.A.copy_(A)
        layer.B.copy_(B)
        layer.register_buffer("A0", layer.A.detach().clone())
        layer.register_buffer("B0", layer.B.detach().clone())

    def forward(self, layer: LoRALinear, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        now: Tensor = layer.dropped(x) @ layer.A.mT @ layer.B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        start = x.to(layer.A.dtype) @ layer.A0.mT @ layer.B0.mT
        base: Tensor = layer.base(x)
        moved: Tensor = base + layer.scale * (now - start)
        return moved.to(base.dtype)

    def update(self, layer: LoRALinear) -> Tensor:
        """γ (B A − B₀ A₀) (d_out, d_in)."""
        wide = torch.promote_types(layer.A.dtype, torch.float32)
        A, B, A0, B0 = (part.to(wide) for part in (layer.A, layer.B, layer.A0, layer.B0))
        update: Tensor = layer.scale * (B @ A - B0 @ A0)
        return update

    def delta_rank(self, layer: LoRALinear) -> int:
        return min(2 * layer.rank, layer.in_features, layer.out_features)

    def factors(self, layer: LoRALinear) -> tuple[Tensor, Tensor]:
        """[A; A₀] (2r, d_in) and [B, −B₀] (d_out, 2r)."""
        return torch.cat([layer.A, layer.A0]), torch.cat([layer.B, -layer.B0], dim=1)

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """B₀A₀ x: P = r (d_in + d_out) a row forward, and backward where the input's gradient is needed."""
        factors = [rank * (d_in + d_out) for d_out, d_in in shapes]
        step = plain.step + 2 * rows * (sum(factors) + sum(factors[1:]))
        return replace(plain, step=step, frozen_bytes=plain.frozen_bytes + 4 * sum(factors))
