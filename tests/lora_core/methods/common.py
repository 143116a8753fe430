"""A small network to adapt, and the same steps for every method."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, estimate_gradients
from lora_core.adapter import adapted_layers
from lora_core.linear import LoRALinear

LAYERS = ("0", "2")


class Problem:
    """Linear(6, 8), tanh, Linear(8, 4), biases and all; x (16, 6) and the y (16, 4) that is asked for.

    A rank of 3 leaves the second layer fewer than 2r singular directions.
    """

    def __init__(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> None:
        self.model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
        self.model.to(dtype)
        self.x = torch.randn(16, 6, generator=generator, dtype=torch.float64).to(dtype)
        self.y = torch.randn(16, 4, generator=generator, dtype=torch.float64).to(dtype)

    def loss(self, model: nn.Module, _: Any = None) -> Tensor:
        return F.mse_loss(model(self.x), self.y)

    def attached(self, config: AdapterConfig, generator: torch.Generator | None = None) -> nn.Module:
        """A copy of the model with an adapter on it."""
        model = copy.deepcopy(self.model)
        gradients = estimate_gradients(model, self.loss, [None]) if config.method == "lora-ga" else None
        return attach(model, config, generator=generator, gradients=gradients)

    def losses(self, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 20) -> list[float]:
        found = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = self.loss(model)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found


def disturb(model: nn.Module, generator: torch.Generator, size: float = 0.5) -> None:
    """Gives every trained parameter another value, as training would."""
    with torch.no_grad():
        for parameter in (p for p in model.parameters() if p.requires_grad):
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_((size * noise).to(parameter))


def layers(model: nn.Module) -> Mapping[str, LoRALinear]:
    return adapted_layers(model)


def spans_the_same(P: Tensor, Q: Tensor) -> bool:
    """Whether the rows of P and of Q span one space."""
    both = torch.cat([P, Q])
    rank = torch.linalg.matrix_rank
    return bool(rank(both, rtol=1e-4) == rank(P, rtol=1e-4) == rank(Q, rtol=1e-4))
