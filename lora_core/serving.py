"""One base and many adapters: requests for different adapters, or for none, in one batch.

    y_b = W x_b + γ_s B_s A_s x_b,  s the adapter that request b asks for

The product with W is made once for the whole batch, by the model's own layers. What the adapters add is made
by `lora_core.mixing`. Systems that serve large models do the like with kernels of their own (Punica, Chen et
al. 2023, arXiv:2310.18547; S-LoRA, Sheng et al. 2023, arXiv:2311.03285).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from lora_core.adapter import adapted_layers, linear_layers, refuse_unready
from lora_core.formats import peft as peft_format
from lora_core.linear import weight_of
from lora_core.mixing import Bank, Factors, Group


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
        self._banks: dict[int, Bank] = {}
        self._places: dict[str, tuple[int, int]] = {}  # name -> rank of its bank, slot
        self._route: list[Group] | None = None
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
                self._banks[rank] = Bank(rank, self._linear)
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

    def _grouped(self, adapters: Sequence[str | None], strengths: Sequence[float] | None) -> list[Group]:
        """The requests of each bank."""
        asked: dict[int, tuple[list[int], list[int]]] = {}
        for row, name in enumerate(adapters):
            if name is not None:
                rank, slot = self._places[name]
                rows, slots = asked.setdefault(rank, ([], []))
                rows.append(row)
                slots.append(slot)
        return [
            Group(self._banks[rank], rows, slots, len(adapters), strengths)
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
