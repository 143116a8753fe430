"""The family: one file a method, found by name. No torch here, nor at the import of a method's file.

A method is an object of class `LoRA` or of a subclass (methods/lora.py says what it decides). Those in this
folder are registered when the package is imported, in the order of their `place`; others by a call:

    register(Mine())
    attach(model, AdapterConfig(method="mine"))
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from lora_core.bounds import choice
from lora_core.methods.lora import LoRA

_REGISTERED: dict[str, LoRA] = {}


def register(method: LoRA) -> None:
    """Makes a method known by its name.

    Raises:
        ValueError: another has this name.
    """
    if method.name in _REGISTERED:
        raise ValueError(f"method {method.name!r} is registered already, expected a new name")
    _REGISTERED[method.name] = method


def unregister(name: str) -> None:
    """Forgets a method.

    Raises:
        ConfigError: (a ValueError) there is none of this name.
    """
    choice("method", name, names())
    del _REGISTERED[name]


def names() -> tuple[str, ...]:
    """Names of all registered methods, in order."""
    return tuple(_REGISTERED)


def method(name: str) -> LoRA:
    """The method called `name`.

    Raises:
        ConfigError: (a ValueError) there is none; lists those there are.
    """
    choice("method", name, names())
    return _REGISTERED[name]


def written_by(entries: Mapping[str, Any]) -> LoRA | None:
    """The method that wrote an adapter_config.json, as far as its entries tell; None if none did."""
    found = [each for each in _REGISTERED.values() if each.wrote(entries)]
    return found[-1] if found else None


def _files() -> list[LoRA]:
    files = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    found: list[LoRA] = [importlib.import_module(f"{__name__}.{file}").METHOD for file in files]
    return sorted(found, key=lambda each: each.place)


for _each in _files():
    register(_each)
