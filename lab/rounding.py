"""Numbers as files and messages have them: six significant digits, and nothing that JSON has not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DIGITS = 6  # significant ones of each number


def rounded(value: Any) -> Any:
    """Floats to DIGITS significant digits, None where not finite; tuples become lists, as in JSON."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
