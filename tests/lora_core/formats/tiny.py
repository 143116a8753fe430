"""A tiny random language model with an adapter that does something, for tests of what leaves the house."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from lora_core import AdapterConfig, attach
from lora_core.adapter import adapted_layers
from lora_core.language.config import ModelConfig
from lora_core.language.model import LanguageModel

CONFIG = ModelConfig(
    vocabulary=23, width=32, mlp_width=64, blocks=2, heads=4, kv_heads=2, head_width=8, context=64, tied=True
)
IDS = torch.tensor([[2, 3, 7, 2, 11, 1, 0, 22]])


def tiny(method: str = "lora", *, ranks: dict[str, int] | None = None, **changes: Any) -> LanguageModel:
    """The model with an adapter of `method` whose factors are random."""
    generator = torch.Generator().manual_seed(20250929)
    model = LanguageModel(replace(CONFIG, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    gradients = None
    if method == "lora-ga":
        gradients = {
            name: torch.randn(module.weight.shape, generator=generator)
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
    config = AdapterConfig(method=method, rank=2, alpha=6, targets="all-linear")
    attach(model, config, generator=generator, ranks=ranks, gradients=gradients)
    with torch.no_grad():
        for layer in adapted_layers(model).values():
            for factor in (layer.A, layer.B):
                factor.copy_(torch.randn(factor.shape, generator=generator) / 4)
            if method == "adalora":
                layer.E.copy_(torch.randn(layer.E.shape, generator=generator))
    return model
