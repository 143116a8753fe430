"""Modules as adapter_config.json asks for them: names, suffixes, regular expressions. No torch here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lora_core.formats.patterns import MAX_WORK, Budget, PatternError, compiled
from lora_core.formats.refusal import FormatError

FILE = "adapter_config.json"


def check(entries: Mapping[str, Any]) -> None:
    """Raises FormatError: a key that should hold names or patterns holds something else."""
    for key in ("target_modules", "exclude_modules"):
        value = entries.get(key)
        if not (
            value is None
            or (isinstance(value, str) and (not value or _compiles(key, value)))
            or (isinstance(value, list) and all(isinstance(name, str) for name in value))
        ):
            raise _wrong(key, value, "names or a regular expression")
    value = entries.get("target_parameters")
    if not (value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value))):
        raise _wrong("target_parameters", value, "names")
    for key in ("rank_pattern", "alpha_pattern"):
        value = entries.get(key)
        lists = key == "rank_pattern" and entries.get("peft_type") == "ADALORA"
        if value is None or (lists and isinstance(value, dict)):
            continue
        if not (isinstance(value, dict) and all(_compiles(key, pattern) for pattern in value)):
            raise _wrong(key, value, "regular expressions and numbers")


def _compiles(key: str, pattern: str) -> bool:
    try:
        compiled(pattern)
    except PatternError as error:
        raise FormatError("pattern", f"{FILE}: {key} is {pattern[:60]!r}: {error}", field=key) from None
    return True


def _wrong(key: str, value: Any, expected: str) -> FormatError:
    return FormatError("config", f"{FILE}: {key} is {str(value)[:80]}, expected {expected}", field=key)


def matcher(asked: str | list[str]) -> Callable[[str], bool]:
    """Whether a module's name is asked for: a pattern fits it whole, or it is or ends in one of the names.

    It raises FormatError where a pattern takes too long.
    """
    if not isinstance(asked, str):
        return lambda name: any(name == each or name.endswith(f".{each}") for each in asked)
    pattern, budget = compiled(asked), Budget(20 * MAX_WORK)

    def fits(name: str) -> bool:
        try:
            return pattern.fullmatch(name, budget)
        except PatternError as error:
            raise FormatError("pattern", f"{FILE}: {error}", field="target_modules") from None

    return fits


def target_modules(chosen: list[str], names: Iterable[str]) -> list[str] | str:
    """The names; an exact pattern where PEFT, which takes a name as a suffix too, would find more."""
    matches = matcher(chosen)
    if set(filter(matches, names)) <= set(chosen):
        return chosen
    return "|".join(map(re.escape, chosen))


def exactly(name: str) -> str:
    """The pattern of one name."""
    return f"^{re.escape(name)}"
