"""A tiny model of random weights, and examples for it."""

from __future__ import annotations

from typing import Any

import torch

from lora_core.language.config import ModelConfig
from lora_core.language.examples import Encoded
from lora_core.language.model import LanguageModel

# Four query heads over two key heads of 8 numbers.
CONFIG = ModelConfig(
    vocabulary=50, width=32, mlp_width=48, blocks=2, heads=4, kv_heads=2, head_width=8, tied=True
)
PADDING = 0


def tiny_model(dtype: torch.dtype = torch.float32, config: ModelConfig = CONFIG) -> LanguageModel:
    model = LanguageModel(config)
    generator = torch.Generator().manual_seed(20250929)
    for name, parameter in model.named_parameters():
        start = 1.0 if "norm" in name else 0.0
        parameter.data = start + torch.randn(parameter.shape, generator=generator) / 5
    return model.to(dtype).eval()


def examples(count: int = 6, seed: int = 1, longest: int = 14) -> list[Encoded]:
    """Of different lengths; what follows a third of the tokens counts."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for place in range(count):
        length = longest - place % 5
        ids = torch.randint(1, CONFIG.vocabulary, (length,), generator=generator).tolist()
        found.append(Encoded(tuple(ids), tuple(at >= length // 3 for at in range(length))))
    return found


def state(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
