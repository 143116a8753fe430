"""What a run of `reinforce` is, and what it says. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.runs.snapshot import State
from lora_core.bounds import ConfigError, choice, positive, whole
from lora_core.config import AdapterConfig, Targets

# "no_e": no letter e in the text. "exclaims": an exclamation mark in it.
REWARDS = ("no_e", "exclaims")

_LEAST = {"steps": 1, "prompts": 1, "samples": 2, "context": 1, "length": 1, "updates": 1}
_WINDOW = 64


@dataclass(frozen=True)
class ReinforceConfig:
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
            whole(name, getattr(self, name), least=least)
        positive("lr", self.lr)
        if self.context + self.length > _WINDOW:
            expected = f"at most {_WINDOW - self.context} after a context of {self.context}"
            raise ConfigError("type", field="length", value=self.length, expected=expected)
        if self.adapter is not None:
            object.__setattr__(self, "targets", self.adapter.targets)


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
