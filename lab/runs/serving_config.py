"""What a run of the serving page is: frozen, validated, written to JSON and to a URL. No torch here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from lab.bases.tenants import TENANTS
from lab.bases.vocabulary import INDEX
from lab.settings import Settings
from lora_core.bounds import ConfigError, between, real, whole

WAYS = ("batched", "single", "swapped", "merged")
"""How a batch of mixed requests can be answered; see `lab.runs.serving_trial`."""

SERVE_LIMITS: Mapping[str, tuple[float, float]] = {
    "adapters": (2, 256),
    "requests": (1, 256),
    "characters": (1, 64),
    "base_share": (0, 1),
    "rounds": (0, 40),
    "length": (0, 160),
    "seed": (0, 2**31 - 1),
}
PROMPT = 40  # characters at most
PROMPTS = ("\n", "S", "def ", "ก", "1 ")
"""What the page offers to start texts from."""
LENGTH = 120  # characters that it lets every tenant write
ADAPTERS = tuple(2**n for n in range(1, 9))  # and how many of them, of
CHARACTERS = (4, 16, 64)  # a request; these are recorded


@dataclass(frozen=True)
class ServeConfig(Settings):
    """Measures four ways of serving, or lets every tenant continue one prompt, or both.

    Args:
        adapters: in memory. The first are the tenants, the rest copies of them.
        requests: in one batch.
        characters: in one request.
        base_share: share of the requests that ask for no adapter.
        rounds: batches that each way answers; 0 measures nothing.
        length: characters that each tenant writes; 0 writes nothing.
        prompt: what the texts start from, of the model's own characters.
        seed: of the stream of requests and of the texts.

    Raises:
        ConfigError: (a ValueError) names the field, its value and what was expected.
    """

    adapters: int = 64
    requests: int = 64
    characters: int = 16
    base_share: float = 0.1
    rounds: int = 12
    length: int = 0
    prompt: str = "\n"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in SERVE_LIMITS.items():
            read = real if name == "base_share" else whole
            value = read(name, getattr(self, name))
            between(name, value, low, high)
            object.__setattr__(self, name, value)  # frozen to everybody else
        if not isinstance(self.prompt, str):
            raise ConfigError("type", field="prompt", value=self.prompt, expected="text")
        between("prompt", len(self.prompt), 1, PROMPT)
        unknown = "".join(dict.fromkeys(each for each in self.prompt if each not in INDEX))
        if unknown:
            raise ConfigError("choice", field="prompt", value=unknown, choices="ASCII, Thai")


def names_of(count: int) -> list[str]:
    """The names of so many adapters: the tenants, then copies of them."""
    tenants = list(TENANTS)
    return [tenants[i] if i < len(tenants) else f"{tenants[i % len(tenants)]}/{i}" for i in range(count)]


def asked(config: ServeConfig, round_: int) -> list[str | None]:
    """Which adapter each request of a round's batch asks for; None is the base."""
    draw, names = random.Random(f"{config.seed} {round_}"), names_of(config.adapters)
    return [None if draw.random() < config.base_share else draw.choice(names) for _ in range(config.requests)]
