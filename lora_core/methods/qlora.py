"""QLoRA: Dettmers, Pagnoni, Holtzman & Zettlemoyer 2023, "QLoRA: Efficient Finetuning of Quantized LLMs",
arXiv:2305.14314.

    h = deq(W) x + γ B A x                                          (eq. 5)
    W (d_out, d_in) as NF4, frozen;  A (r, d_in) and B (d_out, r) as in LoRA
    merge: deq(W) + γ B A, in W's own type

NF4: W, row after row, is cut into blocks of 64. Each is divided by its largest absolute value c, and each
entry becomes the nearest of 16 codes, quantiles of the normal distribution: 4 bits, two entries a byte.
Double quantisation: c becomes 8 bits too, in blocks of 256: c ≈ mean + q · unit, with q from −127 to 127.
That is 8/64 + 32/(64 · 256) = 0.127 bits a parameter where 32/64 = 0.5 were.

So training starts from deq(W), not from W, and W is not kept: `detach` gives back deq(W), and warns. On
normal weights the mean error is 0.073 and its root mean square 0.092 of their standard deviation.

The authors' q is an 8-bit float, here it is a whole number. Their kernels never hold all of deq(W); here a
forward pass does, and keeps it for the backward pass. A file is a plain LoRA's:
`load_adapter(…, quantised=True)` puts it back onto a quantised base.
"""

from __future__ import annotations

import warnings
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core.linear import LoRALinear
from lora_core.methods.lora import LoRA

BLOCK, OUTER = 64, 256
# Eight positive and seven negative quantiles from 0.9677083 to 0.5, and 0, divided by the largest.
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)


class NF4Linear(nn.Module):
    """A linear layer y = deq(W) x + b whose W is held in 4.127 bits an entry.

    All of it is whole numbers (`unit` are the bytes of float32 numbers), which model.to(dtype) leaves alone.

    Raises:
        ValueError: W holds a NaN or an infinity.
    """

    codes: Tensor  # uint8 (blocks, 32): two entries a byte, the first in the upper half
    q: Tensor  # int8 (blocks,): c of each block
    unit: Tensor  # uint8: float32 mean, and unit of each 256 blocks
    like: Tensor  # has the type that deq(W) gets

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        W = base.weight.detach()
        if not W.isfinite().all():
            raise ValueError("weight holds a NaN or an infinity, expected finite numbers to quantise")
        self.out_features, self.in_features = W.shape
        self.bias = base.bias
        codes, c = quantise(W)
        q, unit = quantise_again(c)
        self.register_buffer("codes", codes)
        self.register_buffer("q", q)
        self.register_buffer("unit", unit.view(torch.uint8))
        self.register_buffer("like", W.new_empty(0), persistent=False)

    @property
    def weight(self) -> Tensor:
        """deq(W) (d_out, d_in)."""
        c = dequantise_again(self.q, self.unit.view(torch.float32))
        entries = dequantise(self.codes, c).flatten()[: self.out_features * self.in_features]
        return entries.view(self.out_features, self.in_features).to(self.like.dtype)

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        return F.linear(x, self.weight, self.bias)


def quantise(W: Tensor) -> tuple[Tensor, Tensor]:
    """Codes, uint8 (blocks, 32), and c, float32 (blocks,); the last block is filled up with zeros."""
    flat = W.float().flatten()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    c = blocks.abs().amax(1)  # (blocks,)
    table = torch.tensor(NF4, device=W.device)
    middles = (table[1:] + table[:-1]) / 2
    # A block of zeros has c = 0 and becomes the code of 0.
    nearest = torch.bucketize(blocks / c.where(c > 0, 1)[:, None], middles).to(torch.uint8)
    return nearest[:, 0::2] << 4 | nearest[:, 1::2], c


def dequantise(codes: Tensor, c: Tensor) -> Tensor:
    """Entries, float32 (blocks, 64)."""
    table = torch.tensor(NF4, device=codes.device)
    both = torch.stack([codes >> 4, codes & 15], dim=-1)  # (blocks, 32, 2)
    return table[both.long()].flatten(1) * c[:, None]


def quantise_again(c: Tensor) -> tuple[Tensor, Tensor]:
    """q, int8 (blocks,), and the mean of c with the unit of each 256 blocks, float32 (1 + outer blocks,)."""
    mean = c.mean()
    outer = F.pad(c - mean, (0, -len(c) % OUTER)).view(-1, OUTER)
    unit = outer.abs().amax(1) / 127
    q = (outer / unit.where(unit > 0, 1)[:, None]).round().to(torch.int8)
    return q.flatten()[: len(c)], torch.cat([mean[None], unit])


def dequantise_again(q: Tensor, unit: Tensor) -> Tensor:
    """c, float32 (blocks,)."""
    return unit[0] + q * unit[1:].repeat_interleave(OUTER)[: len(q)]


class QLoRALinear(LoRALinear):
    """LoRA around a base that is held in NF4."""

    def __init__(self, base: nn.Linear, **options: Any) -> None:
        super().__init__(cast(nn.Linear, NF4Linear(base)), **options)

    def restored(self) -> nn.Linear:
        warnings.warn("the base was quantised: what stays is its NF4 approximation", stacklevel=4)
        return self.plain(self.base.weight)

    def plain(self, weight: Tensor) -> nn.Linear:
        linear = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        linear.weight = nn.Parameter(weight)
        linear.bias = self.base.bias
        return linear.train(self.training)


class QLoRA(LoRA):
    """LoRA on a base of four bits."""

    layer = QLoRALinear


METHOD = QLoRA()
