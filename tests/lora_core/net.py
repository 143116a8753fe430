"""A small network to adapt, and what an adapter must leave as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """An embedding, two blocks (one without a bias), a norm and a head: what a model has, at its smallest."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 6)
        self.blocks = nn.ModuleList([nn.Linear(6, 8), nn.Linear(8, 6, bias=False)])
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 7)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x = x + self.blocks[1](torch.tanh(self.blocks[0](x)))
        y: Tensor = self.head(self.norm(x))
        return y


def everything(model: nn.Module) -> dict[str, Any]:
    """All that an adapter could disturb: modules, parameters by identity, version, value and flag, modes."""
    return {
        "modules": {name: (id(module), module.training) for name, module in model.named_modules()},
        "parameters": {
            name: (id(p), p._version, p.requires_grad, p.detach().clone(), p.grad)
            for name, p in model.named_parameters()
        },
        "attributes": sorted(vars(model)),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    before = everything(model)
    yield
    assert same(before, everything(model))


def prepared(net: Net) -> None:
    """Flags that are not all alike, so that giving them all back means something."""
    net.embed.weight.requires_grad_(False)
    net.head.bias.requires_grad_(False)
