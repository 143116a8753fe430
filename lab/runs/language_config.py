"""What a fine-tune of the language model is asked for. No torch here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

from lab.bases.base import LIMITS
from lab.bases.lessons import LESSONS, lesson_called
from lab.settings import Settings
from lora_core.bounds import between, choice, real, whole
from lora_core.config import METHODS, AdapterConfig
from lora_core.language.data_files import MOST_BYTES
from lora_core.language.places import find_model

MODEL = "PRADIT_MODEL"
"""The environment's name of the model: as `find_model` takes it, SmolLM2 where it is not set."""
STEPS = (1, 500)
LONGEST = (16, 1024)
FIRST = next(iter(LESSONS.values()))
"""The lesson that is taught where nothing else is asked for."""


def model_name() -> str:
    """The language model that is taught here."""
    return os.environ.get(MODEL) or "smollm2"


def missing_model() -> str:
    """Why there is no language model here, and how to get it; empty where there is one."""
    try:
        find_model(model_name())
    except ValueError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class LanguageConfig(Settings):
    """One run of a lesson.

    Attributes:
        method: of the adapter, or "full": all weights of the blocks.
        batch: examples a step; answers a step where a reward teaches.
        longest: tokens at which an example is cut.
        text: of the lesson "own", the reader's; it stands in no link and no record.
        file: the name of the file that the text was in, whose ending says how to read it; empty if pasted.

    Raises:
        ConfigError: (a ValueError) a value cannot be.
    """

    lesson: str = FIRST.name
    method: str = FIRST.method
    rank: int = FIRST.rank
    alpha: float = FIRST.alpha
    lr: float = FIRST.lr
    batch: int = FIRST.batch
    steps: int = FIRST.steps
    seed: int = 0
    longest: int = 256
    text: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        """Checks every field."""
        choice("lesson", self.lesson, LESSONS)
        choice("method", self.method, (*METHODS, "full"))
        for name, (low, high) in {**LIMITS, "steps": STEPS, "longest": LONGEST}.items():
            if name != "dropout":
                value = getattr(self, name)
                between(name, real(name, value) if name in ("alpha", "lr") else whole(name, value), low, high)

        between("text", len(self.text), 0, MOST_BYTES)

    @classmethod
    def of(cls, lesson: str, method: str | None = None, **others: Any) -> Self:
        """The lesson's defaults, or with other values in their place.

        Raises:
            ConfigError: (a ValueError) there is no such lesson, or a value cannot be.
        """
        known = lesson_called(lesson)
        method = method or known.method
        values = {"rank": known.rank, "alpha": known.alpha, "batch": known.batch, "steps": known.steps}
        return cls(lesson, method, **(values | {"lr": known.rate(method)} | others))

    @property
    def adapter(self) -> AdapterConfig | None:
        """The adapter to train; None for full fine-tuning."""
        if self.method == "full":
            return None
        return AdapterConfig(method=self.method, rank=self.rank, alpha=self.alpha)
