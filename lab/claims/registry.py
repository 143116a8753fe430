"""Which experiments there are, and what a reader may ask of one. No torch here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from lab.claims.base import Experiment, Update
from lab.claims.record import read
from lab.settings import Settings, text
from lora_core.config import ConfigError

NAMES = (
    "c01_capacity",
    "c02_learning_rate",
    "c03_rank",
    "c04_layers",
    "c05_batch",
    "c06_reinforcement",
    "c07_invariance",
    "c08_warmup",
    "c09_compute",
    "c10_bits",
    "c11_kernel",
    "c12_forgetting",
    "early_curves",
    "methods_race",
)


def load(name: str) -> Experiment:
    """The experiment of a name: `EXPERIMENT` of its file.

    Raises:
        ConfigError: (a ValueError) there is none; lists what there is.
    """
    if name not in NAMES:
        raise ConfigError("choice", field="experiment", value=name, choices=", ".join(NAMES))
    found = importlib.import_module(f"lab.claims.{name}").EXPERIMENT
    assert isinstance(found, Experiment)
    return found


@dataclass(frozen=True)
class ExperimentConfig(Settings):
    """A live run: an experiment and all its settings; those not given take their default.

    Raises:
        ConfigError: (a ValueError) names the experiment or setting, its value and what there is.
    """

    name: str
    settings: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        offered = {setting.name: setting for setting in load(self.name).settings}
        for name, value in self.settings.items():
            if name not in offered:
                raise ConfigError("choice", field="setting", value=name, choices=", ".join(offered))
            if not offered[name].allows(value):
                choices = ", ".join(map(text, offered[name].choices))
                raise ConfigError("choice", field=name, value=value, choices=choices)
        defaults = {name: setting.default for name, setting in offered.items()}
        object.__setattr__(self, "settings", {**defaults, **self.settings})

    def to_query(self) -> dict[str, str]:
        settings = {name: text(value) for name, value in self.settings.items()}
        return {"experiment": self.name, **settings}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Settings that are absent take their defaults; keys of others (`lang`, …) are left alone."""
        name = query["experiment"]
        settings: dict[str, float | str] = {}
        for setting in load(name).settings:
            if setting.name in query:
                texts = {text(choice): choice for choice in setting.choices}
                settings[setting.name] = texts.get(query[setting.name], query[setting.name])
        return cls(name, settings)


def live(
    config: ExperimentConfig,
    *,
    device: str = "cpu",
    stop: Callable[[], bool] = lambda: False,
    every: float = 0.25,
) -> Iterator[Update]:
    """The quick run of an experiment, at the learning rates of its record unless a setting was changed."""
    experiment, record = load(config.name), read(config.name)
    changed = any(
        config.settings[setting.name] != setting.default
        for setting in experiment.settings
        if setting.always is None
    )
    yield from experiment.run(
        experiment.quick,
        seeds=experiment.quick_seeds,
        chosen=record.result.chosen if record and not changed else None,
        settings=config.settings,
        device=device,
        stop=stop,
        every=every,
    )
