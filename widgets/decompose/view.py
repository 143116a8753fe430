"""What the decompose page shows: which matrix, at which rank, which draw of chance. Free of Streamlit."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

PHOTOS = ("cat", "coffee", "camera", "brick", "grass")
SOURCES = (*PHOTOS, "delta", "random", "own")
"""The photos, a trained update, a random matrix, and what the reader brought."""
SPECTRA = ("exponential", "power", "step", "flat")
MARKS = ("cur", "id", "cr", "none")
"""Whose columns and rows are drawn on the picture; none leaves it as it is."""
MAX_RANK = 64
DRAWS = 10
"""How many draws of chance there are to go through."""


@dataclass(frozen=True)
class View:
    """One state of the page. `layer` counts for "delta" alone, `spectrum` for "random"."""

    source: str = PHOTOS[0]
    rank: int = 20
    layer: str = ""
    spectrum: str = SPECTRA[0]
    draw: int = 1
    mark: str = MARKS[0]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_query(self) -> dict[str, str]:
        """The view as a URL says it."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_query(cls, query: Mapping[str, str], layers: tuple[str, ...], *, own: bool) -> "View":
        """The view a URL asks for. What it does not say, or says wrongly, falls back.

        Args:
            query: the URL's parameters.
            layers: the layers whose update can be shown; the first is shown when none is named.
            own: the reader has brought a matrix; a link to one that is not here opens a photo.
        """
        view = cls(
            source=_one_of(query.get("source"), SOURCES),
            rank=_count(query.get("rank"), cls.rank, MAX_RANK),
            layer=_one_of(query.get("layer"), layers),
            spectrum=_one_of(query.get("spectrum"), SPECTRA),
            draw=_count(query.get("draw"), cls.draw, DRAWS),
            mark=_one_of(query.get("mark"), MARKS),
        )
        return replace(view, source=PHOTOS[0]) if view.source == "own" and not own else view


def _one_of(value: str | None, known: tuple[str, ...]) -> str:
    return value if value in known else known[0]


def _count(text: str | None, fallback: int, most: int) -> int:
    try:
        value = float(text or "")
    except ValueError:
        return fallback
    return round(min(max(value, 1), most)) if math.isfinite(value) else fallback
