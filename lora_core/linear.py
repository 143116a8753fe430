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
        kept = F.dropout(x, self.dropout, self.training) if self.dropout else x
        update = kept @ self.A.mT @ self.B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        base: Tensor = self.base(x)
        return base + self.scale * update

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
        """γ B A (d_out, d_in). Half types are multiplied in float32, to be rounded once at the end."""
        wide = torch.promote_types(self.A.dtype, torch.float32)
        return self.scale * (self.B.to(wide) @ self.A.to(wide))

    @torch.no_grad()
    def delta(self) -> Tensor:
        """ΔW (d_out, d_in), what training has added to W, in the base's type."""
        return self.update().to(self.base.weight.dtype)

    @torch.no_grad()
    def merged_weight(self) -> Tensor:
        """W + ΔW (d_out, d_in) from A and B as they are now, in the base's type."""
        W = self.base.weight
        return (W + self.update()).to(W.dtype)

    def restored(self) -> nn.Linear:
        """The layer that `detach` puts back."""
        return self.base

    def tensors(self) -> dict[str, Tensor]:
        """What a saved adapter holds of this layer, under the names PEFT gives them."""
        return {"lora_A.weight": self.A.detach(), "lora_B.weight": self.B.detach()}

    @staticmethod
    def shapes(d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        """The shapes of `tensors`."""
        return {"lora_A.weight": (rank, d_in), "lora_B.weight": (d_out, rank)}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `tensors`; the shapes are those of `shapes`."""
        self.A.copy_(tensors["lora_A.weight"])
        self.B.copy_(tensors["lora_B.weight"])

    def extra_repr(self) -> str:
        merged = self.merged is not None
        return f"rank={self.rank}, scale={self.scale:g}, dropout={self.dropout:g}, merged={merged}"


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
