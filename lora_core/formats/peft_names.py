"""Modules as adapter_config.json asks for them: names, suffixes, regular expressions. No torch here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

FILE = "adapter_config.json"


def check(entries: Mapping[str, Any]) -> None:
    """Raises ValueError: a key that should hold names or patterns holds something else."""
    for key in ("target_modules", "exclude_modules"):
        value = entries.get(key)
        if not (
            value is None
            or (isinstance(value, str) and _compiles(value))
            or (isinstance(value, list) and all(isinstance(name, str) for name in value))
        ):
            raise ValueError(f"{FILE}: {key} is {value!r}, expected names or a regular expression")
    for key in ("rank_pattern", "alpha_pattern"):
        value = entries.get(key)
        if value is not None and not (isinstance(value, dict) and all(map(_compiles, value))):
            raise ValueError(f"{FILE}: {key} is {value!r}, expected regular expressions and numbers")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def matcher(asked: str | list[str]) -> Callable[[str], bool]:
    """Whether a module's name is asked for: a pattern fits it whole, or it is or ends in one of the names."""
    if isinstance(asked, str):
        pattern = re.compile(asked)
        return lambda name: pattern.fullmatch(name) is not None
    return lambda name: any(name == each or name.endswith(f".{each}") for each in asked)


def by_pattern(patterns: Mapping[str, Any], name: str, default: Any) -> Any:
    """The value of the first pattern that fits the end of a name, as in PEFT."""
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", name):
            return value
    return default


def target_modules(chosen: list[str], names: Iterable[str]) -> list[str] | str:
    """The names; an exact pattern where PEFT, which takes a name as a suffix too, would find more."""
    matches = matcher(chosen)
    if set(filter(matches, names)) <= set(chosen):
        return chosen
    return "|".join(map(re.escape, chosen))


def exactly(name: str) -> str:
    """The pattern of one name."""
    return f"^{re.escape(name)}"
