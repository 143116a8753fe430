"""What a run starts with when a reader has chosen nothing but a base and a task. No torch here."""

from __future__ import annotations

from lab.bases.registry import lesson
from lab.runs.config import TrainConfig
from lora_core.config import AdapterConfig


def default(base: str, task: str) -> TrainConfig:
    """The run that succeeds at the first press: LoRA beside full fine-tuning.

    Raises:
        ConfigError: (a ValueError) the base does not exist or does not offer the task; lists what does.
    """
    suits = lesson(base, task)
    adapter = AdapterConfig(rank=suits.rank, alpha=suits.alpha, targets=suits.targets)
    return TrainConfig(
        base=base, task=task, adapter=adapter, lr=suits.lr, batch=suits.batch, steps=suits.steps
    )
