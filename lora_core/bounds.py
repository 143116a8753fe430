"""What a setting may be, and the one error that says it is not. No torch here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self


class ConfigError(ValueError):
    """A setting that cannot be. `key` and `values` let a page say it in the reader's language.

    key is "range" (field, value, low, high), "choice" (field, value, choices) or "type" (field, value,
    expected).
    """

    def __init__(self, key: str, **values: Any) -> None:
        self.key = key
        self.values = values
        field, value = values["field"], values["value"]
        expected = {
            "range": "between {low} and {high}",
            "choice": "one of: {choices}",
            "type": "{expected}",
        }[key].format(**values)
        super().__init__(f"{field} is {value!r}, expected {expected}")


# Each of these raises ConfigError with the field's name, its value and what was expected.


def choice(field: str, value: Any, choices: Collection[str]) -> None:
    """Value is one of the choices."""
    if value not in choices:
        raise ConfigError("choice", field=field, value=value, choices=", ".join(choices))


def between(field: str, value: float, low: float, high: float) -> None:
    """Value is from low to high, both included."""
    if not low <= value <= high:
        raise ConfigError("range", field=field, value=value, low=low, high=high)


def whole(field: str, value: Any, *, least: int | None = None) -> int:
    """The whole number that a value of JSON or of a URL stands for."""
    expected = "a whole number" if least is None else f"a whole number from {least}"
    try:
        if isinstance(value, bool) or (not isinstance(value, str) and value != int(value)):
            raise ValueError
        number = int(value)
        if least is not None and number < least:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("type", field=field, value=value, expected=expected) from None
    return number


def real(field: str, value: Any) -> float:
    """The finite number that a value of JSON or of a URL stands for."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError("type", field=field, value=value, expected="a finite number")
    return number


def positive(field: str, value: Any) -> float:
    """The same, above 0."""
    number = real(field, value)
    if not number > 0:
        raise ConfigError("type", field=field, value=value, expected="a number above 0")
    return number


def largest_rank(shapes: Iterable[tuple[int, int]]) -> int:
    """The highest r that every one of these matrices (d_out, d_in) can have: the least min(d_out, d_in)."""
    return min(min(shape) for shape in shapes)


def known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, all of whose keys are fields of a dataclass."""
    names = tuple(each.name for each in fields(cls))
    for key in values:
        choice("key", key, names)
    return dict(values)


class JsonConfig:
    """What makes a frozen dataclass travel as JSON: an object of its fields, tuples as lists.

    Attributes:
        nested: field -> the class of a field that is itself such a dataclass (or None).
    """

    nested: ClassVar[Mapping[str, type[JsonConfig]]] = {}

    def to_json(self) -> dict[str, Any]:
        """Every field by name, in values that JSON has."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. A key that is missing takes its default.

        Raises:
            ConfigError: a key that is no field, or what the dataclass itself refuses.
        """
        found = known(cls, values)
        for name, kind in cls.nested.items():
            if isinstance(found.get(name), Mapping):
                found[name] = kind.from_json(found[name])
        return cls(**found)


def _plain(value: Any) -> Any:
    if isinstance(value, JsonConfig):
        return value.to_json()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
