"""What a run starts with when a reader has chosen nothing but a base and a task. No torch here.

The learning rates are the best of a sweep on each task's validation split, three seeds a rate, with the
batch, steps, rank, α and targets that stand beside them. ``checkpoints/records/<base>--<task>.json`` has the
sweeps; ``python -m lab.data.checkpoints.build tune`` runs them again. Two methods have rates of their own,
measured likewise: ``records/methods/<name>.json``, by ``… build methods``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.runs.config import TASKS, TrainConfig
from lora_core.bounds import choice
from lora_core.config import AdapterConfig, Targets

BASES = tuple(TASKS)

_GPT: Mapping[str, tuple[int, int]] = {
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
_MLP: Mapping[str, tuple[int, int]] = {"blocks.0": (128, 196), "blocks.1": (128, 128), "head": (10, 128)}

_GPT_PRESETS: Mapping[str, Targets] = {
    "blocks": "blocks",
    "attn": ("attn.qkv", "attn.proj"),
    "mlp": ("mlp.up", "mlp.down"),
    "head": ("head",),
    "all-linear": "all-linear",
}
_MLP_PRESETS: Mapping[str, Targets] = {"blocks": "blocks", "head": ("head",), "all-linear": "all-linear"}

# For full fine-tuning alone, as an adapter fits linear layers only: what an alphabet new to the base needs.
EVERYTHING: Targets = ("embed", "position", "qkv", "proj", "up", "down", "head")


@dataclass(frozen=True)
class Recipe:
    """What suits a task.

    Attributes:
        kind: what the task is about, and so what a snapshot shows of it.
        lr: LoRA's rate. full_lr: full fine-tuning's, for the same matrices.
        classes: keys of the class names, in order (images only).
        caution: a key that says why the defaults fail, where failing is the lesson.
    """

    kind: Literal["text", "image"]
    rank: int
    alpha: float
    batch: int
    steps: int
    lr: float
    full_lr: float
    targets: Targets = "blocks"
    classes: tuple[str, ...] = ()
    caution: str | None = None


_DIGITS = tuple(f"digit_{digit}" for digit in range(10))
_CLOTHES = (
    "tshirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle_boot",
)

RECIPES: Mapping[str, Recipe] = {
    "python": Recipe(
        "text", rank=8, alpha=32, batch=8, steps=200, lr=5e-3, full_lr=2.5e-3, targets="all-linear"
    ),
    "thai": Recipe(
        "text", rank=8, alpha=32, batch=8, steps=200, lr=8e-3, full_lr=6.5e-3, caution="frozen_embeddings"
    ),
    "thai-names": Recipe(
        "text", rank=8, alpha=32, batch=8, steps=200, lr=3e-3, full_lr=2.5e-3, targets="all-linear"
    ),
    "english-names": Recipe(
        "text", rank=8, alpha=32, batch=8, steps=200, lr=3e-3, full_lr=2.5e-3, targets="all-linear"
    ),
    "fashion": Recipe(
        "image",
        rank=8,
        alpha=32,
        batch=64,
        steps=600,
        lr=3e-3,
        full_lr=3e-3,
        classes=_CLOTHES,
    ),
    "rotated": Recipe(
        "image",
        rank=8,
        alpha=32,
        batch=64,
        steps=400,
        lr=3e-3,
        full_lr=3e-3,
        classes=_DIGITS,
    ),
}

# Method -> task -> its rate, where its steps are larger than LoRA's at the same one.
METHOD_RATES: Mapping[str, Mapping[str, float]] = {
    "rslora": {
        "python": 0.002,
        "thai": 0.005,
        "thai-names": 0.002,
        "english-names": 0.0012,
        "fashion": 0.002,
        "rotated": 0.002,
    },
    "lora+": {
        "python": 8e-4,
        "thai": 2e-3,
        "thai-names": 5e-4,
        "english-names": 3e-4,
        "fashion": 5e-4,
        "rotated": 8e-4,
    },
}


def recipe(base: str, task: str) -> Recipe:
    """What suits a task of a base.

    Raises:
        ConfigError: (a ValueError) the base does not exist or does not offer the task; lists what does.
    """
    choice("base", base, TASKS)
    choice("task", task, TASKS[base])
    return RECIPES[task]


def default(base: str, task: str) -> TrainConfig:
    """The run that succeeds at the first press: LoRA beside full fine-tuning."""
    suits = recipe(base, task)
    adapter = AdapterConfig(rank=suits.rank, alpha=suits.alpha, targets=suits.targets)
    return TrainConfig(
        base=base, task=task, adapter=adapter, lr=suits.lr, batch=suits.batch, steps=suits.steps
    )


def lr_of(base: str, task: str, method: str) -> float:
    """The rate that a method, or "full" fine-tuning, starts with on a task: its own, or else LoRA's."""
    suits = recipe(base, task)
    return suits.full_lr if method == "full" else METHOD_RATES.get(method, {}).get(task, suits.lr)


def full_lr(base: str, task: str) -> float:
    """The tuned rate of full fine-tuning, which the yardstick uses whatever the run's own rate."""
    return recipe(base, task).full_lr


def layers(base: str) -> Mapping[str, tuple[int, int]]:
    """The linear layers of a base and their shapes (d_out, d_in), in the model's order."""
    return _MLP if base == "mlp-mnist" else _GPT


def presets(base: str) -> Mapping[str, Targets]:
    """Choices of layers worth a name of their own."""
    return _MLP_PRESETS if base == "mlp-mnist" else _GPT_PRESETS
