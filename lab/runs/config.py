"""What a run is: frozen, validated, written to JSON and to a URL. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from lab.settings import Settings
from lora_core.bounds import ConfigError, JsonConfig, between, choice, real, whole
from lora_core.config import AdapterConfig, Targets, assign, checked_targets

# Which downstream tasks each shipped base offers; a base's first task is its default.
TASKS: Mapping[str, tuple[str, ...]] = {
    "gpt-en": ("python", "thai"),
    "gpt-en-th": ("thai-names", "english-names"),
    "mlp-mnist": ("fashion", "rotated"),
}

# What a reader may ask of the training service (both ends included). They bind TrainConfig, not
# AdapterConfig: somebody else's model may well have a rank of 512.
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
class TrainConfig(Settings):
    """One run: a base, a task, an adapter or full fine-tuning, and how to train. Bounded by LIMITS.

    Args:
        base, task: see TASKS.
        adapter: None is full fine-tuning of the same matrices.
        targets: which matrices train. With an adapter it is the adapter's. A regular expression is refused:
            it may come from a URL, and a hostile one can take for ever.
        yardstick: train full fine-tuning step by step beside the adapter, at its own tuned rate.

    Raises:
        ConfigError: (a ValueError) names the field, its value and what was expected.
    """

    nested: ClassVar[Mapping[str, type[JsonConfig]]] = {"adapter": AdapterConfig}

    base: str = "gpt-en"
    task: str = "python"
    adapter: AdapterConfig | None = field(
        default_factory=lambda: AdapterConfig(rank=8, alpha=32.0, targets="blocks")
    )
    targets: Targets = "blocks"
    lr: float = 4e-3
    batch: int = 8
    steps: int = 200
    seed: int = 0
    yardstick: bool = True

    def __post_init__(self) -> None:
        choice("base", self.base, tuple(TASKS))
        choice("task", self.task, TASKS[self.base])
        if self.adapter is not None:
            if not isinstance(self.adapter, AdapterConfig):
                raise ConfigError(
                    "type", field="adapter", value=self.adapter, expected="an AdapterConfig or None"
                )
            for name in ("rank", "alpha", "dropout"):
                between(name, getattr(self.adapter, name), *LIMITS[name])
            assign(self, targets=self.adapter.targets)
        assign(self, targets=checked_targets(self.targets))
        if isinstance(self.targets, str):
            choice("targets", self.targets, ("all-linear", "blocks"))
        elif len(self.targets) > 64 or max(map(len, self.targets)) > 100:
            raise ConfigError(
                "type", field="targets", value=len(self.targets), expected="at most 64 short names"
            )
        assign(self, lr=real("lr", self.lr))
        between("lr", self.lr, *LIMITS["lr"])
        for name in ("batch", "steps", "seed"):
            assign(self, **{name: whole(name, getattr(self, name))})
            between(name, getattr(self, name), *LIMITS[name])
        if not isinstance(self.yardstick, bool):
            raise ConfigError("type", field="yardstick", value=self.yardstick, expected="true or false")
