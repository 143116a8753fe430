"""LoRA-Pro: Wang, Liang, He, Wang & Tan 2024, "LoRA-Pro: Are Low-Rank Adapters Properly Optimized?",
arXiv:2407.18242.

    h = W x + γ B A x, as in LoRA;  W (d_out, d_in), A (r, d_in), B (d_out, r)
    g = dL/dW, of which a backward pass gives gA = γ Bᵀ g (r, d_in) and gB = γ g Aᵀ (d_out, r)

    ĝA = γ⁻² (BᵀB)⁻¹ gA + X A                              instead of gA
    ĝB = γ⁻² (I − P_B) gB (A Aᵀ)⁻¹ − B X                   instead of gB
    BᵀB X + X A Aᵀ = −γ⁻² (BᵀB)⁻¹ gA Aᵀ                    X (r, r) leaves ĝA and ĝB closest to gA and gB
    P_A = Aᵀ (A Aᵀ)⁻¹ A,  P_B = B (BᵀB)⁻¹ Bᵀ               projections onto A's rows and B's columns

To first order a step along ĝA and ĝB moves W + γ B A along the equivalent gradient
    g̃ = γ (B ĝA + ĝB A) = P_B g + g P_A − P_B g P_A,       the closest to g that A and B can reach.

Adam, as in the paper: M and V are moments of g̃ and have W's shape, (d_out, d_in) each; their quotient
u = M̂ / (√V̂ + ε) takes the place of g in the formulas above (gA = γ Bᵀ u, gB = γ u Aᵀ), and A <- A − η ĝA,
B <- B − η ĝB. So η is a learning rate of full fine-tuning's size, whatever γ and r, and the memory is full
fine-tuning's as well.

The authors add 1e-8 I before inverting BᵀB and A Aᵀ; here a pseudo-inverse leaves out null directions. At
the start (B = 0) that makes ĝA = gA = 0 and ĝB = γ⁻² gB (A Aᵀ)⁻¹, as it should.
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
    from torch import Tensor

    from lora_core import optimizers
    from lora_core.config import AdapterConfig
    from lora_core.linear import LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch, optimizers = LazyModule("torch"), LazyModule("lora_core.optimizers")

CUT = 1e-12  # an eigenvalue of BᵀB or A Aᵀ below this share of the largest is rounding


class LoRAPro(LoRA):
    """LoRA whose steps follow full fine-tuning's as closely as A and B allow."""

    name = "lora-pro"
    place = 7
    form = None
    alone = "its optimiser follows W's whole gradient, and solves for A and B at every step"

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """The Adam form above, with AdamW's weight decay of A and B (off unless given).

        Raises:
            ValueError: an option of AdamW that has no sense here; "fused" and "foreach", its ways of
                computing, are passed over.
        """
        if unknown := options.keys() - {"fused", "foreach"}:
            raise ValueError(f"{', '.join(sorted(unknown))}: expected betas, eps or weight_decay")
        groups = [{"params": [layer.A, layer.B], "scale": layer.scale} for layer in layers.values()]
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        return optimizers.GroupOptimizer(groups, defaults, move=_move)

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """Adam's moments have W's shape; see `_projections`."""
        kept = 2 * sum(map(prod, shapes))
        update = sum(_projections(shape, rank) for shape in shapes)
        return replace(plain, optimizer_bytes=4 * kept, update=update)


def _projections(shape: Shape, r: int) -> int:
    """FLOPs of a step: BᵀB and A Aᵀ, two adjustments, and the four products with W's shape.

    In multiply-adds 4 r d_out d_in + r² (7 d_in + 9 d_out) + 12 r³.
    """
    d_out, d_in = shape
    gram = r * r * (d_in + d_out) + 2 * r**3
    adjusted = r * r * (3 * d_in + 4 * d_out) + 5 * r**3
    return 2 * (gram + 2 * adjusted + 4 * r * d_out * d_in)


class Adjustment:
    """Turns gA and gB into ĝA and ĝB, for one A (r, d_in), B (d_out, r) and γ.

    In the coordinates of their eigenvectors BᵀB and A Aᵀ are diagonal: inverses and X are divisions there.
    """

    def __init__(self, A: Tensor, B: Tensor, scale: float) -> None:
        self.A, self.B, self.scale = A, B, scale
        self.b, self.Q = torch.linalg.eigh(B.mT @ B)  # BᵀB = Q diag(b) Qᵀ
        self.a, self.R = torch.linalg.eigh(A @ A.mT)  # A Aᵀ = R diag(a) Rᵀ
        self.BB_inverse = (self.Q * _inverse(self.b)) @ self.Q.mT  # (r, r)
        self.AA_inverse = (self.R * _inverse(self.a)) @ self.R.mT

    def __call__(self, gA: Tensor, gB: Tensor) -> tuple[Tensor, Tensor]:
        """ĝA (r, d_in) and ĝB (d_out, r)."""
        within = self.BB_inverse @ gA / self.scale**2  # γ⁻² (BᵀB)⁻¹ gA
        outside = gB - self.B @ (self.BB_inverse @ (self.B.mT @ gB))  # (I − P_B) gB
        X = self.sylvester(-within @ self.A.mT)
        return within + X @ self.A, outside @ self.AA_inverse / self.scale**2 - self.B @ X

    def sylvester(self, C: Tensor) -> Tensor:
        """X (r, r) with BᵀB X + X A Aᵀ = C."""
        X: Tensor = self.Q @ (self.Q.mT @ C @ self.R * _inverse(self.b[:, None] + self.a)) @ self.R.mT
        return X


def _inverse(values: Tensor) -> Tensor:
    """1 / values, and 0 for values that are rounding errors of the largest."""
    return torch.where(values > CUT * values.max(), 1 / values, 0)


def _move(group: dict[str, Any], states: dict[Any, Any]) -> None:
    """One step of A and B of a layer."""
    A, B = group["params"]
    scale, lr, (beta1, beta2) = group["scale"], group["lr"], group["betas"]
    wide = torch.float32 if A.device.type == "mps" else torch.float64
    a, b = A.to(wide), B.to(wide)
    adjust = Adjustment(a, b, scale)

    to_a, to_b = adjust(A.grad.to(wide), B.grad.to(wide))
    kept = torch.promote_types(B.dtype, torch.float32)
    g = (scale * (b @ to_a + to_b @ a)).to(kept)  # the equivalent gradient (d_out, d_in)

    state = states[B]
    if not state:
        state.update(step=0, mean=torch.zeros_like(g), square=torch.zeros_like(g))
    state["step"] += 1
    mean = state["mean"].lerp_(g, 1 - beta1)
    square = state["square"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
    size = (square / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
    u = (mean / (1 - beta1 ** state["step"]) / size).to(wide)

    to_a, to_b = adjust(scale * (b.mT @ u), scale * (u @ a.mT))
    decay = 1 - lr * group["weight_decay"]
    A.copy_(decay * a - lr * to_a)
    B.copy_(decay * b - lr * to_b)


METHOD = LoRAPro()
