"""A linear layer of K configurations at once, and the Adam that moves them.

x (K · n, …, d_in) -> y (K · n, …, d_out), the rows of one member behind those of another
A (K, r, d_in),  Bᵀ (K, r, d_out),  γ (K, 1, 1);  ranks below r are padded with zeros, which stay zero
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from lora_core.linear import LoRALinear


@dataclass(frozen=True)
class Start:
    """How one member's layer starts.

    Attributes:
        W: the frozen matrix (d_out, d_in); of full fine-tuning, where it starts.
        trained: A (r, d_in), Bᵀ (r, d_out), and DoRA's m (d_out, 1); W itself in full fine-tuning.
        rates: of each of them.
        scale: γ.
        offset: A₀ and B₀, whose γ B₀A₀ is taken off W.
    """

    W: Tensor
    trained: tuple[Tensor, ...]
    rates: tuple[float, ...]
    scale: float = 1.0
    offset: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, layer: LoRALinear, form: str, rates: Mapping[int, float]) -> Self:
        """Of an attached layer, with the rate of each parameter by its id."""
        A, B = layer.A, layer.B
        trained, order = (A, B.mT), [A, B]
        if form == "decomposed":
            m: nn.Parameter = layer.m
            trained, order = (*trained, m[:, None]), [*order, m]  # type: ignore[assignment]
        offset = (layer.A0, layer.B0) if form == "offset" else None
        found = tuple(rates[id(p)] for p in order)
        return cls(layer.base.weight, trained, found, layer.scale, offset)


class Many(nn.Module):
    """y = x Wₖᵀ of every member k; see `plan.FORMS` for what Wₖ is."""

    def __init__(self, starts: Sequence[Start], dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()

        def moved(tensor: Tensor) -> Tensor:
            return tensor.detach().to(device, dtype)

        def each(numbers: Sequence[float]) -> Tensor:  # (K, 1, 1)
            return torch.tensor(numbers, dtype=dtype, device=device).view(-1, 1, 1)

        first = starts[0]
        self.W = self.frozen = moved(first.W)  # (d_out, d_in)
        if first.offset is not None:  # (K, d_out, d_in)
            self.frozen = torch.stack([_residual(moved(start.W), start, moved) for start in starts])
        self.scale = each([start.scale for start in starts])
        parts = zip(*(start.trained for start in starts), strict=True)
        self.trained = [padded([moved(part) for part in mine]).requires_grad_() for mine in parts]
        self.rates = [each(mine) for mine in zip(*(start.rates for start in starts), strict=True)]

    def weight(self) -> Tensor:
        """Wₖ of each member, (K, d_out, d_in)."""
        if len(self.trained) == 1:
            return self.trained[0]
        A, Bt, *m = self.trained
        V = torch.baddbmm(self.frozen.expand(len(A), -1, -1), (self.scale * Bt).mT, A)
        if not m:
            return V
        norm = torch.linalg.vector_norm(V.detach(), dim=2, keepdim=True)  # DoRA: counts as a constant
        inverse = torch.where(norm > 0, 1 / norm, 0)
        return V * torch.where(norm > 0, m[0] * inverse, 1)  # a row of zeros stays

    def forward(self, x: Tensor) -> Tensor:
        K, (d_out, d_in) = len(self.scale), self.W.shape
        alike = len(x) == K > 1 and x.stride(0) == 0  # one input, expanded: what is W's is computed once
        rows = x[:1].reshape(1, -1, d_in) if alike else x.reshape(K, -1, d_in)
        few = alike or rows.shape[1] * (d_in + d_out) < d_in * d_out  # fewer numbers than W has
        if few and len(self.trained) == 2 and self.frozen.dim() == 2:
            A, Bt = self.trained
            y = (rows @ self.W.mT).expand(K, -1, -1)
            xa = A @ rows.mT if not alike else (A.flatten(0, 1) @ rows[0].mT).view(K, -1, rows.shape[1])
            y = torch.baddbmm(y, (xa * self.scale).mT, Bt)  # xa (K, r, n): quicker than (K, n, r)
        else:
            y = torch.bmm(rows.expand(K, -1, -1), self.weight().mT)
        return y.reshape(*x.shape[:-1], d_out)


class Adam:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) with a rate of its own for each member and tensor.

    Args:
        tensors: (K, …) each. rates: (K, 1, 1) of each.
    """

    def __init__(self, tensors: Sequence[Tensor], rates: Sequence[Tensor]) -> None:
        self.tensors, self.rates, self.steps = tensors, rates, 0
        self.first, self.second = ([torch.zeros_like(each) for each in tensors] for _ in range(2))

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], *, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.steps += 1
        unbiased = 1 - beta1**self.steps, (1 - beta2**self.steps) ** 0.5
        for p, g, rate, m, v in zip(
            self.tensors, gradients, self.rates, self.first, self.second, strict=True
        ):
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            p.sub_(rate / unbiased[0] * m / v.sqrt().div_(unbiased[1]).add_(1e-8))


def padded(parts: Sequence[Tensor]) -> Tensor:
    """(K, r, …) of tensors (rₖ, …), filled up with zeros."""
    found = parts[0].new_zeros(len(parts), max(map(len, parts)), *parts[0].shape[1:])
    for k, part in enumerate(parts):
        found[k, : len(part)] = part
    return found


def _residual(W: Tensor, start: Start, moved: Callable[[Tensor], Tensor]) -> Tensor:
    """W − γ B₀A₀ (d_out, d_in)."""
    assert start.offset is not None
    A, B = map(moved, start.offset)
    return W - start.scale * (B @ A)
