"""The tenants of the serving page: adapters of one base, each with a language and a style. No torch.

Each was trained on the first nineteen twentieths of a text; its record has the loss on the last twentieth,
which neither it nor the base has read. ``python -m lab.data.checkpoints.build tenants`` trains them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lab.data import CHECKPOINTS
from lora_core.formats import peft as peft_format

BASE = "gpt-en-th"


@dataclass(frozen=True)
class Tenant:
    """An adapter and how it was trained: Adam, a warm-up, then a cosine down to a twentieth of the rate.

    Attributes:
        text: a file of `data/`.
        language: of what it writes.
        capitals: it reads the text in capitals.
    """

    name: str
    text: str
    language: Literal["th", "en"]
    rank: int
    capitals: bool = False
    alpha: float = 32.0
    lr: float = 5e-3
    batch: int = 16
    steps: int = 800
    seed: int = 0

    @property
    def folder(self) -> Path:
        return CHECKPOINTS / "tenants" / self.name


TENANTS: Mapping[str, Tenant] = {
    tenant.name: tenant
    for tenant in (
        Tenant("thai-names", "thai-names", "th", rank=4),
        Tenant("python", "python", "en", rank=16),
        Tenant("english-rights", "udhr-en", "en", rank=4, lr=3e-3, steps=300),
        Tenant("thai-titles", "thai-titles", "th", rank=2),
        Tenant("capitals", "shakespeare", "en", rank=8, capitals=True),
        Tenant("thai-rights", "udhr-th", "th", rank=8, lr=3e-3, steps=300),
        Tenant("english-names", "english-names", "en", rank=1),
        Tenant("plays", "shakespeare", "en", rank=4),
    )
}


@cache
def record(name: str) -> Mapping[str, Any]:
    """How a tenant was trained and what it reached."""
    found: dict[str, Any] = json.loads((TENANTS[name].folder / "record.json").read_text("utf-8"))
    return found


@cache
def saved(name: str) -> peft_format.SavedAdapter:
    """A tenant's files, read and checked."""
    return peft_format.read(TENANTS[name].folder)


def parameters(name: str) -> int:
    """How many numbers A and B of all layers hold."""
    return sum(array.size for arrays in saved(name).layers.values() for array in arrays.values())


def file_bytes(name: str) -> int:
    """What a tenant's two files weigh on the disk."""
    files = (peft_format.CONFIG_FILE, peft_format.TENSOR_FILE)
    return sum((TENANTS[name].folder / file).stat().st_size for file in files)


def delta(name: str, layer: str) -> NDArray[np.float32]:
    """ΔW = γ B A (d_out, d_in) of one layer."""
    arrays = saved(name).layers[layer]
    product: NDArray[np.float32] = arrays["lora_B.weight"] @ arrays["lora_A.weight"]
    return saved(name).config_of(layer).gamma * product
