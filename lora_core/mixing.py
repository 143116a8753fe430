"""What the adapters of a batch add to a layer's output: y_b += γ_s B_s A_s x_b, s the adapter of request b.

One of two kernels does it, chosen for each layer by what it should cost:

    gathered  A and B of each request copied beside each other, then batched products: for many adapters
    looped    adapter after adapter: for few adapters among many requests, and for long texts

A third, all A and all B as two large matrices with zeros in between, wins by a tenth for two to eight
adapters and loses tenfold for hundreds, and is left out. Requests that stand beside each other, each
adapter's together, are a stretch of the batch, of which nothing is copied.

Adapters of several ranks are kept by the next power of two, padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate, groupby
from typing import Literal

import torch
from torch import Tensor, nn

from lora_core.linear import weight_of

Kernel = Literal["gathered", "looped"]
Factors = Mapping[str, tuple[Tensor, Tensor]]

# Seconds that a multiply-add in a plain and in a batched thin product, a byte copied and a round of the loop
# take on one core of 2024, and what each kernel costs at least. Only their ratios matter.
_PLAIN, _THIN, _COPY, _ROUND = 3.5e-11, 8e-11, 7e-11, 1.5e-5
_AT_LEAST: dict[Kernel, float] = {"gathered": 3.5e-5, "looped": 4e-5}


class Bank:
    """The adapters of one rank: for each layer A (N, r, d_in) and γBᵀ (N, r, d_out), zeros where unused."""

    def __init__(self, rank: int, linear: Mapping[str, nn.Module]) -> None:
        self.rank, self._linear = rank, linear
        self.size = 0
        self.free: list[int] = []
        self.factors: dict[str, tuple[Tensor, Tensor]] = {}

    def put(self, factors: Factors) -> int:
        """Writes an adapter into a free slot and says which."""
        if not self.free:
            self._grow(max(8, 2 * self.size))
        for name in factors.keys() - self.factors.keys():
            self.factors[name] = self._empty(name)
        slot = self.free.pop()
        for name, parts in self.factors.items():
            given = factors.get(name)
            for part, bank in enumerate(parts):
                bank[slot].zero_()
                if given is not None:
                    rows = given[0] if part == 0 else given[1].mT
                    bank[slot, : len(rows)].copy_(rows)
        return slot

    def _empty(self, name: str) -> tuple[Tensor, Tensor]:
        W = weight_of(self._linear[name])
        d_out, d_in = W.shape
        wide = torch.promote_types(W.dtype, torch.float32)
        A, Bt = (torch.zeros(self.size, self.rank, d, dtype=wide, device=W.device) for d in (d_in, d_out))
        return A, Bt

    def _grow(self, size: int) -> None:
        self.free += range(size - 1, self.size - 1, -1)
        old, self.size = self.size, size
        for name, parts in self.factors.items():
            self.factors[name] = self._empty(name)
            for before, after in zip(parts, self.factors[name], strict=True):
                after[:old] = before


class Group:
    """The requests of a batch for the adapters of one bank.

    Args:
        rows: their places in the batch; slots: the slot of each.
        requests: how many the whole batch has.
        strengths: of all requests of the batch, a factor on γ; None is 1.
    """

    def __init__(
        self,
        bank: Bank,
        rows: list[int],
        slots: list[int],
        requests: int,
        strengths: Sequence[float] | None = None,
    ) -> None:
        self.bank, self.requests = bank, requests
        self._rows, self._slots, self._different = rows, slots, len(set(slots))
        device = next(iter(bank.factors.values()))[0].device
        self._row_index, self._slot_index = (torch.tensor(each, device=device) for each in (rows, slots))
        self._strengths: Tensor | None = None  # (b, 1, 1)
        if strengths is not None and any(strengths[row] != 1 for row in rows):
            self._strengths = torch.tensor([strengths[row] for row in rows], device=device)[:, None, None]
        first = rows[0]
        self._together = rows == list(range(first, first + len(rows)))
        self._in_order = self._together and slots == sorted(slots)

    def kernel(self, t: int, width: int, itemsize: int) -> Kernel:
        """The kernel that should be quickest; t rows a request, width = d_in + d_out."""
        asked = len(self._rows)
        products = self.bank.rank * width  # of one row with A and B
        copied = 0 if self._in_order else width * itemsize
        costs: dict[Kernel, float] = {
            "gathered": asked * products * (itemsize * _COPY + t * _THIN),
            "looped": self._different * _ROUND + asked * t * (copied * _COPY + products * _PLAIN),
        }
        least = {**_AT_LEAST, "looped": 0.0} if self._in_order else _AT_LEAST
        return min(costs, key=lambda kernel: least[kernel] + costs[kernel])

    def add_update(self, name: str, x: Tensor, y: Tensor) -> None:
        """Adds γBAx to y (B, t, d_out) for x (B, t, d_in); half types in float32, rounded once."""
        if self._together:  # a stretch of the batch, of which nothing is copied
            stretch = slice(self._rows[0], self._rows[-1] + 1)
            self._add_update(name, x[stretch], y[stretch])
        else:
            self._add_update(name, x, y)

    def _add_update(self, name: str, x: Tensor, y: Tensor) -> None:
        A, Bt = self.bank.factors[name]
        if y.dtype != A.dtype:
            wide = y.to(A.dtype)
            self._add_update(name, x.to(A.dtype), wide)
            y.copy_(wide)
            return
        kernel = self.kernel(x.shape[1], x.shape[2] + y.shape[2], x.element_size())
        (self._gathered if kernel == "gathered" else self._looped)(x, y, A, Bt)

    def _gathered(self, x: Tensor, y: Tensor, A: Tensor, Bt: Tensor) -> None:
        A, Bt = A.index_select(0, self._slot_index), Bt.index_select(0, self._slot_index)  # (b, r, d)
        xa = torch.bmm(x if self._together else x.index_select(0, self._row_index), A.mT)  # (b, t, r)
        if self._strengths is not None:
            xa *= self._strengths
        if self._together:
            y.baddbmm_(xa, Bt)
            return
        y.index_add_(0, self._row_index, torch.bmm(xa, Bt))

    def _looped(self, x: Tensor, y: Tensor, A: Tensor, Bt: Tensor) -> None:
        order, runs = self._runs
        if self._in_order:
            for slot, first, end in runs:
                xa = x[first:end] @ A[slot].mT  # (requests, t, r)
                if self._strengths is not None:
                    xa *= self._strengths[first:end]
                y[first:end].flatten(0, 1).addmm_(xa.flatten(0, 1), Bt[slot])
            return
        asked = x.index_select(0, order)
        update = y.new_empty(len(order), *y.shape[1:])
        for slot, first, end in runs:
            xa = asked[first:end].flatten(0, 1) @ A[slot].mT  # (requests t, r)
            torch.mm(xa, Bt[slot], out=update[first:end].flatten(0, 1))
        if self._strengths is not None:
            update *= self._strengths[self._sorted]
        y.index_add_(0, order, update)

    @cached_property
    def _sorted(self) -> Tensor:
        """Places in the group, sorted by slot."""
        places = sorted(range(len(self._slots)), key=self._slots.__getitem__)
        return torch.tensor(places, device=self._row_index.device)

    @cached_property
    def _runs(self) -> tuple[Tensor, list[tuple[int, int, int]]]:
        """The requests' places sorted by slot, and the slot, beginning and end of each stretch of equals."""
        slots = sorted(self._slots)
        ends = list(accumulate(sum(1 for _ in same) for _, same in groupby(slots)))
        starts = [0, *ends[:-1]]
        order = self._row_index[self._sorted]
        return order, [(slots[a], a, b) for a, b in zip(starts, ends, strict=True)]
