"""What the factor view shows: which layer, in which mode, at which rank and α. Free of Streamlit."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

MODES = ("compress", "retrain")
RULES = ("alpha/r", "alpha/sqrt(r)", "constant")
MAX_RANK = 32
RANKS = (1, 2, 4, 8, 16, 32)
"""The ranks at which adapters were trained; `retrain` knows only these, `compress` all up to MAX_RANK."""
SOURCE = "alpha/r"
"""The rule of the adapter that `compress` cuts: the one trained at MAX_RANK."""
TRAINED_ALPHA = {"alpha/r": 32.0, "alpha/sqrt(r)": 32.0, "constant": 2.0}
ALPHA = {"alpha/r": (1.0, 64.0, 1.0), "alpha/sqrt(r)": (1.0, 64.0, 1.0), "constant": (0.25, 8.0, 0.25)}
"""What the α slider of each rule offers: least, most, step."""


@dataclass(frozen=True)
class View:
    """One state of the view. In `compress` α and its rule are those of the training that is cut."""

    layer: str
    mode: str = "compress"
    rank: int = 8
    alpha: float = TRAINED_ALPHA[SOURCE]
    rule: str = SOURCE

    def settled(self) -> "View":
        """The nearest view that exists: a rank that was trained, an α that the slider can show."""
        if self.mode == "compress":
            rank = min(max(self.rank, 1), MAX_RANK)
            return replace(self, rank=rank, alpha=TRAINED_ALPHA[SOURCE], rule=SOURCE)
        rank = min(RANKS, key=lambda trained: (abs(math.log2(trained / max(self.rank, 1))), trained))
        least, most, step = ALPHA[self.rule]
        return replace(self, rank=rank, alpha=min(max(round(self.alpha / step) * step, least), most))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_query(self) -> dict[str, str]:
        """The view as a URL says it."""
        return {name: str(value) for name, value in asdict(self).items()} | {"alpha": f"{self.alpha:g}"}

    @classmethod
    def from_query(cls, query: Mapping[str, str], layers: tuple[str, ...], layer: str) -> "View":
        """The view a URL asks for. What it does not say, or says wrongly, falls back.

        Args:
            query: the URL's parameters.
            layers: the layers that exist.
            layer: the one shown when none is named.
        """
        mode = _one_of(query.get("mode"), MODES)
        rule = _one_of(query.get("rule"), RULES)
        rank = _number(query.get("rank"), cls.rank)
        alpha = _number(query.get("alpha"), TRAINED_ALPHA[rule])
        named = query.get("layer")
        return cls(named if named in layers else layer, mode, round(rank), alpha, rule).settled()


def _one_of(value: str | None, known: tuple[str, ...]) -> str:
    return value if value in known else known[0]


def _number(text: str | None, fallback: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return fallback
    return min(max(value, -1e9), 1e9) if math.isfinite(value) else fallback
