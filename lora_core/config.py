"""What an adapter is and what a run is: frozen, validated, written to JSON and to a URL. No torch here.

γ, the factor on BA, follows one of three rules (r is the rank):

    alpha/r        γ = α / r     Hu et al. 2021, arXiv:2106.09685
    alpha/sqrt(r)  γ = α / √r    Kalajdzievski 2023, arXiv:2312.03732 (rsLoRA)
    constant       γ = α
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from urllib.parse import quote, unquote

from lora_core.bounds import ConfigError as ConfigError
from lora_core.bounds import between, choice, known, positive, real, whole

# Each name is a file of methods/: "lora+" is lora_plus.py, "lora-ga" is lora_ga.py.
METHODS = ("lora", "rslora", "lora+", "dora", "pissa", "adalora", "lora-ga", "lora-pro", "qlora")
GAMMA_RULES = ("alpha/r", "alpha/sqrt(r)", "constant")

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

Targets = str | tuple[str, ...]
_NAMES = "names:"  # how a list of names starts in a URL, so that it cannot be taken for a regular expression


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
class AdapterConfig:
    """Which matrices get a low-rank update, of what rank, and how it is scaled.

    Args:
        method: one of METHODS.
        rank: r, at least 1. The upper limit min(d_out, d_in) is `attach`'s.
        alpha: α, above 0.
        targets: see `select`.
        dropout: probability of dropping an input of A while training, in [0, 1).
        gamma_rule: one of GAMMA_RULES. Method "rslora" is α/√r whatever stands here.

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
        choice("method", self.method, METHODS)
        choice("gamma_rule", self.gamma_rule, GAMMA_RULES)
        _set(self, rank=whole("rank", self.rank, least=1), alpha=positive("alpha", self.alpha))
        _set(self, dropout=real("dropout", self.dropout), targets=_targets(self.targets))
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
        return self.method == "rslora" or self.gamma_rule == "alpha/sqrt(r)"

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        if isinstance(self.targets, tuple):
            values["targets"] = list(self.targets)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(**known(cls, values))

    def to_query(self) -> dict[str, str]:
        return {
            "method": self.method,
            "rank": str(self.rank),
            "alpha": _digits(self.alpha),
            "targets": _targets_to_text(self.targets),
            "dropout": _digits(self.dropout),
            "gamma": self.gamma_rule,
        }

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Keys that are absent take their defaults; keys of others (`lang`, …) are left alone."""
        query = {**cls().to_query(), **query}
        return cls(
            method=query["method"],
            rank=whole("rank", query["rank"]),
            alpha=real("alpha", query["alpha"]),
            targets=_targets_from_text(query["targets"]),
            dropout=real("dropout", query["dropout"]),
            gamma_rule=query["gamma"],
        )


@dataclass(frozen=True)
class TrainConfig:
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
            _set(self, targets=self.adapter.targets)
        _set(self, targets=_targets(self.targets))
        if isinstance(self.targets, str):
            choice("targets", self.targets, ("all-linear", "blocks"))
        elif len(self.targets) > 64 or max(map(len, self.targets)) > 100:
            raise ConfigError(
                "type", field="targets", value=len(self.targets), expected="at most 64 short names"
            )
        _set(self, lr=real("lr", self.lr))
        between("lr", self.lr, *LIMITS["lr"])
        for name in ("batch", "steps", "seed"):
            _set(self, **{name: whole(name, getattr(self, name))})
            between(name, getattr(self, name), *LIMITS[name])
        if not isinstance(self.yardstick, bool):
            raise ConfigError("type", field="yardstick", value=self.yardstick, expected="true or false")

    def to_json(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["adapter"] = None if self.adapter is None else self.adapter.to_json()
        if isinstance(self.targets, tuple):
            values["targets"] = list(self.targets)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        values = known(cls, values)
        if isinstance(values.get("adapter"), Mapping):
            values["adapter"] = AdapterConfig.from_json(values["adapter"])
        return cls(**values)

    def to_query(self) -> dict[str, str]:
        """A flat dictionary; method "full" stands for no adapter."""
        query = {"method": "full", "targets": _targets_to_text(self.targets)}
        if self.adapter is not None:
            query = self.adapter.to_query()
        return {
            "base": self.base,
            "task": self.task,
            **query,
            "lr": _digits(self.lr),
            "batch": str(self.batch),
            "steps": str(self.steps),
            "seed": str(self.seed),
            "yardstick": str(int(self.yardstick)),
        }

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Keys that are absent take this class's defaults.

        For a recipe's own defaults, put its `to_query()` underneath.
        """
        query = {**cls().to_query(), **query}
        full = query["method"] == "full"
        return cls(
            base=query["base"],
            task=query["task"],
            adapter=None if full else AdapterConfig.from_query(query),
            targets=_targets_from_text(query["targets"]),
            lr=real("lr", query["lr"]),
            batch=whole("batch", query["batch"]),
            steps=whole("steps", query["steps"]),
            seed=whole("seed", query["seed"]),
            yardstick=_flag("yardstick", query["yardstick"]),
        )


def _set(config: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(config, name, value)  # frozen to everybody else


def _flag(field: str, value: str) -> bool:
    choice(field, value, ("0", "1"))
    return value == "1"


def _digits(value: float) -> str:
    """The shortest text that reads back as the same number: 16, 0.004, 1e-05."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _targets(value: Any) -> Targets:
    if isinstance(value, str):
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                "type", field="targets", value=value, expected=f"a regular expression ({error})"
            ) from None
        if value and not value.startswith(_NAMES):
            return value
    elif isinstance(value, list | tuple) and value and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    raise ConfigError(
        "type",
        field="targets",
        value=value,
        expected="'all-linear', 'blocks', a list of module names or suffixes, or a regular expression",
    )


def _targets_to_text(targets: Targets) -> str:
    if isinstance(targets, str):
        return targets
    return _NAMES + ",".join(quote(name, safe="") for name in targets)


def _targets_from_text(value: str) -> Targets:
    if not value.startswith(_NAMES):
        return value
    return tuple(unquote(name) for name in value.removeprefix(_NAMES).split(","))
