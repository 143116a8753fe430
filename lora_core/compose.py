"""Several adapters for one model: switched while it runs, scaled, added up.

    in use    W + γᵢ Bᵢ Aᵢ, one i at a time; W is shared and never touched
    scaled    W + f γ B A
    added up  W + Σ wᵢ γᵢ Bᵢ Aᵢ = W + [w₁γ₁ B₁, w₂γ₂ B₂, …] [A₁; A₂; …]

The sum is exact and of rank Σ rᵢ. Adding A to A and B to B instead (PEFT's "linear") is not: its product has
cross terms Bᵢ Aⱼ.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from lora_core.adapter import (
    adapted_layers,
    attach,
    detach,
    install,
    linear_layers,
    refuse_unready,
    remembered,
    unmerge,
)
from lora_core.config import AdapterConfig
from lora_core.linear import LoRALinear
from lora_core.methods import method
from lora_core.saving import load_adapter


class Adapters:
    """Named adapters of one model, of which one is on it or none.

    While one is in use, everything that takes a model with an adapter (`merge`, `optimizer_for`,
    `save_adapter`, `scale`, …) means that one.

        adapters = Adapters(model)
        adapters.add("python", AdapterConfig(rank=8))
        adapters.load("thai", "path/of/a/saved/adapter")
        adapters.use("thai")
        adapters.combine("both", {"python": 1.0, "thai": 0.5})
        adapters.use(None)

    Raises:
        ValueError: an adapter is attached already.
    """

    def __init__(self, model: nn.Module) -> None:
        refuse_unready(model)
        self.model = model
        self.in_use: str | None = None
        self._all: dict[str, tuple[AdapterConfig, dict[str, LoRALinear]]] = {}

    @property
    def names(self) -> list[str]:
        """The adapters' names, in the order they were made."""
        return list(self._all)

    def add(self, name: str, config: AdapterConfig, **options: Any) -> None:
        """Makes a new adapter, as `attach` does, and uses it.

        Raises:
            ValueError: the name is taken, what `attach` refuses, or a method that replaces the shared base
                ("qlora").
        """
        if not method(config.method).keeps_base:
            raise ValueError(
                f"{config.method} replaces the base that the adapters share, expected another method"
            )
        self._put(name, lambda: attach(self.model, config, **options))

    def load(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Reads a saved adapter, as `load_adapter` does, and uses it.

        Raises:
            ValueError: the name is taken, or what `load_adapter` refuses.
        """
        self._put(name, lambda: load_adapter(self.model, folder))

    def use(self, name: str | None) -> None:
        """Takes off the adapter that is on the model, and puts on another or none. Nothing is copied.

        Raises:
            ValueError: there is no adapter of this name.
        """
        following = None if name is None else self._find(name)
        if self.in_use is not None:
            if any(layer.merged is not None for layer in self._all[self.in_use][1].values()):
                unmerge(self.model)
            detach(self.model)
        self.in_use = name
        if following is not None:
            config, layers = following
            for layer in layers.values():  # the base may have moved since
                layer.to(layer.W).train(layer.base.training)
            install(self.model, config, linear_layers(self.model), layers)

    def remove(self, name: str) -> None:
        """Forgets an adapter, after taking it off if it is in use.

        Raises:
            ValueError: there is no adapter of this name.
        """
        self._find(name)
        if name == self.in_use:
            self.use(None)
        del self._all[name]

    def combine(self, name: str, weights: Mapping[str, float]) -> None:
        """Makes the weighted sum of adapters, a plain LoRA of its own, and uses it.

        Its rank in a layer is the sum of theirs; layers that only some of them adapt are summed over those.

        Raises:
            ValueError: the name is taken, there is no adapter of a name in `weights`, a weight is not finite,
                there is none, or an adapter is DoRA's, whose ΔW is not B A.
        """
        parts: dict[str, list[tuple[LoRALinear, float]]] = {}
        for each, weight in weights.items():
            if not math.isfinite(weight):
                raise ValueError(f"weight of {each!r} is {weight}, expected a finite number")
            _, layers = self._find(each)
            _refuse_others(layers)
            for module, layer in layers.items():
                parts.setdefault(module, []).append((layer, weight))
        if not parts:
            raise ValueError("nothing to combine, expected at least one adapter")
        sums = {module: _sum(some) for module, some in parts.items()}
        rank = max(layer.rank for layer in sums.values())
        config = AdapterConfig(rank=rank, alpha=1.0, gamma_rule="constant", targets=tuple(sums))
        self._put(name, lambda: install(self.model, config, linear_layers(self.model), sums))

    def _find(self, name: str) -> tuple[AdapterConfig, dict[str, LoRALinear]]:
        if name not in self._all:
            raise ValueError(f"no adapter {name!r}, expected one of: {', '.join(self._all) or 'none yet'}")
        return self._all[name]

    def _put(self, name: str, make: Callable[[], object]) -> None:
        if name in self._all:
            raise ValueError(f"adapter {name!r} is there already, expected a new name")
        before = self.in_use
        self.use(None)
        try:
            make()
        except ValueError:
            self.use(before)
            raise
        self._all[name] = (remembered(self.model).config, adapted_layers(self.model))
        self.in_use = name


def scale(model: nn.Module, factor: float) -> None:
    """Multiplies ΔW by `factor`: above 1 for more of the adapter, between 0 and 1 for less.

    It stays so, in files too; scaling by 1/factor undoes it.

    Raises:
        ValueError: no adapter is attached, it is merged, it is DoRA's, whose ΔW is not γ B A, or the factor
            is not finite or is 0, which nothing would undo.
    """
    layers = adapted_layers(model)
    if not math.isfinite(factor) or factor == 0:
        raise ValueError(f"factor is {factor}, expected a finite number other than 0")
    if any(layer.merged is not None for layer in layers.values()):
        raise ValueError("the adapter is merged; unmerge it first")
    _refuse_others(layers)
    for layer in layers.values():
        layer.scale *= factor


@torch.no_grad()
def _sum(parts: list[tuple[LoRALinear, float]]) -> LoRALinear:
    """The plain LoRA layer, with γ = 1, whose ΔW is Σ wᵢ ΔWᵢ."""
    base = parts[0][0].base
    A = torch.cat([layer.factors()[0] for layer, _ in parts])  # (Σ rᵢ, d_in)
    B = torch.cat([layer.factors()[1] * (weight * layer.scale) for layer, weight in parts], dim=1)
    combined = LoRALinear(base, rank=len(A), scale=1.0, generator=torch.Generator())
    combined.A.copy_(A)
    combined.B.copy_(B)
    return combined


def _refuse_others(layers: Mapping[str, LoRALinear]) -> None:
    for name, layer in layers.items():
        if not layer.method.additive:
            raise ValueError(f"{name} is of method {layer.method.name!r}, whose ΔW is not of the form γ B A")
