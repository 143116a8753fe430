"""What an adapter is: frozen, validated, written to JSON. No torch here.

γ, the factor on BA, follows one of three rules (r is the rank):

    alpha/r        γ = α / r     Hu et al. 2021, arXiv:2106.09685
    alpha/sqrt(r)  γ = α / √r    Kalajdzievski 2023, arXiv:2312.03732 (rsLoRA)
    constant       γ = α
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lora_core.bounds import ConfigError as ConfigError
from lora_core.bounds import JsonConfig, choice, positive, real, whole
from lora_core.methods import method, names

METHODS = names()  # the library's own, each a file of methods/; `methods.register` adds others
GAMMA_RULES = ("alpha/r", "alpha/sqrt(r)", "constant")

Targets = str | tuple[str, ...]


def select(names: Iterable[str], targets: Targets) -> list[str]:
    """The names that `targets` asks for, in their given order; names are those of a model's linear modules.

    "all-linear" is every name and "blocks" every name inside a module called `blocks`. Any other string is a
    regular expression that must match the whole name, and a tuple holds names or dotted suffixes, both as in
    PEFT.

    Raises:
        ValueError: nothing matches; the message lists the names that exist.
    """
    names = list(names)
    if targets == "all-linear":
        found = names
    elif targets == "blocks":
        found = [name for name in names if "blocks" in name.split(".")[:-1]]
    elif isinstance(targets, str):
        found = [name for name in names if re.fullmatch(targets, name)]
    else:
        found = [name for name in names if any(name == t or name.endswith(f".{t}") for t in targets)]
    if not found:
        asked = targets if isinstance(targets, str) else ", ".join(targets)
        raise ValueError(f"no module matches {asked!r}; linear modules are: {', '.join(names) or 'none'}")
    return found


@dataclass(frozen=True)
class AdapterConfig(JsonConfig):
    """Which matrices get a low-rank update, of what rank, and how it is scaled.

    Args:
        method: one of METHODS, or another that is registered.
        rank: r, at least 1. The upper limit min(d_out, d_in) is `attach`'s.
        alpha: α, above 0.
        targets: see `select`.
        dropout: probability of dropping an input of A while training, in [0, 1).
        gamma_rule: one of GAMMA_RULES. A method that is rank-stabilised is α/√r whatever the rule.

    Raises:
        ConfigError: (a ValueError) names the field, its value and what was expected.
    """

    method: str = "lora"
    rank: int = 8
    alpha: float = 16.0
    targets: Targets = "all-linear"
    dropout: float = 0.0
    gamma_rule: str = "alpha/r"

    def __post_init__(self) -> None:
        choice("method", self.method, names())
        choice("gamma_rule", self.gamma_rule, GAMMA_RULES)
        assign(self, rank=whole("rank", self.rank, least=1), alpha=positive("alpha", self.alpha))
        assign(self, dropout=real("dropout", self.dropout), targets=checked_targets(self.targets))
        if not 0 <= self.dropout < 1:
            raise ConfigError("type", field="dropout", value=self.dropout, expected="at least 0 and below 1")

    @property
    def gamma(self) -> float:
        """γ, the factor on BA."""
        if self.rank_stabilised:
            return self.alpha / math.sqrt(self.rank)
        return self.alpha if self.gamma_rule == "constant" else self.alpha / self.rank

    @property
    def rank_stabilised(self) -> bool:
        """Whether γ is α / √r."""
        return method(self.method).rank_stabilised or self.gamma_rule == "alpha/sqrt(r)"


def assign(config: Any, **values: Any) -> None:
    """Sets fields of a frozen dataclass while it is made."""
    for name, value in values.items():
        object.__setattr__(config, name, value)


def checked_targets(value: Any) -> Targets:
    """Targets from a value of JSON: a list becomes a tuple.

    Raises:
        ConfigError: neither names nor a regular expression that compiles.
    """
    if isinstance(value, str):
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                "type", field="targets", value=value, expected=f"a regular expression ({error})"
            ) from None
        if value:
            return value
    elif isinstance(value, list | tuple) and value and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    raise ConfigError(
        "type",
        field="targets",
        value=value,
        expected="'all-linear', 'blocks', a list of module names or suffixes, or a regular expression",
    )
