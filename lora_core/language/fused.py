"""Parts of the network with gradients of their own: the same numbers in fewer passes over memory.

With 256 tokens a step, half of its time goes not into products but into what autograd keeps, copies and casts
between them. Everything here has a plain counterpart that it falls back to or is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lora_core.linear import LoRALinear
from lora_core.methods.lora import LoRA


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / √(mean(x²) + ε) · weight over the last axis, (..., C) -> (..., C); inside in float32 at least."""
    out: Tensor = _Norm.apply(x, weight, eps)  # type: ignore[no-untyped-call]
    return out


class _Norm(torch.autograd.Function):
    """n = r x with r = 1 / √(mean(x²) + ε); y = n w; dx = r (g w − n mean(g w n)), dw = Σ g n."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32), copy=True)
        r = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)  # (..., 1)
        r = r.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, r)
        return wide.mul_(r).mul_(weight.to(r.dtype)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, r = ctx.saved_tensors
        n = x.to(r.dtype, copy=True).mul_(r)
        g = g.to(r.dtype, copy=True)
        dw = (g * n).flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        g.mul_(weight.to(r.dtype))
        mean = torch.linalg.vecdot(g, n).unsqueeze(-1).div_(x.shape[-1])
        return g.addcmul_(n, mean, value=-1).mul_(r).to(x.dtype), dw, None


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs (i, i + D/2) of (..., D) turned by angles given as cos and sin (..., D/2)."""
    out: Tensor = _Turn.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return out


class _Turn(torch.autograd.Function):
    """(a cos − b sin, b cos + a sin); the gradient is turned back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turn(g, cos, sin, -1), None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    (a, b), (left, right) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(a, cos, out=left).addcmul_(b, sin, value=-way)
    torch.mul(b, cos, out=right).addcmul_(a, sin, value=way)
    return out


def read(x: Tensor, *layers: nn.Module) -> tuple[Tensor, ...]:
    """What several linear layers make of the same x (..., d_in).

    Layers of plain LoRA are computed together, A x for all of them in one product and their gradients of x
    into one sum: y = W x + b + γ B A x, where A and B take x's type for the products (they stay float32). All
    others are called.
    """
    if not all(_plain(layer, x) for layer in layers):
        return tuple(layer(x) for layer in layers)
    lora: Any = layers
    factors = [layer.method.factors(layer) for layer in lora]
    parts = [(layer.W, layer.bias, B * layer.scale) for layer, (_, B) in zip(lora, factors, strict=True)]
    A = torch.cat([A for A, _ in factors])  # (Σr, d_in)
    out: tuple[Tensor, ...] = _Products.apply(x, A, *(each for part in parts for each in part))  # type: ignore[no-untyped-call]
    return out


def _plain(layer: nn.Module, x: Tensor) -> bool:
    return (
        isinstance(layer, LoRALinear)
        and type(layer.method).forward is LoRA.forward
        and layer.merged is None
        and layer.base_is_plain
        and not (layer.dropout and layer.training)
        and not (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks)
        and layer.W.dtype == x.dtype
        and not (layer.W.requires_grad or (layer.bias is not None and layer.bias.requires_grad))
    )


def _split(h: Tensor, B: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """h (n, Σr), for each layer its own (n, r)."""
    return torch.split(h, [each.shape[1] for each in B], 1)


class _Products(torch.autograd.Function):
    """yᵢ = Wᵢ x + bᵢ + Bᵢ hᵢ, h = A x; A (Σr, d_in) of all layers, Bᵢ (d_out, r) times γ; W, b frozen."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, A: Tensor, *parts: Tensor | None) -> tuple[Tensor, ...]:
        rows = x.reshape(-1, x.shape[-1])  # (n, d_in)
        W, b, B = parts[0::3], parts[1::3], [B.to(x.dtype) for B in parts[2::3] if B is not None]
        A = A.to(x.dtype)
        h = rows @ A.mT  # (n, Σr)
        out = []
        for Wi, bi, Bi, hi in zip(W, b, B, _split(h, B), strict=True):
            y = nn.functional.linear(rows, Wi, bi)  # type: ignore[arg-type]
            out.append(y.addmm_(hi, Bi.mT).view(*x.shape[:-1], -1))
        ctx.save_for_backward(rows, A, h, *W, *B)
        ctx.wide = [each.dtype for each in parts[2::3] if each is not None]
        return tuple(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, A, h, *rest = ctx.saved_tensors
        W, B = rest[: len(gradients)], rest[len(gradients) :]
        G = [g.reshape(-1, g.shape[-1]) for g in gradients]  # (n, d_out) each
        gB = torch.cat([g @ Bi for g, Bi in zip(G, B, strict=True)], 1)  # (n, Σr)
        dA = (gB.mT @ rows).to(ctx.wide[0])
        dB = [(g.mT @ hi).to(wide) for g, hi, wide in zip(G, _split(h, B), ctx.wide, strict=True)]
        dx = None
        if ctx.needs_input_grad[0]:
            dx = gB @ A
            for g, Wi in zip(G, W, strict=True):
                dx.addmm_(g, Wi)
            dx = dx.view(*gradients[0].shape[:-1], -1)
        return dx, dA, *(each for Bi in dB for each in (None, None, Bi))
