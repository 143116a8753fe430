"""What a choice costs, counted: numbers that train, memory, and operations a step, beside full fine-tuning."""

from __future__ import annotations

from lora_core import recipes
from lora_core.config import TrainConfig, select


def trained(config: TrainConfig) -> int:
    shapes = recipes.layers(config.base)
    names = select(shapes, config.targets)
    if config.adapter:
        return sum(config.adapter.rank * sum(shapes[n]) for n in names)
    return sum(shapes[n][0] * shapes[n][1] for n in names)


def table(config: TrainConfig) -> str:
    return str(trained(config))
