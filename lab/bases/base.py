"""What a base is: one record, that the pages, the runs and the jobs ask. No torch here.

A base is a file of `records/` with `BASE` in it, or a call of `registry.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lora_core.bounds import choice
from lora_core.config import Targets

if TYPE_CHECKING:
    from torch import nn

    from lab.bases.tasks import ImageTask, TextTask

# What a reader may ask of the training service (both ends included). They bind a run, not an AdapterConfig:
# somebody else's model may well have a rank of 512.
LIMITS: Mapping[str, tuple[float, float]] = {
    "rank": (1, 64),
    "alpha": (0.01, 1024.0),
    "dropout": (0.0, 0.9),
    "lr": (1e-6, 1.0),
    "batch": (1, 256),
    "steps": (1, 2000),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class Lesson:
    """What a base is fine-tuned to do, and the run that succeeds at it with nothing else chosen.

    Attributes:
        load: reads its data; brings torch in.
        lr: LoRA's rate. full_lr: full fine-tuning's, for the same matrices.
        rates: method -> its own rate, where its steps are larger than LoRA's at the same one.
        classes: keys of the class names, in order (images only).
        caution: a key that says why the defaults fail, where failing is the lesson.
    """

    load: Callable[[], TextTask | ImageTask]
    lr: float
    full_lr: float
    batch: int
    steps: int
    rank: int = 8
    alpha: float = 32.0
    targets: Targets = "blocks"
    rates: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    caution: str | None = None

    def rate(self, method: str) -> float:
        """The rate that a method, or "full" fine-tuning, starts with: its own, or else LoRA's."""
        return self.full_lr if method == "full" else self.rates.get(method, self.lr)


@dataclass(frozen=True)
class Base:
    """A pretrained model, and what can be done with it.

    Attributes:
        kind: what its lessons are about, and so what a run shows of them.
        load: the model with its trained weights, on the CPU; brings torch in.
        layers: the linear layers and their shapes (d_out, d_in), in the model's order.
        lessons: by task; the first is the default.
        presets: choices of layers worth a name of their own.
        embeddings: tables and their shapes, which train whole or not at all.
        rows: that an example makes of a layer's input: the characters of a text, 1 for a picture.
        work: of an example in training, in pictures of the MLP.
        memory: bytes that a worker takes at most in a run on it beside full fine-tuning, torch included.
        limits: of what a reader may ask.
    """

    name: str
    kind: Literal["text", "image"]
    load: Callable[[], nn.Module]
    layers: Mapping[str, tuple[int, int]]
    lessons: Mapping[str, Lesson]
    presets: Mapping[str, Targets]
    memory: int
    embeddings: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rows: int = 1
    work: float = 1.0
    limits: Mapping[str, tuple[float, float]] = field(default_factory=lambda: LIMITS)

    @property
    def everything(self) -> Targets | None:
        """Every table and kind of layer, for full fine-tuning alone: what an alphabet new to it needs."""
        if not self.embeddings:
            return None
        return (*self.embeddings, *dict.fromkeys(name.split(".")[-1] for name in self.layers))

    def lesson(self, task: str) -> Lesson:
        """One of its lessons.

        Raises:
            ConfigError: (a ValueError) it does not offer the task; lists what it does.
        """
        choice("task", task, self.lessons)
        return self.lessons[task]
