"""The bases there are: those of `records/`, and what was registered since. No torch here."""

from __future__ import annotations

import importlib
import pkgutil

from lab.bases import records
from lab.bases.base import Base, Lesson
from lora_core.bounds import ConfigError, choice

BASES: dict[str, Base] = {}


def register(base: Base) -> None:
    """Makes a base known by its name.

    Raises:
        ValueError: another has this name, or teaches a task of the same name.
    """
    taken = [task for each in BASES.values() for task in each.lessons if task in base.lessons]
    if base.name in BASES or taken:
        raise ValueError(f"{', '.join(taken) or base.name!r} is registered already, expected a new name")
    BASES[base.name] = base


def unregister(name: str) -> None:
    """Forgets a base."""
    del BASES[name]


def base_called(name: str) -> Base:
    """The base of this name.

    Raises:
        ConfigError: (a ValueError) there is none; lists those there are.
    """
    choice("base", name, BASES)
    return BASES[name]


def base_of(task: str) -> Base:
    """The base that teaches a task.

    Raises:
        ConfigError: (a ValueError) none does; lists the tasks there are.
    """
    for base in BASES.values():
        if task in base.lessons:
            return base
    tasks = ", ".join(task for base in BASES.values() for task in base.lessons)
    raise ConfigError("choice", field="task", value=task, choices=tasks)


def lesson(base: str, task: str) -> Lesson:
    """A lesson of a base.

    Raises:
        ConfigError: (a ValueError) the base does not exist or does not offer the task; lists what does.
    """
    return base_called(base).lesson(task)


for _file in sorted(info.name for info in pkgutil.iter_modules(records.__path__)):
    if not _file.startswith("_"):
        register(importlib.import_module(f"{records.__name__}.{_file}").BASE)
