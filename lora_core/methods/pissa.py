"""PiSSA: Meng, Wang & Zhang 2024, "PiSSA: Principal Singular Values and Singular Vectors Adaptation",
arXiv:2404.02948.

    W ≈ U S Vᵀ                                                   truncated to the r largest
    A₀ = √(S / γ) Vᵀ,  B₀ = U √(S / γ)                           (eqs. 2, 3); γ B₀A₀ is W's best rank r
    h = (W − γ B₀A₀) x + γ B A x = W x + γ (B A − B₀A₀) x,  A and B starting at A₀ and B₀
    W (d_out, d_in);  A, A₀ (r, d_in);  B, B₀ (d_out, r)
    merge: W <- W + γ (B A − B₀A₀)

Training moves what W does most, and freezes the rest. The paper has γ = 1; here and in PEFT the 1/γ under the
roots makes up for any other. The authors and PEFT subtract γ B₀A₀ from W and round; here W stays, see
methods/_offset.py. Saved as the authors export it: a plain LoRA of rank 2r on the original W, A' = [A; A₀]
and B' = [B, −B₀], α doubled so that γ = α/r is the same. What PEFT saved with init_lora_weights "pissa" (A
and B alone) is read too: A₀ and B₀ follow from W.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lora_core.lazy import LazyModule
from lora_core.methods._offset import Offset

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lora_core.linear import LoRALinear
else:
    torch = LazyModule("torch")


class PiSSA(Offset):
    """LoRA that starts from W's own largest singular directions."""

    name = "pissa"
    place = 4

    def first(self, layer: LoRALinear, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
        return principal_factors(layer.W, layer.rank, layer.scale)

    def wrote(self, entries: Mapping[str, Any]) -> bool:
        return entries.get("peft_type") == "LORA" and entries.get("init_lora_weights") == "pissa"


def principal_factors(W: Tensor, rank: int, scale: float) -> tuple[Tensor, Tensor]:
    """A (r, d_in) and B (d_out, r), equally large, with γ B A the best approximation of W of this rank.

    Raises:
        ValueError: W holds a NaN or an infinity.
    """
    if not W.isfinite().all():
        raise ValueError("weight holds a NaN or an infinity, expected finite numbers to decompose")
    U, S, Vh = torch.linalg.svd(W.to(torch.promote_types(W.dtype, torch.float32)), full_matrices=False)
    root = (S[:rank] / scale).sqrt()  # (r,)
    return root[:, None] * Vh[:rank], U[:, :rank] * root


METHOD = PiSSA()
