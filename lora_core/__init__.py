"""LoRA and its family in plain PyTorch: attach an adapter, train it, merge it, save it.

Importing this package does not import torch: names that need it are fetched when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lora_core.config import AdapterConfig

if TYPE_CHECKING:
    from lora_core.adapter import (
        attach,
        delta_weights,
        detach,
        merge,
        optimizer_for,
        unload,
        unmerge,
    )
    from lora_core.gradients import estimate_gradients
    from lora_core.inspection import inspect
    from lora_core.saving import load_adapter, save_adapter
    from lora_core.training import train

__version__ = "0.1.0"

_HOMES = dict.fromkeys(
    ("attach", "delta_weights", "detach", "merge", "optimizer_for", "unload", "unmerge"), "lora_core.adapter"
)
_HOMES |= dict.fromkeys(("load_adapter", "save_adapter"), "lora_core.saving")
_HOMES["estimate_gradients"] = "lora_core.gradients"
_HOMES["inspect"] = "lora_core.inspection"
_HOMES["train"] = "lora_core.training"

__all__ = [
    "AdapterConfig",
    "attach",
    "delta_weights",
    "detach",
    "estimate_gradients",
    "inspect",
    "load_adapter",
    "merge",
    "optimizer_for",
    "save_adapter",
    "train",
    "unload",
    "unmerge",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lora_core' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
