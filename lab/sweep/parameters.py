"""What trains in a batch of configurations, in flat buffers that one fused call of Adam updates.

The configurations have different learning rates and the fused Adam takes one. So it moves u = p / lr at rate
1, which is the same update exactly: Adam's step does not depend on p, and p = lr · u.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# What torch.optim.AdamW(fused=True) comes down to; going through it costs as much as the update itself.
_fused_adamw = torch._fused_adamw_


@dataclass(frozen=True)
class Trained:
    """A view of one tensor of all configurations, and of its gradient, both (K, …)."""

    value: Tensor
    gradient: Tensor


class Parameters:
    """Adam without weight decay, at a rate of its own for each configuration and tensor.

    Args:
        starts: tensors (K, …), copied one behind the other into a flat buffer.
        rates: the learning rates (K,) of each of them, above 0.
    """

    def __init__(self, starts: Sequence[Tensor], rates: Sequence[Tensor]) -> None:
        self._p = torch.cat([start.flatten() for start in starts])
        self._lr = torch.cat(
            [
                rate.to(start).view(-1, 1).expand(-1, start[0].numel()).flatten()
                for start, rate in zip(starts, rates, strict=True)
            ]
        )
        self._u = self._p / self._lr
        self._g, self._m, self._v = (torch.zeros_like(self._p) for _ in range(3))
        self._step = torch.zeros((), device=self._p.device)
        sizes = [start.numel() for start in starts]
        self.tensors = [
            Trained(value.view_as(start), gradient.view_as(start))
            for start, value, gradient in zip(
                starts, torch.split(self._p, sizes), torch.split(self._g, sizes), strict=True
            )
        ]

    @torch.no_grad()
    def update(self) -> None:
        """One step of Adam with the gradients as they stand."""
        self._step += 1
        _fused_adamw(
            [self._u],
            [self._g],
            [self._m],
            [self._v],
            [],
            [self._step],
            lr=1.0,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )
        torch.mul(self._u, self._lr, out=self._p)
