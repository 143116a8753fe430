"""DoRA: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv:2402.09353.

    V = W + γ B A                                            (d_out, d_in)
    h = (m / ‖V‖) ∘ (W x + γ B A x) + b,  m starting at ‖W‖   (eq. 5)
    ‖·‖ (d_out,): the norm of each output's row;  m (d_out,) trains, like A and B
    merge: W <- (m / ‖V‖) ∘ V

A direction and a magnitude for each output, learned separately. ‖V‖ counts as a constant in the backward pass
(section 4.3). The paper writes W as (d_in, d_out) and speaks of columns. The bias b stays outside; some codes
rescale it too. A row that is zero has ratio m / ‖V‖ = 1 here, and NaN elsewhere.
Dropout acts on A's input alone; PEFT, while dropout is on, drops from the input of (m / ‖V‖ − 1) W x as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from lora_core.lazy import LazyModule
from lora_core.methods.lora import LoRA

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from lora_core.linear import LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch, nn, F = LazyModule("torch"), LazyModule("torch.nn"), LazyModule("torch.nn.functional")

MAGNITUDE = "lora_magnitude_vector"  # as PEFT calls it in files


class DoRA(LoRA):
    """Rows' directions get a low-rank update and rows' lengths m (d_out,) train; the rest as in LoRA."""

    name = "dora"
    place = 3
    parts = ("A", "B", "m")
    form = "decomposed"
    additive = False

    def start(self, layer: LoRALinear, generator: torch.Generator | None, gradient: Tensor | None) -> None:
        super().start(layer, generator, gradient)
        layer.m = nn.Parameter(self.norm(layer).clone())

    def forward(self, layer: LoRALinear, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        update = layer.dropped(x) @ layer.A.mT @ layer.B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        base: Tensor = layer.base(x)
        if layer.base_is_plain:
            plain = base if layer.bias is None else base - layer.bias  # W x
        else:
            plain = F.linear(x, layer.W)  # what hooks make of the base's output is no W x
        ratio = self.ratio(layer)
        # ratio ∘ (W x + γ B A x) + b, written so that a ratio of 1 leaves the base's output bit for bit.
        return (base + (ratio - 1) * plain + ratio * (layer.scale * update)).to(base.dtype)

    def norm(self, layer: LoRALinear) -> Tensor:
        """‖V‖ (d_out,), without a gradient, in the factors' type."""
        with torch.no_grad():
            V = layer.W + super().update(layer)
            norm: Tensor = torch.linalg.vector_norm(V, dim=1).to(layer.A.dtype)
        return norm

    def ratio(self, layer: LoRALinear) -> Tensor:
        """m / ‖V‖ (d_out,)."""
        norm = self.norm(layer)
        return torch.where(norm > 0, layer.m / norm.where(norm > 0, 1), 1)

    def update(self, layer: LoRALinear) -> Tensor:
        """ΔW = (m / ‖V‖) ∘ V − W (d_out, d_in)."""
        update = super().update(layer)
        W = layer.W.to(update.dtype)
        ratio = self.ratio(layer).to(update.dtype)[:, None]
        return (ratio - 1) * W + ratio * update

    def delta_rank(self, layer: LoRALinear) -> int:
        return min(layer.in_features, layer.out_features)

    def resize(self, layer: LoRALinear, d_out: int) -> None:
        super().resize(layer, d_out)
        layer.m.data = torch.cat([layer.m[:d_out], self.norm(layer)[len(layer.m) :]])

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """m (d_out,) trains; ‖W + γ B A‖ needs B A: r N multiply-adds a step, however many rows."""
        trained = plain.trained + sum(d_out for d_out, _ in shapes)
        step = plain.step + sum(2 * rank * prod(shape) for shape in shapes)
        return replace(plain, trained=trained, optimizer_bytes=8 * trained, step=step)

    def tensors(self, layer: LoRALinear) -> dict[str, Tensor]:
        return {**super().tensors(layer), MAGNITUDE: layer.m.detach()}

    def shapes(self, d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        return {**super().shapes(d_out, d_in, rank), MAGNITUDE: (d_out,)}

    def load(self, layer: LoRALinear, tensors: Mapping[str, Tensor]) -> None:
        super().load(layer, tensors)
        layer.m.copy_(tensors[MAGNITUDE])

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        return {"use_dora": True}

    def wrote(self, entries: Mapping[str, Any]) -> bool:
        return entries.get("peft_type") == "LORA" and bool(entries.get("use_dora"))


METHOD = DoRA()
