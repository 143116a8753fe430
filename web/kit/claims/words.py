"""Numbers and names as the figures and cards write them, in the reader's language."""

from __future__ import annotations

import math
from collections.abc import Mapping

from web.kit.i18n import number, scientific, t


class Shown(float):
    """A number in a sentence: `{gap:.2f}` as in Python, `{lr:e}` as a rate, `{tiny:p}` as a power."""

    def __format__(self, spec: str) -> str:
        if spec in ("e", "p"):
            return (rate if spec == "e" else power)(float(self))
        if not spec and self.is_integer():
            spec = ",.0f"
        return format(float(self), spec or ".3g").replace("-", "−")


def shown(values: Mapping[str, float | str]) -> dict[str, float | str]:
    """Values for a sentence."""
    return {key: value if isinstance(value, str) else Shown(value) for key, value in values.items()}


def small(value: float) -> str:
    """A number with as many decimals as it needs on an axis."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return power(value)
    digits = next((d for d in range(5) if abs(value - round(value, d)) <= abs(value) * 0.02), 5)
    return number(value, digits).replace("-", "−")


def whole(value: float) -> str:
    return number(round(value))


def two(value: float) -> str:
    return number(value, 2).replace("-", "−")


def three(value: float) -> str:
    return number(value, 3).replace("-", "−")


def rate(value: float) -> str:
    """A learning rate: `3.5e-3`, `1e-3`."""
    return scientific(value).replace(".0e", "e")


def power(value: float) -> str:
    """A number far from one: 3·10⁻⁵."""
    if value == 1:
        return "1"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    digits = f"{exponent}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    times = f"{value / 10**exponent:.1g}"
    return f"10{digits}" if times == "1" else f"{times}·10{digits}"


def rank(r: float) -> str:
    """Rank 16."""
    return t("experiments.rank", r=whole(r))


def rank_short(r: float) -> str:
    return t("experiments.rank_short", r=whole(r))


def axis(name: str) -> str:
    """An axis's title."""
    return t(f"experiments.axis.{name}")


def named(name: str) -> str:
    """A series or a row."""
    return t(f"experiments.series.{name}")


def choice(value: float | str) -> str:
    """A value of a setting, as its control shows it."""
    return t(f"experiments.choice.{value}") if isinstance(value, str) else small(value)
