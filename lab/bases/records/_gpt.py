"""What the two character GPTs have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lab.bases.base import Base, Lesson
from lora_core.config import Targets

if TYPE_CHECKING:
    from torch import nn

    from lab.bases.tasks import TextTask

LAYERS: Mapping[str, tuple[int, int]] = {
    **{
        f"blocks.{block}.{name}": shape
        for block in range(2)
        for name, shape in (
            ("attn.qkv", (192, 64)),
            ("attn.proj", (64, 64)),
            ("mlp.up", (256, 64)),
            ("mlp.down", (64, 256)),
        )
    },
    "head": (192, 64),
}
PRESETS: Mapping[str, Targets] = {
    "blocks": "blocks",
    "attn": ("attn.qkv", "attn.proj"),
    "mlp": ("mlp.up", "mlp.down"),
    "head": ("head",),
    "all-linear": "all-linear",
}


def text(file: str, prompt: str) -> Callable[[], TextTask]:
    """Reads a vendored text."""

    def load() -> TextTask:
        from lab.bases.tasks import text_task

        return text_task(file, prompt)

    return load


def gpt(name: str, lessons: Mapping[str, Lesson]) -> Base:
    """192 characters, 2 blocks, d = 64, texts of 64."""
    return Base(
        name,
        "text",
        partial(_load, name),
        LAYERS,
        lessons,
        PRESETS,
        memory=450 * 2**20,  # measured: 442 MiB
        embeddings={"embed": (192, 64), "position": (64, 64)},
        rows=64,
        work=100,
    )


def _load(name: str) -> nn.Module:
    from lab.bases.models import GPT, trained

    return trained(GPT, name)
