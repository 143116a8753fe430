"""What a run of `reinforce` is, and what it says. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from lab.runs.snapshot import State
from lab.settings import Settings
from lora_core.bounds import ConfigError, JsonConfig, choice, positive, whole
from lora_core.config import AdapterConfig, Targets, assign, checked_targets

# "no_e": no letter e in the text. "exclaims": an exclamation mark in it.
REWARDS = ("no_e", "exclaims")

_LEAST = {"steps": 1, "prompts": 1, "samples": 2, "context": 1, "length": 1, "updates": 1}
_WINDOW = 64


@dataclass(frozen=True)
class ReinforceConfig(Settings):
    """One run on the base "gpt-en".

    Args:
        reward: one of REWARDS.
        adapter: None is full fine-tuning of the matrices that `targets` selects.
        prompts, samples: texts of a step: so many from each of so many prompts.
        context, length: characters of a prompt, from Shakespeare, and of a text.
        updates: of the policy for each batch of texts.

    Raises:
        ConfigError: (a ValueError) names the field, its value and what was expected.
    """

    nested: ClassVar[Mapping[str, type[JsonConfig]]] = {"adapter": AdapterConfig}

    reward: str = "no_e"
    adapter: AdapterConfig | None = field(
        default_factory=lambda: AdapterConfig(rank=1, alpha=32.0, targets="blocks")
    )
    targets: Targets = "blocks"
    lr: float = 2e-3
    steps: int = 40
    prompts: int = 4
    samples: int = 8
    context: int = 8
    length: int = 12
    updates: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        choice("reward", self.reward, REWARDS)
        for name, least in _LEAST.items():
            assign(self, **{name: whole(name, getattr(self, name), least=least)})
        assign(self, lr=positive("lr", self.lr))
        if self.context + self.length > _WINDOW:
            expected = f"at most {_WINDOW - self.context} after a context of {self.context}"
            raise ConfigError("type", field="length", value=self.length, expected=expected)
        targets = self.targets if self.adapter is None else self.adapter.targets
        assign(self, targets=checked_targets(targets))


@dataclass(frozen=True)
class Progress:
    """One run at one step.

    Attributes:
        seconds: since it began.
        rewards: share of the texts rewarded at each step so far, before the step's update.
        text: one of the last texts, behind its prompt.
    """

    config: ReinforceConfig
    step: int = 0
    seconds: float = 0.0
    state: State = "running"
    rewards: tuple[float, ...] = ()
    text: str = ""
