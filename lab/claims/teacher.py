"""A teacher whose ΔW is known: W x + ΔW x, with ΔW of a given rank, to be learned by a LoRA of another.

Each singular value of ΔW holds half the energy (its square) of the one before. The inputs are white, so the
loss is the distance from ΔW and its least value at rank r is Eckart and Young's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def energies(rank: int) -> list[float]:
    """Shares of ‖ΔW‖² of its singular directions; they add up to 1."""
    raw = [0.5**place for place in range(rank)]
    return [each / sum(raw) for each in raw]


def floor(teacher: int, rank: int) -> float:
    """√(Σ_{i>r} σᵢ²) / ‖ΔW‖, what the best matrix of a rank leaves."""
    return math.sqrt(sum(energies(teacher)[rank:]))


def errors(recipe: Mapping[str, Any], rank: int, lr: float, seed: int) -> float:
    """‖ΔW − γBA‖ / ‖ΔW‖ (Frobenius) after training: a LoRA of rank r on samples of the teacher."""
    import torch
    from torch import nn

    from lora_core.adapter import attach, delta_weights, optimizer_for
    from lora_core.config import AdapterConfig
    from lora_core.training import train

    g = torch.Generator().manual_seed(seed)
    n = recipe["size"]
    U, V = (torch.linalg.qr(torch.randn(n, recipe["rank"], generator=g))[0] for _ in range(2))
    delta = (U * torch.tensor(energies(recipe["rank"])).sqrt()) @ V.mT  # (n, n), ‖ΔW‖ = 1
    student = nn.Sequential(nn.Linear(n, n, bias=False))
    W = torch.randn(n, n, generator=g) / math.sqrt(n)
    with torch.no_grad():
        student.get_parameter("0.weight").copy_(W)
    adapter = AdapterConfig(rank=rank, alpha=32.0, targets="all-linear")
    attach(student, adapter, generator=g)
    optimizer = optimizer_for(student, adapter, lr=lr)

    def loss(model: nn.Module, x: torch.Tensor) -> torch.Tensor:  # x (batch, n)
        found: torch.Tensor = (model(x) - x @ (W + delta).mT).square().sum(1).mean()
        return found

    def to_zero(step: int) -> float:  # the floor is to be reached, not circled
        return float(1 - step / recipe["steps"])

    inputs = (torch.randn(recipe["batch"], n, generator=g) for _ in range(recipe["steps"]))
    for _ in train(student, optimizer, loss, inputs, schedule=to_zero):
        pass
    return float((delta_weights(student)["0"] - delta).norm())
