"""The URL form of a run's settings: one key a field, all values text. No torch here.

An adapter's fields stand beside those of its run, "gamma" for its `gamma_rule`; `method=full` stands for no
adapter. Keys of others (`lang`, …) are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self, TypeVar
from urllib.parse import quote, unquote

from lora_core.bounds import JsonConfig, choice, real, whole
from lora_core.config import Targets

C = TypeVar("C", bound=JsonConfig)

_KEYS = {"gamma_rule": "gamma"}  # field -> its key, where that is another name
_NAMES = "names:"  # how a list of names starts, so that it cannot be taken for a regular expression


class Settings(JsonConfig):
    """What makes a frozen dataclass travel as JSON and in a URL's query."""

    def to_query(self) -> dict[str, str]:
        """A flat dictionary of text, in the order of the fields."""
        return to_query(self)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """The inverse of `to_query`. Keys that are absent take this class's defaults.

        For a recipe's own defaults, put its `to_query()` underneath.

        Raises:
            ConfigError: (a ValueError) a value that its field cannot have.
        """
        return from_query(cls, query)


def to_query(config: JsonConfig) -> dict[str, str]:
    """See `Settings.to_query`; for an AdapterConfig too, which knows no URL of its own."""
    query: dict[str, str] = {}
    for each in fields(config):  # type: ignore[arg-type]
        value = getattr(config, each.name)
        if each.name in config.nested:
            query |= {"method": "full"} if value is None else to_query(value)
        else:
            query[_KEYS.get(each.name, each.name)] = text(value)
    return query


def from_query(cls: type[C], query: Mapping[str, str]) -> C:
    """See `Settings.from_query`."""
    default = cls()
    query = {**to_query(default), **query}
    values: dict[str, Any] = {}
    for each in fields(cls):  # type: ignore[arg-type]
        if each.name in cls.nested:
            values[each.name] = (
                None if query["method"] == "full" else from_query(cls.nested[each.name], query)
            )
        else:
            given = query[_KEYS.get(each.name, each.name)]
            values[each.name] = _value(each.name, given, getattr(default, each.name))
    return cls(**values)


def text(value: Any) -> str:
    """16, 0.004, 1e-05: the shortest that reads back as the same number; 1 for true; a list of names."""
    if isinstance(value, tuple):
        return _NAMES + ",".join(quote(name, safe="") for name in value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _value(name: str, given: str, default: Any) -> Any:
    """What a text stands for in a field, of the kind of the field's default."""
    if name == "targets":
        return targets_of(given)
    if isinstance(default, bool):
        choice(name, given, ("0", "1"))
        return given == "1"
    if isinstance(default, int | float):
        return whole(name, given) if isinstance(default, int) else real(name, given)
    return given


def targets_of(given: str) -> Targets:
    """Names or suffixes of layers, "blocks" or "all-linear", as a URL has them."""
    if not given.startswith(_NAMES):
        return given
    return tuple(unquote(name) for name in given.removeprefix(_NAMES).split(","))
