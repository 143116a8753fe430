"""One base and many adapters: requests for different adapters, or for none, in one batch.

    y_b = W x_b + γ_s B_s A_s x_b,  s the adapter that request b asks for

The product with W is made once for the whole batch, by the model's own layers. What the adapters add is made
by one of two kernels, chosen for each layer by what it should cost:

    gathered  A and B of each request copied beside each other, then batched products: for many adapters
    looped    adapter after adapter: for few adapters among many requests, and for long texts

A third, all A and all B as two large matrices with zeros in between, wins by a tenth for two to eight
adapters and loses tenfold for hundreds, and is left out.

Adapters of several ranks are kept by the next power of two, padded with zeros. Systems that serve large
models do the like with kernels of their own (Punica, Chen et al. 2023, arXiv:2310.18547; S-LoRA, Sheng et al.
2023, arXiv:2311.03285).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import accumulate, groupby
from typing import Literal

import torch
from torch import Tensor, nn

from lora_core.adapter import adapted_layers, linear_layers, refuse_unready
from lora_core.formats import peft as peft_format
from lora_core.linear import weight_of

Kernel = Literal["gathered", "looped"]
Factors = Mapping[str, tuple[Tensor, Tensor]]

# Seconds that a multiply-add in a plain and in a batched thin product, a byte copied and a round of the loop
# take on one core of 2024, and what each kernel costs at least. Only their ratios matter.
_PLAIN, _THIN, _COPY, _ROUND = 3.5e-11, 8e-11, 7e-11, 1.5e-5
_AT_LEAST: dict[Kernel, float] = {"gathered": 3.5e-5, "looped": 4e-5}


class Server:
    """A model that answers each request with the adapter it names.

    Everything is on the model's device; the factors have its layers' types, or float32 for half types. One
    batch is computed at a time; adding, replacing and dropping wait for the batch under way, and so may come
    from any thread.

    Args:
        model: its linear layers get a hook, which `close` takes off. Called by itself it stays the base.

    Raises:
        ValueError: an adapter is attached to the model.
    """

    def __init__(self, model: nn.Module) -> None:
        refuse_unready(model)
        self.model = model
        self._linear = linear_layers(model)
        self._banks: dict[int, _Bank] = {}
        self._places: dict[str, tuple[int, int]] = {}  # name -> rank of its bank, slot
        self._route: list[_Group] | None = None
        self._lock = threading.Lock()
        self._hooks = [
            layer.register_forward_hook(partial(self._add_updates, name))
            for name, layer in self._linear.items()
        ]

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters in memory."""
        return tuple(self._places)

    @property
    def reserved(self) -> int:
        """Bytes that the adapters' factors take in memory, with the slots kept free for the next."""
        return sum(
            part.nbytes for bank in self._banks.values() for parts in bank.factors.values() for part in parts
        )

    def add(self, name: str, factors: Factors) -> None:
        """Takes an adapter in, or puts it in the place of the one of this name.

        Args:
            name: as requests ask for it.
            factors: module name -> A (r, d_in) and γB (d_out, r), from `factors_of` or `read_factors`. Layers
                may have ranks of their own.

        Raises:
            ValueError: there is no factor, no such layer, or shapes or numbers that do not fit.
        """
        self._check(factors)
        rank = 1 << (max(len(A) for A, _ in factors.values()) - 1).bit_length()
        with self._lock:
            self._drop(name)
            if rank not in self._banks:
                self._banks[rank] = _Bank(rank, self._linear)
            self._places[name] = rank, self._banks[rank].put(factors)

    def drop(self, name: str) -> None:
        """Forgets an adapter; its memory is used for the next one.

        Raises:
            ValueError: there is none of this name.
        """
        self._known([name])
        with self._lock:
            self._drop(name)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, adapters: Sequence[str | None]) -> Tensor:
        """The model's outputs, request b computed with adapters[b]; None is the base.

        Args:
            inputs: what the model takes, requests along the first dimension.
            adapters: a name for each request.

        Raises:
            ValueError: an adapter is not in memory, or there are not as many names as requests.
        """
        if len(adapters) != len(inputs):
            raise ValueError(f"{len(adapters)} names for {len(inputs)} requests")
        with self.routed(adapters):
            outputs: Tensor = self.model(inputs)
        return outputs

    @contextmanager
    def routed(
        self, adapters: Sequence[str | None], strengths: Sequence[float] | None = None
    ) -> Iterator[None]:
        """Within it, calls of the model compute request b with adapters[b]; None is the base.

        Args:
            adapters: a name for each request.
            strengths: a factor on each request's γ: 0 is the base, 1, as without them, the adapter as it is.

        Raises:
            ValueError: an adapter is not in memory, or there are not as many strengths as names.
        """
        if strengths is not None and len(strengths) != len(adapters):
            raise ValueError(f"{len(strengths)} strengths for {len(adapters)} requests")
        with self._lock:
            self._known(adapters)
            self._route = self._grouped(adapters, strengths)
            try:
                yield
            finally:
                self._route = None

    def order(self, adapters: Sequence[str | None]) -> list[int]:
        """The requests' places in the order that is quickest: those of one adapter beside each other.

        Raises:
            ValueError: an adapter is not in memory.
        """
        self._known(adapters)
        nowhere = (0, 0)
        return sorted(range(len(adapters)), key=lambda row: self._places.get(adapters[row] or "", nowhere))

    def close(self) -> None:
        """Takes the hooks off the model."""
        for hook in self._hooks:
            hook.remove()

    def _known(self, names: Sequence[str | None]) -> None:
        for name in names:
            if name is not None and name not in self._places:
                raise ValueError(f"no adapter {name!r}; adapters are: {', '.join(self._places) or 'none'}")

    def _drop(self, name: str) -> None:
        if name in self._places:
            rank, slot = self._places.pop(name)
            self._banks[rank].free.append(slot)

    def _check(self, factors: Factors) -> None:
        if not factors:
            raise ValueError("the adapter has no factors")
        for name, (A, B) in factors.items():
            if name not in self._linear:
                raise ValueError(f"no linear module {name!r}; linear modules are: {', '.join(self._linear)}")
            d_out, d_in = weight_of(self._linear[name]).shape
            if A.dim() != 2 or A.shape[1] != d_in or B.shape != (d_out, len(A)) or not len(A):
                found = f"A is {tuple(A.shape)} and B {tuple(B.shape)}"
                raise ValueError(f"{name}: {found}, expected (r, {d_in}) and ({d_out}, r)")
            if not (A.isfinite().all() and B.isfinite().all()):
                raise ValueError(f"{name}: A or B is not finite")

    def _grouped(self, adapters: Sequence[str | None], strengths: Sequence[float] | None) -> list[_Group]:
        """The requests of each bank."""
        asked: dict[int, tuple[list[int], list[int]]] = {}
        for row, name in enumerate(adapters):
            if name is not None:
                rank, slot = self._places[name]
                rows, slots = asked.setdefault(rank, ([], []))
                rows.append(row)
                slots.append(slot)
        return [
            _Group(self._banks[rank], rows, slots, len(adapters), strengths)
            for rank, (rows, slots) in asked.items()
        ]

    def _add_updates(self, name: str, layer: nn.Module, args: tuple[Tensor, ...], y: Tensor) -> Tensor:
        """y += γBAx: y (B, …, d_out) was made by the layer just now, x (B, …, d_in) is what it got."""
        for group in self._route or ():
            if len(y) != group.requests:
                raise ValueError(f"{name} got {len(y)} rows for {group.requests} requests")
            if name in group.bank.factors:
                x = args[0]
                group.add_update(name, x.reshape(len(x), -1, x.shape[-1]), y.view(len(y), -1, y.shape[-1]))
        return y


class _Bank:
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


class _Group:
    """The requests of a batch for the adapters of one bank.

    Args:
        rows: their places in the batch; slots: the slot of each.
        requests: how many the whole batch has.
        strengths: of all requests of the batch, a factor on γ; None is 1.
    """

    def __init__(
        self,
        bank: _Bank,
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


def factors_of(model: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """A and γB of the adapter attached to a model, for `Server.add`.

    Raises:
        ValueError: none is attached, or its ΔW is not γBA (DoRA's is not).
    """
    layers = adapted_layers(model)
    for name, layer in layers.items():
        if not layer.method.additive:
            raise ValueError(
                f"{name} is of method {layer.method.name!r}, whose update is not γBA; merge it instead"
            )
    pairs = {name: layer.factors() for name, layer in layers.items()}
    return {name: (A.detach().clone(), layers[name].scale * B.detach()) for name, (A, B) in pairs.items()}


def read_factors(folder: str | os.PathLike[str]) -> dict[str, tuple[Tensor, Tensor]]:
    """A and γB of an adapter in PEFT's format, for `Server.add`; it is read, not attached.

    Raises:
        ValueError: what `peft_format.read` refuses, or an adapter whose update is not γBA.
    """
    saved = peft_format.read(folder)
    found = {}
    for name, arrays in saved.layers.items():
        if set(arrays) != {"lora_A.weight", "lora_B.weight"}:
            raise ValueError(
                f"{name} holds {', '.join(sorted(arrays))}; only γBA is served, merge it instead"
            )
        A, B = (torch.from_numpy(arrays[f"lora_{part}.weight"].copy()) for part in "AB")
        found[name] = A, saved.config_of(name).gamma * B
    return found
