"""What a run is: frozen, validated, written to JSON and to a URL. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from lab.bases.registry import base_called
from lab.settings import Settings
from lora_core.bounds import ConfigError, JsonConfig, between, choice, real, whole
from lora_core.config import AdapterConfig, Targets, assign, checked_targets


@dataclass(frozen=True)
class TrainConfig(Settings):
    """One run: a base, a task, an adapter or full fine-tuning, and how to train, in the base's limits.

    Args:
        base, task: see `lab.bases.registry.BASES`.
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
        base = base_called(self.base)
        base.lesson(self.task)
        limits = base.limits
        if self.adapter is not None:
            if not isinstance(self.adapter, AdapterConfig):
                raise ConfigError(
                    "type", field="adapter", value=self.adapter, expected="an AdapterConfig or None"
                )
            for name in ("rank", "alpha", "dropout"):
                between(name, getattr(self.adapter, name), *limits[name])
            assign(self, targets=self.adapter.targets)
        assign(self, targets=checked_targets(self.targets))
        if isinstance(self.targets, str):
            choice("targets", self.targets, ("all-linear", "blocks"))
        elif len(self.targets) > 64 or max(map(len, self.targets)) > 100:
            raise ConfigError(
                "type", field="targets", value=len(self.targets), expected="at most 64 short names"
            )
        assign(self, lr=real("lr", self.lr))
        between("lr", self.lr, *limits["lr"])
        for name in ("batch", "steps", "seed"):
            assign(self, **{name: whole(name, getattr(self, name))})
            between(name, getattr(self, name), *limits[name])
        if not isinstance(self.yardstick, bool):
            raise ConfigError("type", field="yardstick", value=self.yardstick, expected="true or false")
