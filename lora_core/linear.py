"""LoRA (Hu et al. 2021, arXiv:2106.09685, eq. 3): h = W x + γ B A x.

A starts uniform in ±1/√d_in and B at zero, so training starts from the base model exactly.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """A frozen linear layer with a trainable low-rank update.

    Whatever reads `.weight` instead of calling the layer (nn.MultiheadAttention does) finds W + ΔW there, so
    that an adapter is never passed over in silence; only dropout has no part in it.

    Args:
        base: the frozen layer; its weight W has shape (d_out, d_in). It is kept as it is, merged or not.
        rank: r, from 1 to min(d_out, d_in) for `attach`; a file may hold more.
        scale: γ, the factor on B A.
        dropout: probability of dropping an entry of A's input while training.
        generator: source of A's random start, on any device; None is torch's global one.

    Raises:
        ValueError: rank is below 1, or W is of a type that does not train.
    """

    additive = True  # whether ΔW is γ B A of `factors`: DoRA's is not
    merged: Tensor | None

    def __init__(
        self,
        base: nn.Linear,
        *,
        rank: int,
        scale: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        W = base.weight  # (d_out, d_in)
        if rank < 1:
            raise ValueError(f"rank is {rank}, expected at least 1")
        if not W.is_floating_point() or W.dtype.itemsize < 2:
            raise ValueError(f"weight is {W.dtype}, expected float16, bfloat16, float32 or float64")
        self.base = base
        self.scale = scale
        self.dropout = dropout
        self.A = nn.Parameter(W.new_empty(rank, W.shape[1]))
        self.B = nn.Parameter(W.new_zeros(W.shape[0], rank))
        self.register_buffer("merged", None, persistent=False)  # W + ΔW (d_out, d_in) while merged
        self.register_load_state_dict_post_hook(_merge_again)  # type: ignore[no-untyped-call]
        self.train(base.training)
        with torch.no_grad():
            self.A.copy_(uniform(rank, W.shape[1], dtype=W.dtype, generator=generator))

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        if self.merged is not None:
            return F.linear(x, self.merged, self.base.bias)
        A, B = self.factors()
        kept = F.dropout(x, self.dropout, self.training) if self.dropout else x
        update = kept @ A.mT @ B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        base: Tensor = self.base(x)
        return base + self.scale * update

    def factors(self) -> tuple[Tensor, Tensor]:
        """A (k, d_in) and B (d_out, k) as they are multiplied: ΔW = γ B A where `additive` is true."""
        return self.A, self.B

    @property
    def rank(self) -> int:
        return self.A.shape[0]

    @property
    def in_features(self) -> int:
        return self.base.in_features

    @property
    def out_features(self) -> int:
        return self.base.out_features

    @property
    def weight(self) -> Tensor:
        """W + ΔW (d_out, d_in) in the base's type; gradients reach A and B through it."""
        if self.merged is not None:
            return self.merged
        W = self.base.weight
        return (W + self.update()).to(W.dtype)

    @property
    def bias(self) -> Tensor | None:
        bias: Tensor | None = self.base.bias
        return bias

    def update(self) -> Tensor:
        """ΔW = γ B A (d_out, d_in). Half types are multiplied in float32, to be rounded once at the end."""
        A, B = self.factors()
        wide = torch.promote_types(A.dtype, torch.float32)
        return self.scale * (B.to(wide) @ A.to(wide))

    @torch.no_grad()
    def delta(self) -> Tensor:
        """ΔW (d_out, d_in), what training has added to W, in the base's type."""
        return self.update().to(self.base.weight.dtype)

    @torch.no_grad()
    def merged_weight(self) -> Tensor:
        """W + ΔW (d_out, d_in) from A and B as they are now, in the base's type."""
        W = self.base.weight
        return (W + self.update()).to(W.dtype)

    @property
    def delta_rank(self) -> int:
        """The highest rank that ΔW can have."""
        return min(self.rank, self.in_features, self.out_features)

    def restored(self) -> nn.Linear:
        """The layer that `detach` puts back."""
        return self.base

    def plain(self, weight: Tensor) -> nn.Linear:
        """The layer that `unload` puts back: the base with this weight (d_out, d_in)."""
        self.base.weight = nn.Parameter(weight)
        return self.base

    def tensors(self) -> dict[str, Tensor]:
        """What a saved adapter holds of this layer, under the names PEFT gives them."""
        A, B = self.factors()
        return {"lora_A.weight": A.detach(), "lora_B.weight": B.detach()}

    @staticmethod
    def shapes(d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        """The shapes that `load` takes for an adapter of this rank."""
        return {"lora_A.weight": (rank, d_in), "lora_B.weight": (d_out, rank)}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes what a file holds of this layer; the shapes are those of `shapes`."""
        self.A.copy_(tensors["lora_A.weight"])
        self.B.copy_(tensors["lora_B.weight"])

    def extra_repr(self) -> str:
        merged = self.merged is not None
        return f"rank={self.rank}, scale={self.scale:g}, dropout={self.dropout:g}, merged={merged}"


class OffsetLinear(LoRALinear):
    """A low-rank update that starts elsewhere than at B = 0 and still from the base model exactly.

        y = W x + γ (B A − B₀ A₀) x,  A₀ and B₀ being A and B as they started

    PiSSA and LoRA-GA subtract γ B₀A₀ from W once and for all. Kept apart it is the same function, exactly the
    base at the start; W stays as it is, so that taking the adapter off is exact in every type; and it is a
    plain LoRA of rank 2r with half its factors frozen, A' = [A; A₀] and B' = [B, −B₀], which is how it is
    saved. It costs two more thin products a forward pass.

    Args:
        A, B: the start, (r, d_in) and (d_out, r).
    """

    A0: Tensor
    B0: Tensor

    def __init__(self, base: nn.Linear, *, A: Tensor, B: Tensor, scale: float, dropout: float = 0.0) -> None:
        super().__init__(base, rank=len(A), scale=scale, dropout=dropout, generator=torch.Generator())
        with torch.no_grad():
            self.A.copy_(A)
            self.B.copy_(B)
        self.register_buffer("A0", self.A.detach().clone())
        self.register_buffer("B0", self.B.detach().clone())

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        if self.merged is not None:
            return F.linear(x, self.merged, self.base.bias)
        kept = F.dropout(x, self.dropout, self.training) if self.dropout else x
        now = kept @ self.A.mT @ self.B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        start = x @ self.A0.mT @ self.B0.mT
        base: Tensor = self.base(x)
        return base + self.scale * (now - start)

    def update(self) -> Tensor:
        """γ (B A − B₀ A₀) (d_out, d_in)."""
        wide = torch.promote_types(self.A.dtype, torch.float32)
        return self.scale * (self.B.to(wide) @ self.A.to(wide) - self.B0.to(wide) @ self.A0.to(wide))

    @property
    def delta_rank(self) -> int:
        return min(2 * self.rank, self.in_features, self.out_features)

    def factors(self) -> tuple[Tensor, Tensor]:
        """[A; A₀] (2r, d_in) and [B, −B₀] (d_out, 2r)."""
        return torch.cat([self.A, self.A0]), torch.cat([self.B, -self.B0], dim=1)


def uniform(rank: int, d_in: int, *, dtype: torch.dtype, generator: torch.Generator | None) -> Tensor:
    """A's start (r, d_in), uniform in ±1/√d_in, drawn where the generator lives and in float32 at least."""
    device = "cpu" if generator is None else generator.device
    A = torch.empty(rank, d_in, dtype=torch.promote_types(dtype, torch.float32), device=device)
    bound = 1 / math.sqrt(d_in)
    return A.uniform_(-bound, bound, generator=generator)


def _merge_again(layer: nn.Module, _: Any) -> None:
    """A state dictionary loaded into a merged layer brings other factors: the merged weight must follow."""
    assert isinstance(layer, LoRALinear)
    if layer.merged is not None:
        layer.merged = layer.merged_weight()
