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

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lora_core.lazy import LazyModule
from lora_core.methods.lora import LoRA

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from lora_core import linear
    from lora_core.linear import DerivedLinear, LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch, F = LazyModule("torch"), LazyModule("torch.nn.functional")
    linear = LazyModule("lora_core.linear")

BLOCK, OUTER = 64, 256
# Eight positive and seven negative quantiles from 0.9677083 to 0.5, and 0, divided by the largest.
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)


class QLoRA(LoRA):
    """LoRA on a base of four bits."""

    name = "qlora"
    place = 8
    form = "quantised"
    keeps_base = False

    def hold(self, base: nn.Module) -> nn.Module:
        return nf4_linear(base)

    def restored(self, layer: LoRALinear) -> nn.Module:
        warnings.warn("the base was quantised: what stays is its NF4 approximation", stacklevel=5)
        return self.plain(layer, layer.W)

    def plain(self, layer: LoRALinear, W: Tensor) -> nn.Module:
        base: DerivedLinear = layer.base
        return base.plain(W)

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """W in 4 bits an entry, 8 a block of 64, and 32 a block of 256 of these and their mean."""
        blocks = [math.ceil(math.prod(shape) / BLOCK) for shape in shapes]
        frozen = sum(b * BLOCK // 2 + b + 4 * (1 + math.ceil(b / OUTER)) for b in blocks)
        return replace(plain, frozen_bytes=frozen)


def nf4_linear(base: nn.Module) -> DerivedLinear:
    """A linear layer y = deq(W) x + b whose W is held in 4.127 bits an entry.

    All it holds is whole numbers (`unit` are the bytes of float32 numbers), which model.to(dtype) leaves
    alone: codes, uint8 (blocks, 32), two entries a byte, the first in the upper half; q, int8 (blocks,), c of
    each block; unit, uint8, the mean, and the unit of each 256 blocks.

    Raises:
        ValueError: W holds a NaN or an infinity.
    """
    W = linear.weight_of(base).detach()
    if not W.isfinite().all():
        raise ValueError("weight holds a NaN or an infinity, expected finite numbers to quantise")
    codes, c = quantise(W)
    q, unit = quantise_again(c)
    held = {"codes": codes, "q": q, "unit": unit.view(torch.uint8)}
    return linear.DerivedLinear(base, held, weight=_dequantised)


def _dequantised(layer: DerivedLinear) -> Tensor:
    """deq(W), float32 (d_out, d_in)."""
    c = dequantise_again(layer.get_buffer("q"), layer.get_buffer("unit").view(torch.float32))
    entries = dequantise(layer.get_buffer("codes"), c).flatten()
    return entries[: layer.out_features * layer.in_features].view(layer.out_features, layer.in_features)


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


METHOD = QLoRA()
