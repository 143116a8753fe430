"""Fine-tuning, told step by step. The loop is being written; its types and signature are settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lora_core.config import TrainConfig
from lora_core.snapshot import Measure, Point, Snapshot, State

__all__ = ["Measure", "Point", "Snapshot", "State", "fine_tune", "pick_device"]


def pick_device(name: str = "auto") -> str:
    """auto, cpu, cuda or mps to a device that exists here."""
    raise NotImplementedError


def fine_tune(
    config: TrainConfig,
    *,
    device: str = "cpu",
    every: float = 0.25,
    stop: Callable[[], bool] = lambda: False,
    adapter_folder: Path | None = None,
) -> Iterator[Snapshot]:
    """Trains and yields Snapshots: the base first, then at most one per ``every`` seconds, then the last.

    Args:
        stop: asked between any two steps; the run ends with state "stopped" once it says True.
        adapter_folder: where the adapter is saved (PEFT format) before the last snapshot, stopped runs included.
            Nothing is saved when the run diverged or is full fine-tuning.
    """
    raise NotImplementedError
